// What the catalog knows of one dataset at one version.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/status.h"

namespace lakehouse::catalog {

struct Column {
  std::string name;
  std::string type;              // A DuckDB type name: "BIGINT", "VARCHAR", "DECIMAL(18,3)".
  std::vector<std::string> pii;  // What it looks like: "email", "phone", "ssn", …; empty: nothing.
  bool operator==(const Column&) const = default;
};

// One immutable Parquet object of a dataset.
struct DataFile {
  std::string key;
  uint64_t size_bytes = 0;
  uint64_t rows = 0;
  uint32_t crc32c = 0;
  bool operator==(const DataFile&) const = default;
};

// Where some rows came from.
struct SourceRecord {
  std::string kind;    // "file"
  std::string name;    // The file's name as the user gave it; never a path of the server.
  std::string format;  // "csv", "json", …
  std::string sha256;  // Of the original bytes.
  uint64_t size_bytes = 0;
  uint64_t rows = 0;
  Timestamp at;
  bool operator==(const SourceRecord&) const = default;
};

// Immutable once published. Rows are those of `files`, in order.
struct Dataset {
  DatasetName name;
  BucketName bucket;
  uint64_t version = 0;   // Of the catalog document.
  uint64_t snapshot = 0;  // The version that last changed rows: later ones have the same rows.
  std::vector<Column> columns;
  std::vector<DataFile> files;
  std::vector<SourceRecord> sources;  // Of the current rows, oldest first.
  Timestamp created_at;
  Timestamp updated_at;
  std::optional<Timestamp> last_embedded_at;
  std::optional<Timestamp> embedding_stale_since;
  bool operator==(const Dataset&) const = default;

  uint64_t rows() const;
  uint64_t size_bytes() const;
  // Null when no column has that name (exact match).
  const Column* FindColumn(std::string_view column) const;
};

// Everything but the version, which is the document's, and the files, which a FileManifest keeps.
Json DatasetToJson(const Dataset& dataset);
// kInternal when the document is not one that this version writes.
Result<Dataset> DatasetFromJson(const Json& json);

}  // namespace lakehouse::catalog
