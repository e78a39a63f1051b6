// The commands of the command line. Each takes its parsed options, prints its answer on standard
// output and everything else on standard error, and returns the error that decides the exit code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/api_client.h"
#include "app/result_format.h"
#include "base/config.h"
#include "base/json.h"
#include "base/secrets.h"
#include "base/status.h"

namespace lakehouse::app {

// What every command knows.
struct CommandContext {
  std::string command;  // For messages and the lock file.
  std::string data_dir;
  std::string server;  // "" unless --server was given.
  bool json = false;   // Print exactly what the API answers.
  bool quiet = false;  // No progress and no remarks.
  LoadedConfig config;
  SecretStore secrets;  // Those beside the configuration.

  // Says what a command that works in process needs.
  struct Needs {
    bool jobs = false;
  };
  Result<std::unique_ptr<ApiClient>> Connect(Needs needs) const;
  // Writes a remark for people to standard error, unless quiet.
  void Remark(std::string_view text) const;
};

// Performs a call and returns its JSON answer. Under --json the answer, also a problem, is printed
// as it came.
Result<Json> CallApi(const CommandContext& context, ApiClient& client, ApiCall call);

struct IngestOptions {
  std::vector<std::string> inputs;  // Files, directories, "-".
  std::string dataset;
  std::string mode = "create";
  std::string bucket;
  std::string reject_file;
};
Status RunIngest(const CommandContext& context, const IngestOptions& options);

struct SqlOptions {
  std::string text;    // "": a shell on a terminal, else standard input; "-": standard input.
  std::string format;  // "": table on a terminal, else CSV.
  std::string output;  // "": standard output.
  int64_t limit = 10'000;
  int64_t timeout_ms = 0;
};
Status RunSql(const CommandContext& context, const SqlOptions& options);
// Runs one statement and returns the rendered rows.
Result<std::string> RunStatement(const CommandContext& context, ApiClient& client,
                                 const SqlOptions& options, const std::string& sql,
                                 ResultFormat format);
// The interactive shell: statements end with `;`, history and completion of names.
Status RunSqlShell(const CommandContext& context, ApiClient& client, const SqlOptions& options);

struct IndexOptions {
  std::string dataset;
  std::string id_column;
  std::string text_column;
  std::string name;
  std::string model;
  bool detach = false;
};
Status RunIndex(const CommandContext& context, const IndexOptions& options);

struct SearchOptions {
  std::string index;
  std::string text;
  int64_t top_k = 10;
};
Status RunSearch(const CommandContext& context, const SearchOptions& options);

// list, show and delete of one kind of thing.
struct ResourceOptions {
  std::string kind;    // "datasets", "indexes", "buckets", "jobs" or "models".
  std::string action;  // "list", "show" or "delete".
  std::string name;
};
Status RunResource(const CommandContext& context, const ResourceOptions& options);

// Brings a model into memory, or takes it out.
Status RunResidence(const CommandContext& context, const std::string& model, bool load);

struct SampleCommandOptions {
  int64_t candidates = 2'000;
  uint64_t seed = 42;
  std::string output = ".";
};
Status RunSample(const CommandContext& context, const SampleCommandOptions& options);

Status RunConfig(const CommandContext& context);
Status RunVersion(const CommandContext& context);

}  // namespace lakehouse::app
