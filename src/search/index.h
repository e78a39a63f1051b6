// What is known of one index, and the requests and answers around it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ai/embedding_space.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/status.h"
#include "search/failed_item.h"
#include "search/passport.h"

namespace lakehouse::search {

struct CreateIndexRequest {
  DatasetName source;
  std::optional<IndexName> name;  // Default: {source}_v{n}, the first free n.
  std::string id_column;          // Values must be unique and not NULL.
  std::string text_column;
  std::optional<std::string> model;  // As ai::EmbeddingModels names it. Default: its default.
  int64_t chunk_tokens = 256;
  int64_t overlap_tokens = 32;
};

// One Parquet object of embeddings: doc_id, chunk_idx, text, begin, end, content hash, embedding.
struct EmbeddingPart {
  std::string key;
  uint64_t size_bytes = 0;
  uint32_t crc32c = 0;
  uint64_t chunks = 0;
  uint64_t source_rows = 0;  // Rows of the source that this part covers.
};

// A data file of the snapshot that an index embeds.
struct SourceFile {
  std::string key;
  uint64_t rows = 0;
  bool operator==(const SourceFile&) const = default;
};

// Immutable once published. `parts` cover the first `rows_done` rows of `source_files`, in order.
struct IndexInfo {
  IndexName name;
  DatasetName source;
  BucketName bucket;
  uint64_t version = 0;         // Of the catalog document.
  uint64_t source_version = 0;  // Version of the dataset whose rows are embedded.
  std::vector<SourceFile> source_files;
  std::string id_column;
  std::string text_column;
  int64_t chunk_tokens = 0;
  int64_t overlap_tokens = 0;
  ai::EmbeddingSpace space;
  std::optional<Passport> passport;  // Absent until the first job has begun.
  std::vector<EmbeddingPart> parts;
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;
  uint64_t rows_failed = 0;
  std::vector<FailedItem> failed;  // The first kFailedItemsKept.
  bool complete = false;
  Timestamp created_at;
  Timestamp updated_at;
  // How the model last compared with the passport in this process; no part of the document.
  std::optional<PassportCheck> last_check;

  uint64_t chunks() const;
  // Rows whose text can be found; a row without text counts, a failed one does not.
  uint64_t rows_embedded() const { return rows_done - rows_failed; }
};

// The catalog document.
Json IndexToJson(const IndexInfo& index);
// kInternal when the document is not one that this version writes.
Result<IndexInfo> IndexFromJson(const Json& json);

struct SearchRequest {
  IndexName index;
  std::string query;  // Exactly one of query and vector.
  std::vector<float> vector;
  int64_t top_k = 10;
  CancelToken cancel;
};

struct SearchHit {
  std::string doc_id;
  int64_t chunk_idx = 0;
  float score = 0;
  std::string text;
  uint64_t begin = 0;  // Byte range of the text in the document.
  uint64_t end = 0;
};

struct SearchAnswer {
  std::vector<SearchHit> results;
  DatasetName source;
  std::string method;       // "flat"
  uint64_t generation = 0;  // The version of the index that answered.
  uint64_t rows_embedded = 0;
  uint64_t rows_total = 0;
};

}  // namespace lakehouse::search
