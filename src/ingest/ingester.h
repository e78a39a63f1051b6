// Files in, datasets out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/cancel.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "sql/engine.h"
#include "storage/bucket_registry.h"

namespace lakehouse::ingest {

// The bytes of one upload on local disk; removed with the object.
struct SpooledFile {
  explicit SpooledFile(std::string file_path) : path(std::move(file_path)) {}
  ~SpooledFile();
  SpooledFile(const SpooledFile&) = delete;
  SpooledFile& operator=(const SpooledFile&) = delete;

  const std::string path;
  uint64_t size_bytes = 0;
  std::string sha256;
};

struct IngestRequest {
  std::string
      file_name;  // As the user gave it: for messages, lineage and the default dataset name.
  const SpooledFile* content = nullptr;
  std::optional<DatasetName> dataset;  // Default: made from the file name.
  catalog::CommitMode mode = catalog::CommitMode::kCreate;
  std::optional<BucketName> bucket;  // Default: the dataset's, else primary.
  CancelToken cancel;
};

// A row that could not be taken.
struct RejectedRow {
  uint64_t line = 0;  // From 1, in the original file.
  std::string reason;
  std::string text;  // The line as it was, at most 4 KiB.
};

struct IngestAnswer {
  catalog::DatasetPtr dataset;
  bool unchanged = false;  // The same bytes are in the dataset already; nothing was done.
  std::string format;      // "csv", "tsv", "json", "ndjson", "parquet", "text", "markdown"
  std::string encoding;    // "utf-8", "utf-16le", "utf-16be", "latin-1"; "" for Parquet.
  uint64_t rows_added = 0;
  uint64_t rows_rejected = 0;
  std::vector<RejectedRow> rejected;  // The first 1,000.
  uint64_t bytes = 0;                 // Of the original.
  double seconds = 0;
};

// Thread-safe.
class Ingester {
 public:
  struct Options {
    IngestConfig config;
    std::string work_dir;  // For files on their way; emptied at Open.
    storage::BucketRegistry* buckets = nullptr;
    catalog::Catalog* catalog = nullptr;
    sql::Engine* engine = nullptr;
    MetricsRegistry* metrics = nullptr;
  };
  virtual ~Ingester() = default;
  static Result<std::unique_ptr<Ingester>> Open(const Options& options);

  // Takes all of `content` to local disk, hashing it on the way. kResourceExhausted when less than
  // the configured minimum of the disk would stay free.
  virtual Result<std::unique_ptr<SpooledFile>> Receive(ByteSource& content,
                                                       const CancelToken& cancel) = 0;

  // Detects what request.content is, converts it to Parquet and commits it. On
  // any error nothing is visible. kInvalidArgument names the line or field; kConflict when the
  // dataset exists (mode create) or changed meanwhile; kResourceExhausted when the disk is full.
  virtual Result<IngestAnswer> Ingest(const IngestRequest& request) = 0;
};

}  // namespace lakehouse::ingest
