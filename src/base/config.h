// The configuration: plain structs with their defaults, filled from `lakehouse.toml`. A setting is
// added in two places of this module: a member here and its line in VisitSettings (config.cc), from
// which parsing, `lakehouse config` and its help text follow; docs/configuration.md is compared
// with them by a test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace lakehouse {

struct ServerConfig {
  std::string listen = "127.0.0.1:3100";
  int64_t io_threads = 1;
  int64_t worker_threads = 8;  // Threads that run handlers; they may block.
  int64_t max_connections = 1024;
  int64_t max_request_bytes = 33'554'432;     // JSON bodies.
  int64_t max_upload_bytes = 68'719'476'736;  // Streamed bodies.
  int64_t max_header_bytes = 32'768;
  int64_t header_timeout_ms = 10'000;
  int64_t body_idle_timeout_ms = 30'000;
  int64_t keep_alive_timeout_ms = 75'000;
  int64_t drain_timeout_ms = 10'000;
};

// One bucket: a table of [[storage.buckets]], and what POST /storage/buckets takes.
struct BucketConfig {
  std::string name;
  std::string backend = "local";  // "local" or "s3".
  std::string root;               // Local. "": <data>/buckets/<name>.
  // The rest is of S3 buckets.
  std::string bucket;
  std::string prefix;    // Without a "/" at either end.
  std::string endpoint;  // "http(s)://host[:port]"; "": AWS, by region.
  std::string region = "us-east-1";
  std::optional<bool> path_style;  // nullopt: path style except on AWS.
  std::optional<bool> allow_http;  // nullopt: only to loopback addresses.
  std::string credentials;         // Name of a secret, or a word of storage/s3/credentials.h.
  std::string ca_file;             // "": the system's certificates.
};

// What is wrong with one bucket's settings, whatever the others say.
struct BucketMistake {
  std::string setting;  // The member to mend: "credentials".
  std::string problem;
};

// Finds the first setting that contradicts the bucket's name or backend, or that the backend needs
// and lacks; nullopt when there is none. Knows no secret, directory or server.
// REQUIRES: CheckBucketName(bucket.name).ok().
std::optional<BucketMistake> FindMistake(const BucketConfig& bucket);

struct SqlConfig {
  int64_t memory_limit_bytes = 0;  // 0: 40 % of the machine's memory.
  int64_t threads = 0;             // 0: every core.
  int64_t max_temp_bytes = 0;      // 0: half of the free disk at start.
  int64_t default_timeout_ms = 300'000;
  int64_t default_row_limit = 10'000;
  int64_t max_result_bytes = 268'435'456;
  int64_t max_concurrent_queries = 8;
};

struct IngestConfig {
  int64_t max_line_bytes = 33'554'432;
  int64_t max_columns = 4'096;
  int64_t min_free_disk_bytes = 268'435'456;
};

// The provider that is no server but this process.
inline constexpr std::string_view kEmbeddedProvider = "embedded";

// A server of models: a table of [[ai.providers]].
struct AiProviderConfig {
  std::string name;
  std::string kind = "ollama";  // "ollama" or "openai".
  std::string url;              // "http(s)://host[:port][/path]", without "/v1"; required.
  std::string credentials;      // Name of the secret that holds `api_key`; "": none is sent.
  std::string ca_file;          // "": the system's certificates.
  bool allow_remote = false;    // Texts may leave this machine for this server.
  bool allow_cloud = false;     // So may they for models that it passes on to somebody else.
  int64_t max_concurrent_requests = 0;  // 0: 1 for Ollama, 4 for others.
  int64_t max_batch_texts = 32;
  int64_t max_batch_bytes = 2'097'152;
  int64_t request_timeout_ms = 120'000;  // One request.
  int64_t load_timeout_ms = 600'000;     // One that may have to load a model first.
  int64_t max_retries = 3;               // Of a request that is safe to repeat.
  int64_t threads = 0;                   // Ollama: threads of a model on a CPU; 0: its own choice.
};

