// The commands about buckets and about where things lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/commands.h"

namespace lakehouse::app {

// `buckets create`: what POST /storage/buckets takes; "" and nullopt are not sent.
struct BucketOptions {
  std::string name;
  std::string backend;
  std::string root;
  std::string bucket;
  std::string prefix;
  std::string endpoint;
  std::string region;
  std::string credentials;
  std::string ca_file;
  std::optional<bool> path_style;
  std::optional<bool> allow_http;
};
Status RunCreateBucket(const CommandContext& context, const BucketOptions& options);

// Probes a bucket and prints every step; the first that failed decides the exit code.
Status RunStorageTest(const CommandContext& context, const std::string& bucket);
Status RunStorageErrors(const CommandContext& context, int64_t limit);

// `datasets move` and `indexes move`: waits for the job.
struct MoveOptions {
  std::string kind;  // "datasets" or "indexes".
  std::string name;
  std::string bucket;
};
Status RunMove(const CommandContext& context, const MoveOptions& options);

}  // namespace lakehouse::app
