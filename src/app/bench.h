// The benchmarks of `lakehouse-bench`: each runs on data from outside and answers one JSON object.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace lakehouse::app {

// What every answer starts with: processor, cores, version, seed.
Json BenchHeader(uint64_t seed);

// The middle value; of an even number the lower one. REQUIRES: not empty.
double Median(std::vector<double> values);

struct BenchSqlOptions {
  std::string sql_file;  // Statements separated by `;`.
  std::string data_dir;  // A data directory that nobody serves.
  int64_t runs = 5;      // Hot runs of each statement; the median counts.
};
// Runs every statement through POST /query/sql on a server of its own and in plain DuckDB on the
// same files, in turn. Per statement: cold and hot milliseconds of both, their ratio, and whether
// the rows are equal.
Result<Json> BenchSql(const BenchSqlOptions& options);

struct BenchEmbedOptions {
  std::string model_dir;
  std::string texts_file;          // One JSON string a line.
  std::string precision = "auto";  // auto, f32, bf16 or int8.
  std::string vectors_file;        // "": none; else float32 .npy, a row a text.
  int64_t repeat = 1;              // The median of so many runs counts.
  bool query_latency = false;      // Also how long queries take, idle and beside a job.
};
// Embeds the texts: seconds for the whole, and for the encoder alone (`encode_seconds`), of whose
// operations the share of what oneDNN multiplies at best is told.
Result<Json> BenchEmbed(const BenchEmbedOptions& options);

struct BenchTokensOptions {
  std::string model_dir;
  std::string texts_file;        // A line: a JSON string, or an array of two, which is a pair.
  int64_t max_tokens = 1 << 30;  // Of every text or pair, special tokens included.
  // "": none; else the ids are written there, a line each: a JSON array, or of a pair an object
  // with `ids` and `second_begin`, from which on they have type 1.
  std::string ids_file;
};
// Tokenizes every line on one thread. Tokens, bytes, and tokens a second.
Result<Json> BenchTokens(const BenchTokensOptions& options);

struct BenchS3Options {
  std::string data_dir;  // A data directory that nobody serves; its configuration names the bucket.
  std::string bucket = "primary";
  std::string prefix;  // Objects to read.
  int64_t runs = 5;    // How often each is read.
};
// Reads every object below the prefix, one after the other, and writes and removes small ones.
// Microseconds of a GET and of a PUT, and the rate of the GETs.
Result<Json> BenchS3(const BenchS3Options& options);

}  // namespace lakehouse::app