// A model under a name of its own: a table of [[ai.models]].
struct AiModelConfig {
  std::string name;
  std::string task = "embed";         // "embed", "rerank" or "generate".
  std::string provider = "embedded";  // Or the name of a server.
  std::string model;                  // Its name at the provider; "": `name`.
  // Embedded: where the model lies; "": the set-up's cache. On a server: where a tokenizer like
  // that of the model lies; "": tokens are estimated.
  std::string directory;
  std::string precision;   // Embedded; "": ai.precision.
  int64_t dimensions = 0;  // 0: as the model has, as below.
  int64_t max_tokens = 0;
  std::string document_prefix = "auto";  // "auto": as the model has, as below.
  std::string query_prefix = "auto";
};

struct AiConfig {
  std::string model = "all-MiniLM-L6-v2";  // Of [[ai.models]], or an embedded one.
  std::string model_dir;                   // Of an embedded `model`. "": the set-up's cache.
  std::string precision = "auto";
  int64_t threads = 0;       // 0: every core.
  std::string rerank_model;  // Of [[ai.models]]; "": none, as below.
  std::string generate_model;
  int64_t cache_memory_bytes = 134'217'728;  // Of vectors that may be asked for again; 0: none.
  int64_t cache_disk_bytes = 4'294'967'296;  // The same in the primary bucket; 0: none.
  std::vector<AiProviderConfig> providers;
  std::vector<AiModelConfig> models;
};

// What is wrong with one setting of AiConfig, given the others.
struct AiMistake {
  std::string setting;  // Its key: "ai.models[0].provider".
  std::string problem;
};

// Finds the first setting that contradicts the others, or that another one needs and lacks: names
// that stand twice or that nothing has. Knows no secret, directory or server.
std::optional<AiMistake> FindMistake(const AiConfig& ai);

struct SearchConfig {
  int64_t rows_per_part = 2'048;
  int64_t chunk_tokens = 256;
  int64_t chunk_overlap_tokens = 32;
  int64_t max_resident_bytes = 0;  // 0: 25 % of the machine's memory.
};

struct LogConfig {
  std::string level = "info";
  std::string format = "text";
};

struct StorageConfig {
  std::vector<BucketConfig> buckets;  // Empty: one local bucket, primary, in the data directory.
  // Where profile:<id> buckets lie; relative to the data directory.
  std::string profile_root = "profiles";
  std::string rescue;  // Bucket that reads fall back to; "": the one named rescue.
  int64_t cache_bytes = 10'737'418'240;  // Local copies of remote blocks; 0: none.
  int64_t request_timeout_ms = 60'000;   // One operation on a remote bucket, retries included.
  int64_t connect_timeout_ms = 3'000;
  int64_t stall_timeout_ms = 10'000;  // A remote bucket that sends nothing for so long.
  int64_t max_retries = 4;
};

struct Config {
  ServerConfig server;
  StorageConfig storage;
  SqlConfig sql;
  IngestConfig ingest;
  AiConfig ai;
  SearchConfig search;
  LogConfig log;
};

// One effective setting, as `lakehouse config` prints it.
struct SettingValue {
  std::string key;       // "server.listen"; of a bucket "storage.buckets[0].name".
  std::string value;     // As TOML text.
  std::string source;    // "default", or the file it came from.
  std::string accepted;  // The values it takes: "1 to 64".
  std::string help;      // One sentence.
};

struct LoadedConfig {
  Config config;
  std::string path;  // The file that was read; "" when none was.
  // Every setting in the order of the documentation. A list of tables without any has one line,
  // "storage.buckets" for example.
  std::vector<SettingValue> settings;
};

// Parses TOML text. An unknown key or table, a value of the wrong type or out of range, what
// FindMistake finds, two buckets with one name or one root, a storage.rescue that is no bucket
// of the file, and what does not fit together among providers and models are kInvalidArgument and
// name the file, line, key and, for an unknown key, the nearest valid one. Of several errors the
// first in the file is reported. `origin` is used in messages and as the settings' source; `path`
// of the answer stays empty.
Result<LoadedConfig> ParseConfig(std::string_view toml_text, const std::string& origin);

// Reads the first of: `explicit_path` (must exist when not ""), $LAKEHOUSE_CONFIG (must exist when
// set and not empty), `<data_dir>/lakehouse.toml` (may be missing).
Result<LoadedConfig> LoadConfig(const std::string& explicit_path, const std::string& data_dir);

}  // namespace lakehouse
