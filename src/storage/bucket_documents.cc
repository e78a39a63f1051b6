#include "storage/bucket_documents.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "storage/document_store.h"

namespace lakehouse::storage {

namespace {

constexpr std::string_view kKind = "bucket";

// The prefixes that a bucket name may have; each makes a kind of its own, because the name of a
// document is an id.
constexpr std::array<std::string_view, 3> kPrefixes = {"", "profile", "s3"};

std::string KindOf(std::string_view prefix) {
  return prefix.empty() ? std::string(kKind) : StrCat(kKind, "-", prefix);
}

// The document of a bucket.
struct DocumentId {
  std::string kind;
  std::string name;
};

DocumentId IdOf(const BucketName& bucket) {
  const std::string& name = bucket.str();
  const size_t colon = name.find(':');
  if (colon == std::string::npos) return {KindOf(""), name};
  return {KindOf(name.substr(0, colon)), name.substr(colon + 1)};
}

struct TextMember {
  const char* name;
  std::string BucketConfig::*member;
};

constexpr std::array<TextMember, 8> kTexts = {{{"backend", &BucketConfig::backend},
                                               {"root", &BucketConfig::root},
                                               {"bucket", &BucketConfig::bucket},
                                               {"prefix", &BucketConfig::prefix},
                                               {"endpoint", &BucketConfig::endpoint},
                                               {"region", &BucketConfig::region},
                                               {"credentials", &BucketConfig::credentials},
                                               {"ca_file", &BucketConfig::ca_file}}};

struct SwitchMember {
  const char* name;
  std::optional<bool> BucketConfig::*member;
};

constexpr std::array<SwitchMember, 2> kSwitches = {
    {{"path_style", &BucketConfig::path_style}, {"allow_http", &BucketConfig::allow_http}}};

}  // namespace

Json EncodeBucketSettings(const BucketConfig& bucket) {
  static const BucketConfig kDefaults;
  Json settings = {{"backend", bucket.backend}};
  for (const auto& [name, member] : kTexts) {
    if (bucket.*member != kDefaults.*member) settings[name] = bucket.*member;
  }
  for (const auto& [name, member] : kSwitches) {
    if ((bucket.*member).has_value()) settings[name] = *(bucket.*member);
  }
  return settings;
}

Result<BucketConfig> DecodeBucketSettings(const BucketName& name, const Json& settings) {
  static const BucketConfig kDefaults;
  BucketConfig bucket;
  bucket.name = name.str();
  lakehouse::ObjectReader reader(settings, "bucket");
  for (const auto& [member_name, member] : kTexts) {
    bucket.*member = reader.String(member_name, kDefaults.*member);
  }
  for (const auto& [member_name, member] : kSwitches) {
    const Json* value = reader.Raw(member_name);
    if (value == nullptr || value->is_null()) continue;
    if (value->is_boolean()) {
      bucket.*member = value->get<bool>();
    } else {
      reader.Fail(member_name, "must be true or false");
    }
  }
  TRY(reader.Finish());
  return bucket;
}

Result<std::vector<BucketConfig>> BucketDocuments::ReadAll() const {
  std::vector<BucketConfig> buckets;
  for (const std::string_view prefix : kPrefixes) {
    ASSIGN_OR_RETURN(const std::vector<Document> documents,
                     DocumentStore(primary_).ReadAll(KindOf(prefix)));
    for (const Document& document : documents) {
      const auto name =
          BucketName::Parse(prefix.empty() ? document.name : StrCat(prefix, ":", document.name));
      Result<BucketConfig> bucket =
          name.ok() ? DecodeBucketSettings(*name, document.body) : name.status();
      if (bucket.ok()) {
        buckets.push_back(*std::move(bucket));
      } else {
        LogError("a provisioned bucket cannot be understood",
                 {{"document", document.name}, {"error", bucket.status().message()}});
      }
    }
  }
  return buckets;
}

Status BucketDocuments::Write(const BucketName& name, const BucketConfig& bucket) {
  const DocumentId id = IdOf(name);
  const Json settings = EncodeBucketSettings(bucket);
  DocumentStore documents(primary_);
  const Result<Document> current = documents.Read(id.kind, id.name);
  if (current.ok() && current->body == settings) return OkStatus();
  if (!current.ok() && current.status().code() != StatusCode::kNotFound) return current.status();
  return documents.Write(id.kind, id.name, current.ok() ? current->version : 0, settings).status();
}

Status BucketDocuments::Delete(const BucketName& name) {
  const DocumentId id = IdOf(name);
  DocumentStore documents(primary_);
  const Result<Document> current = documents.Read(id.kind, id.name);
  if (current.status().code() == StatusCode::kNotFound) return OkStatus();
  TRY(current.status());
  return documents.Delete(id.kind, id.name, current->version);
}

}  // namespace lakehouse::storage
