#include "base/config.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "base/setting.h"
#include "base/settings_file.h"
#include "base/toml_text.h"

namespace lakehouse {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;
constexpr int64_t kGibibyte = int64_t{1} << 30;
constexpr int64_t kPebibyte = int64_t{1} << 50;
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kMaxThreads = 1'024;
constexpr const char* kDefaultSource = "default";
constexpr std::string_view kBuckets = "storage.buckets";
constexpr std::string_view kProviders = "ai.providers";
constexpr std::string_view kModels = "ai.models";

// A setting that is an array of tables.
struct TableList {
  std::string_view key;
  std::string_view item;  // What one table is, in messages.
  std::string_view help;
};
constexpr TableList kTableLists[] = {
    {kProviders, "a provider",
     "Servers of models, one [[ai.providers]] table each; nothing leaves this process without."},
    {kModels, "a model",
     "Models under names of their own, one [[ai.models]] table each; ai.model needs none."},
    {kBuckets, "a bucket",
     "Named storage roots, one [[storage.buckets]] table each; without any there is one local "
     "bucket, primary, in the data directory."},
};

const TableList* FindTableList(std::string_view key) {
  const auto* found = std::ranges::find(kTableLists, key, &TableList::key);
  return found == std::end(kTableLists) ? nullptr : found;
}

// Calls `visit` with every setting of a section, in the order of the documentation.
template <typename Visit>
void VisitServerSettings(ServerConfig& server, const Visit& visit) {
  visit(TextSetting{"server.listen", &server.listen, AddressRule{},
                    "Address and port to listen on; port 0 lets the system choose."});
  visit(IntSetting{"server.io_threads", &server.io_threads, IntRule{1, 64},
                   "Threads that move bytes between connections and handlers."});
  visit(IntSetting{"server.worker_threads", &server.worker_threads, IntRule{1, kMaxThreads},
                   "Threads that run handlers."});
  visit(IntSetting{"server.max_connections", &server.max_connections, IntRule{1, 1'000'000},
                   "Connections that are open at once; the next one is refused."});
  visit(IntSetting{"server.max_request_bytes", &server.max_request_bytes, IntRule{1'024, kGibibyte},
                   "Largest JSON body of a request."});
  visit(IntSetting{"server.max_upload_bytes", &server.max_upload_bytes, IntRule{1'024, kPebibyte},
                   "Largest streamed body of a request."});
  visit(IntSetting{"server.max_header_bytes", &server.max_header_bytes, IntRule{1'024, kMebibyte},
                   "Largest header of a request."});
  visit(IntSetting{"server.header_timeout_ms", &server.header_timeout_ms, IntRule{10, kHourMs},
                   "Time for a request's header to arrive."});
  visit(IntSetting{"server.body_idle_timeout_ms", &server.body_idle_timeout_ms,
                   IntRule{10, kHourMs}, "Time without a byte after which a body is given up."});
  visit(IntSetting{"server.keep_alive_timeout_ms", &server.keep_alive_timeout_ms,
                   IntRule{10, kHourMs}, "Time that an idle connection stays open."});
  visit(IntSetting{"server.drain_timeout_ms", &server.drain_timeout_ms, IntRule{0, kHourMs},
                   "Time that running requests get to end when the server stops."});
}

template <typename Visit>
void VisitSqlSettings(SqlConfig& sql, const Visit& visit) {
  visit(IntSetting{"sql.memory_limit_bytes", &sql.memory_limit_bytes,
                   IntRule{64 * kMebibyte, kPebibyte, true},
                   "Memory for queries; 0 takes 40 % of the machine's."});
  visit(IntSetting{"sql.threads", &sql.threads, IntRule{1, kMaxThreads, true},
                   "Threads for queries; 0 takes every core."});
  visit(IntSetting{"sql.max_temp_bytes", &sql.max_temp_bytes, IntRule{kMebibyte, kPebibyte, true},
                   "Disk for queries that outgrow memory; 0 takes half of what is free at start."});
  visit(IntSetting{"sql.default_timeout_ms", &sql.default_timeout_ms, IntRule{1, 24 * kHourMs},
                   "Time for a query that names no timeout."});
  visit(IntSetting{"sql.default_row_limit", &sql.default_row_limit, IntRule{1, 100'000'000},
                   "Rows of an answer that names no limit."});
  visit(IntSetting{"sql.max_result_bytes", &sql.max_result_bytes,
                   IntRule{65'536, 1'024 * kGibibyte}, "Largest answer to a query."});
  visit(IntSetting{"sql.max_concurrent_queries", &sql.max_concurrent_queries,
                   IntRule{1, kMaxThreads}, "Queries that run at once; the next one waits."});
}

template <typename Visit>
void VisitIngestSettings(IngestConfig& ingest, const Visit& visit) {
  visit(IntSetting{"ingest.max_line_bytes", &ingest.max_line_bytes, IntRule{1'024, kGibibyte},
                   "Longest line or record of an ingested file."});
  visit(IntSetting{"ingest.max_columns", &ingest.max_columns, IntRule{1, 65'536},
                   "Most columns of an ingested file."});
  visit(IntSetting{"ingest.min_free_disk_bytes", &ingest.min_free_disk_bytes, IntRule{0, kPebibyte},
                   "Free disk below which an ingest is refused."});
}

template <typename Visit>
void VisitAiSettings(AiConfig& ai, const Visit& visit) {
  visit(TextSetting{"ai.model", &ai.model, TextRule{.empty_too = false},
                    "Name of the embedding model."});
  visit(TextSetting{"ai.model_dir", &ai.model_dir, TextRule{.empty_too = true},
                    "Directory of the model; empty takes the one that the set-up filled."});
  visit(TextSetting{"ai.precision", &ai.precision, ChoiceRule{{"auto", "f32", "bf16", "int8"}},
                    "Arithmetic of the encoder; auto takes the fastest exact enough here."});
  visit(IntSetting{"ai.threads", &ai.threads, IntRule{1, kMaxThreads, true},
                   "Threads of the encoder; 0 takes every core."});
  visit(TextSetting{"ai.rerank_model", &ai.rerank_model, TextRule{.empty_too = true},
                    "Model of [[ai.models]] that reranks when a request names none."});
  visit(TextSetting{"ai.generate_model", &ai.generate_model, TextRule{.empty_too = true},
                    "Model of [[ai.models]] that writes text when a request names none."});
  visit(IntSetting{"ai.cache_memory_bytes", &ai.cache_memory_bytes,
                   IntRule{kMebibyte, kPebibyte, true},
                   "Memory for vectors of texts that may be embedded again; 0 keeps none."});
  visit(IntSetting{"ai.cache_disk_bytes", &ai.cache_disk_bytes, IntRule{kMebibyte, kPebibyte, true},
                   "Storage in the primary bucket for the same; 0 keeps none."});
}

template <typename Visit>
void VisitProviderSettings(AiProviderConfig& provider, const std::string& prefix,
                           const Visit& visit) {
  visit(TextSetting{StrCat(prefix, "name"), &provider.name, TextRule{.empty_too = false},
                    "Name of the provider; required."});
  visit(TextSetting{StrCat(prefix, "kind"), &provider.kind, ChoiceRule{{"ollama", "openai"}},
                    "Protocol of the server; openai is also that of TEI, vLLM, llama.cpp and "
                    "LM Studio."});
  visit(TextSetting{StrCat(prefix, "url"), &provider.url, TextRule{.empty_too = false},
                    "URL of the server, without /v1 or /api; required."});
  visit(TextSetting{StrCat(prefix, "credentials"), &provider.credentials,
                    TextRule{.empty_too = true},
                    "Name of the secret whose api_key is sent; empty sends none."});
  visit(TextSetting{StrCat(prefix, "ca_file"), &provider.ca_file, TextRule{.empty_too = true},
                    "PEM file of the authorities that the server's certificate is checked "
                    "against; empty takes the system's."});
  visit(FlagSetting{StrCat(prefix, "allow_remote"), &provider.allow_remote, FlagRule{},
                    "Whether texts may leave this machine for this server."});
  visit(FlagSetting{StrCat(prefix, "allow_cloud"), &provider.allow_cloud, FlagRule{},
                    "Whether they may for models that the server passes on to another one."});
  visit(IntSetting{StrCat(prefix, "max_concurrent_requests"), &provider.max_concurrent_requests,
                   IntRule{1, kMaxThreads, true},
                   "Requests at once; 0 takes 1 for Ollama and 4 for others."});
  visit(IntSetting{StrCat(prefix, "max_batch_texts"), &provider.max_batch_texts, IntRule{1, 65'536},
                   "Texts of one request."});
  visit(IntSetting{StrCat(prefix, "max_batch_bytes"), &provider.max_batch_bytes,
                   IntRule{1'024, kGibibyte}, "Bytes of the texts of one request."});
  visit(IntSetting{StrCat(prefix, "request_timeout_ms"), &provider.request_timeout_ms,
                   IntRule{100, kHourMs}, "Time for one request."});
  visit(IntSetting{StrCat(prefix, "load_timeout_ms"), &provider.load_timeout_ms,
                   IntRule{100, kHourMs}, "Time for a request that may load a model first."});
  visit(IntSetting{StrCat(prefix, "max_retries"), &provider.max_retries, IntRule{0, 100},
                   "Times that a failed request is sent again where that is safe."});
  visit(IntSetting{StrCat(prefix, "threads"), &provider.threads, IntRule{1, kMaxThreads, true},
                   "Threads of a model that Ollama runs on a CPU; 0 leaves that to it."});
}

template <typename Visit>
void VisitModelSettings(AiModelConfig& model, const std::string& prefix, const Visit& visit) {
  visit(TextSetting{StrCat(prefix, "name"), &model.name, TextRule{.empty_too = false},
                    "Name of the model in requests and in ai.model; required."});
  visit(TextSetting{StrCat(prefix, "task"), &model.task,
                    ChoiceRule{{"embed", "rerank", "generate"}}, "What the model is for."});
  visit(TextSetting{StrCat(prefix, "provider"), &model.provider, TextRule{.empty_too = false},
                    "Where it runs: embedded, or the name of a provider."});
  visit(TextSetting{StrCat(prefix, "model"), &model.model, TextRule{.empty_too = true},
                    "Its name at the provider; empty takes the same name."});
  visit(TextSetting{StrCat(prefix, "directory"), &model.directory, TextRule{.empty_too = true},
                    "Directory of an embedded model, empty for the one that the set-up filled; of "
                    "a server's model, that of its tokenizer, empty to estimate tokens."});
  visit(TextSetting{StrCat(prefix, "precision"), &model.precision,
                    ChoiceRule{{"", "auto", "f32", "bf16", "int8"}},
                    "Arithmetic of an embedded model; empty takes ai.precision."});
  visit(IntSetting{StrCat(prefix, "dimensions"), &model.dimensions, IntRule{1, 65'536, true},
                   "Width of its vectors; 0 takes the model's own."});
  visit(IntSetting{StrCat(prefix, "max_tokens"), &model.max_tokens, IntRule{8, 1'048'576, true},
                   "Tokens of one text at most; 0 takes the model's own limit."});
  visit(TextSetting{StrCat(prefix, "document_prefix"), &model.document_prefix,
                    TextRule{.empty_too = true},
                    "What is put before each document; auto takes the model's own."});
  visit(TextSetting{StrCat(prefix, "query_prefix"), &model.query_prefix,
                    TextRule{.empty_too = true},
                    "What is put before each query; auto takes the model's own."});
}

template <typename Visit>
void VisitSearchSettings(SearchConfig& search, const Visit& visit) {
  visit(IntSetting{"search.rows_per_part", &search.rows_per_part, IntRule{1, 1'000'000},
                   "Rows that an index job embeds between two commits."});
  visit(IntSetting{"search.chunk_tokens", &search.chunk_tokens, IntRule{8, 8'192},
                   "Longest chunk of a text, in tokens of the model."});
  visit(IntSetting{"search.chunk_overlap_tokens", &search.chunk_overlap_tokens, IntRule{0, 8'191},
                   "Tokens that two neighbouring chunks share; less than search.chunk_tokens."});
  visit(IntSetting{"search.max_resident_bytes", &search.max_resident_bytes,
                   IntRule{kMebibyte, kPebibyte, true},
                   "Memory for loaded indexes; 0 takes 25 % of the machine's."});
}

template <typename Visit>
void VisitLogSettings(LogConfig& log, const Visit& visit) {
  visit(TextSetting{"log.level", &log.level, ChoiceRule{{"debug", "info", "warning", "error"}},
                    "Least important record that is written."});
  visit(TextSetting{"log.format", &log.format, ChoiceRule{{"text", "json"}},
                    "Form of a record: key=value or one JSON object."});
}

template <typename Visit>
void VisitStorageSettings(StorageConfig& storage, const Visit& visit) {
  visit(TextSetting{"storage.profile_root", &storage.profile_root, TextRule{.empty_too = false},
                    "Directory of the buckets of profiles; relative to the data directory."});
  visit(TextSetting{"storage.rescue", &storage.rescue, BucketNameRule{.empty_too = true},
                    "Bucket that is read when another one fails; empty takes the one named "
                    "rescue, if there is one."});
  visit(IntSetting{"storage.cache_bytes", &storage.cache_bytes,
                   IntRule{64 * kMebibyte, kPebibyte, true},
                   "Disk for local copies of what S3 buckets hold; 0 keeps none."});
  visit(IntSetting{"storage.request_timeout_ms", &storage.request_timeout_ms, IntRule{100, kHourMs},
                   "Time for one operation on an S3 bucket, with its retries."});
  visit(IntSetting{"storage.connect_timeout_ms", &storage.connect_timeout_ms, IntRule{10, kHourMs},
                   "Time for a connection to an S3 server."});
  visit(IntSetting{"storage.stall_timeout_ms", &storage.stall_timeout_ms, IntRule{100, kHourMs},
                   "Time without a byte after which a request to an S3 server is given up."});
  visit(IntSetting{"storage.max_retries", &storage.max_retries, IntRule{0, 100},
                   "Times that a failed request to an S3 server is sent again."});
}

template <typename Visit>
void VisitBucketSettings(BucketConfig& bucket, const std::string& prefix, const Visit& visit) {
  visit(TextSetting{StrCat(prefix, "name"), &bucket.name, BucketNameRule{},
                    "Name of the bucket; required."});
  visit(TextSetting{StrCat(prefix, "backend"), &bucket.backend, ChoiceRule{{"local", "s3"}},
                    "Kind of storage."});
  visit(TextSetting{StrCat(prefix, "root"), &bucket.root, TextRule{.empty_too = true},
                    "Directory of a local bucket; empty takes buckets/NAME in the data "
                    "directory."});
  visit(TextSetting{StrCat(prefix, "bucket"), &bucket.bucket, TextRule{.empty_too = true},
                    "Name of the bucket on its S3 server; required there."});
  visit(TextSetting{StrCat(prefix, "prefix"), &bucket.prefix, TextRule{.empty_too = true},
                    "What every key begins with on the S3 server, without a slash at its ends."});
  visit(TextSetting{StrCat(prefix, "endpoint"), &bucket.endpoint, TextRule{.empty_too = true},
                    "URL of the S3 server; empty takes AWS in the region."});
  visit(TextSetting{StrCat(prefix, "region"), &bucket.region, TextRule{.empty_too = false},
                    "Region of the S3 bucket."});
  visit(SwitchSetting{StrCat(prefix, "path_style"), &bucket.path_style, SwitchRule{},
                      "Whether the bucket stands in the path of a URL instead of its host; auto "
                      "does so except on AWS."});
  visit(SwitchSetting{StrCat(prefix, "allow_http"), &bucket.allow_http, SwitchRule{},
                      "Whether the endpoint may be reached without TLS; auto allows loopback "
                      "addresses."});
  visit(TextSetting{StrCat(prefix, "credentials"), &bucket.credentials, TextRule{.empty_too = true},
                    "Name of the secret that signs requests, or aws:environment, "
                    "aws:web-identity, aws:instance, aws:chain or anonymous; required for S3."});
  visit(TextSetting{StrCat(prefix, "ca_file"), &bucket.ca_file, TextRule{.empty_too = true},
                    "PEM file of the authorities that the S3 server's certificate is checked "
                    "against; empty takes the system's."});
}

std::string TablePrefix(std::string_view list, size_t index) {
  return StrCat(list, '[', index, "].");
}

// How many tables a list has, and room for as many.
size_t TableCount(const Config& config, std::string_view list) {
  if (list == kProviders) return config.ai.providers.size();
  return list == kModels ? config.ai.models.size() : config.storage.buckets.size();
}

void ResizeTables(Config& config, std::string_view list, size_t count) {
  if (list == kProviders) {
    config.ai.providers.resize(count);
  } else if (list == kModels) {
    config.ai.models.resize(count);
  } else {
    config.storage.buckets.resize(count);
  }
}

// Calls `visit` with every setting; lists of tables come last.
template <typename Visit>
void VisitSettings(Config& config, const Visit& visit) {
  VisitServerSettings(config.server, visit);
  VisitSqlSettings(config.sql, visit);
  VisitIngestSettings(config.ingest, visit);
  VisitAiSettings(config.ai, visit);
  VisitSearchSettings(config.search, visit);
  VisitLogSettings(config.log, visit);
  VisitStorageSettings(config.storage, visit);
  for (size_t i = 0; i < config.ai.providers.size(); ++i) {
    VisitProviderSettings(config.ai.providers[i], TablePrefix(kProviders, i), visit);
  }
  for (size_t i = 0; i < config.ai.models.size(); ++i) {
    VisitModelSettings(config.ai.models[i], TablePrefix(kModels, i), visit);
  }
  for (size_t i = 0; i < config.storage.buckets.size(); ++i) {
    VisitBucketSettings(config.storage.buckets[i], TablePrefix(kBuckets, i), visit);
  }
}

// Reads one TOML document into a Config and keeps the first error in it. The document's values are
// listed by their key first; what no setting then takes is unknown. Borrows everything; used once.
class ConfigReader {
 public:
  ConfigReader(const toml::table& root, const std::string& origin, Config& config)
      : origin_(origin), config_(config) {
    for (const auto& [name, node] : root) ListSection(KeyPiece(name.str()), node);
  }

  Status Read() {
    VisitSettings(config_, [this](const auto& setting) {
      known_.push_back(setting.key);
      const auto found = values_.find(setting.key);
      if (found == values_.end()) return;
      const Status status = StoreValue(setting, *found->second);
      if (!status.ok()) Report(*found->second, status.message());
    });
    CheckNames();
    CheckBuckets();
    CheckAi();
    CheckOverlap();
    // A wrong value comes before an unknown key: the keys of a bucket depend on its backend.
    if (status_.ok()) CheckUnknown();
    return status_;
  }

  bool Has(const std::string& key) const { return values_.contains(key); }

 private:
  // Quotes what a bare key cannot hold, so that a quoted key cannot pass for a longer path.
  static std::string KeyPiece(std::string_view name) {
    const bool bare = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    });
    return bare ? std::string(name) : QuoteForMessage(name);
  }

  void ListSection(const std::string& section, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr || table->empty()) {
      values_.emplace(section, &node);
      return;
    }
    for (const auto& [name, value] : *table) {
      const std::string key = StrCat(section, '.', KeyPiece(name.str()));
      const toml::array* array = value.as_array();
      const TableList* list = FindTableList(key);
      if (array != nullptr && list != nullptr) {
        ListTables(*list, *array);
      } else {
        values_.emplace(key, &value);
      }
    }
  }

  void ListTables(const TableList& list, const toml::array& array) {
    std::vector<const toml::node*>& tables = tables_[list.key];
    for (const toml::node& element : array) {
      const std::string prefix = TablePrefix(list.key, tables.size());
      tables.push_back(&element);
      const toml::table* table = element.as_table();
      if (table == nullptr) {
        Report(element, StrCat(list.item, " must be a table: write [[", list.key, "]], not ",
                               TomlTypeWords(element)));
        continue;
      }
      for (const auto& [name, value] : *table) {
        values_.emplace(StrCat(prefix, KeyPiece(name.str())), &value);
      }
    }
    ResizeTables(config_, list.key, tables.size());
  }

  void CheckNames() {
    for (const TableList& list : kTableLists) {
      for (size_t i = 0; i < tables_[list.key].size(); ++i) {
        if (Has(StrCat(TablePrefix(list.key, i), "name"))) continue;
        Report(*tables_[list.key][i],
               StrCat(list.item, " needs a name: write name = \"…\" below its header"));
      }
    }
  }

  void CheckBuckets() {
    // Where a value was refused, its default would look like a mistake.
    const bool complete = status_.ok();
    std::set<std::string> names;
    std::set<std::string> roots;
    for (size_t i = 0; i < config_.storage.buckets.size(); ++i) {
      const BucketConfig& bucket = config_.storage.buckets[i];
      // A name that was refused has been left empty.
      if (bucket.name.empty()) continue;
      const toml::node& table = *tables_[kBuckets][i];
      if (const auto mistake = complete ? FindMistake(bucket) : std::nullopt) {
        const auto value = values_.find(StrCat(TablePrefix(kBuckets, i), mistake->setting));
        Report(value == values_.end() ? table : *value->second, mistake->problem);
      }
      if (!names.insert(bucket.name).second) {
        Report(table, StrCat("two buckets have one name: ", bucket.name));
      }
      if (!bucket.root.empty() && !roots.insert(bucket.root).second) {
        Report(table, StrCat("two buckets have one root: ", QuoteForMessage(bucket.root)));
      }
    }
    CheckRescue(names);
  }

  void CheckAi() {
    if (!status_.ok()) return;
    const std::optional<AiMistake> mistake = FindMistake(config_.ai);
    if (!mistake.has_value()) return;
    auto node = values_.find(mistake->setting);
    if (node != values_.end()) {
      Report(*node->second, mistake->problem);
      return;
    }
    // What is missing from a table is reported at the table.
    for (const TableList& list : kTableLists) {
      for (size_t i = 0; i < tables_[list.key].size(); ++i) {
        if (!mistake->setting.starts_with(TablePrefix(list.key, i))) continue;
        Report(*tables_[list.key][i], mistake->problem);
      }
    }
  }

  void CheckRescue(const std::set<std::string>& names) {
    const std::string& rescue = config_.storage.rescue;
    if (rescue.empty()) return;
    const toml::node& node = *values_.at("storage.rescue");
    if (rescue == "primary") {
      Report(node, "storage.rescue must be another bucket than primary");
    } else if (!names.contains(rescue)) {
      Report(node, StrCat("storage.rescue names no bucket of this file: ", rescue));
    }
  }

  void CheckOverlap() {
    if (config_.search.chunk_overlap_tokens < config_.search.chunk_tokens) return;
    auto found = values_.find("search.chunk_overlap_tokens");
    if (found == values_.end()) found = values_.find("search.chunk_tokens");
    CHECK(found != values_.end());
    Report(*found->second,
           StrCat("search.chunk_overlap_tokens must be less than "
                  "search.chunk_tokens, got ",
                  config_.search.chunk_overlap_tokens, " and ", config_.search.chunk_tokens));
  }

  // Words only the first unknown key: to look for its nearest is slow.
  void CheckUnknown() {
    std::set<std::string> sections;
    for (const TableList& list : kTableLists) sections.emplace(SectionOf(list.key));
    for (const std::string& key : known_) sections.emplace(SectionOf(key));
    const std::set<std::string> settings(known_.begin(), known_.end());
    const auto is_known = [&](const auto& entry) {
      const auto& [key, node] = entry;
      return settings.contains(key) || (sections.contains(key) && node->is_table());
    };
    auto first = values_.end();
    for (auto entry = values_.begin(); entry != values_.end(); ++entry) {
      if (is_known(*entry)) continue;
      if (first == values_.end() || PlaceOf(*entry->second) < PlaceOf(*first->second))
        first = entry;
    }
    if (first == values_.end()) return;
    const auto& [key, node] = *first;
    for (const TableList& list : kTableLists) known_.emplace_back(list.key);
    known_.insert(known_.end(), sections.begin(), sections.end());
    Report(*node, UnknownKeyProblem(key, *node, sections.contains(key)));
  }

  std::string UnknownKeyProblem(const std::string& key, const toml::node& node, bool is_section) {
    if (FindTableList(key) != nullptr) {
      return StrCat(key, " must be an array of tables: write [[", key, "]], not ",
                    TomlTypeWords(node));
    }
    if (is_section) {
      return StrCat(key, " must be a table: write [", key, "], not ", TomlTypeWords(node));
    }
    const std::string nearest = NearestName(key, known_);
    if (nearest.empty()) {
      return StrCat("unknown key ", key, "; `lakehouse config` lists the valid ones");
    }
    return StrCat("unknown key ", key, "; did you mean ", nearest, "?");
  }

  static toml::source_position PlaceOf(const toml::node& node) { return node.source().begin; }

  static std::string_view SectionOf(std::string_view key) { return key.substr(0, key.find('.')); }

  // Keeps the error that comes first in the file.
  void Report(const toml::node& node, std::string_view problem) {
    if (!status_.ok() && first_error_ <= PlaceOf(node)) return;
    first_error_ = PlaceOf(node);
    status_ = InvalidArgument(TomlPlace(origin_, node), problem);
  }

  const std::string& origin_;
  Config& config_;
  std::map<std::string, const toml::node*> values_;
  std::map<std::string_view, std::vector<const toml::node*>> tables_;  // By TableList::key.
  std::vector<std::string> known_;  // Every valid key, in the order of the documentation.
  toml::source_position first_error_{};
  Status status_;
};

}  // namespace

Result<LoadedConfig> ParseConfig(std::string_view toml_text, const std::string& origin) {
  ASSIGN_OR_RETURN(const toml::table root, ParseToml(toml_text, origin, TomlErrors::kDetailed));
  LoadedConfig loaded;
  ConfigReader reader(root, origin, loaded.config);
  TRY(reader.Read());
  VisitSettings(loaded.config, [&](const auto& setting) {
    loaded.settings.push_back({.key = setting.key,
                               .value = TomlValue(setting),
                               .source = reader.Has(setting.key) ? origin : kDefaultSource,
                               .accepted = AcceptedValues(setting.rule),
                               .help = std::string(setting.help)});
  });
  for (const TableList& list : kTableLists) {
    if (TableCount(loaded.config, list.key) > 0) continue;
    loaded.settings.push_back({.key = std::string(list.key),
                               .value = "[]",
                               .source = kDefaultSource,
                               .accepted = "an array of tables",
                               .help = std::string(list.help)});
  }
  return loaded;
}

Result<LoadedConfig> LoadConfig(const std::string& explicit_path, const std::string& data_dir) {
  std::string path = explicit_path;
  bool may_be_missing = false;
  if (path.empty()) {
    const char* from_environment = std::getenv("LAKEHOUSE_CONFIG");
    if (from_environment != nullptr) path = from_environment;
  }
  if (path.empty()) {
    path = StrCat(data_dir, "/lakehouse.toml");
    may_be_missing = true;
  }
  const Result<std::string> text = ReadSettingsFile(path, FileProtection::kNone);
  if (text.status().code() == StatusCode::kNotFound && may_be_missing) return ParseConfig("", "");
  if (!text.ok()) return text.status().Annotate("configuration");
  ASSIGN_OR_RETURN(LoadedConfig loaded, ParseConfig(*text, path));
  loaded.path = path;
  return loaded;
}

}  // namespace lakehouse
