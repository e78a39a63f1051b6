// Embeddings at rest: one Parquet object per part (docs/formats/embeddings.md).
#pragma once

#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "search/index.h"
#include "search/resident_part.h"
#include "sql/engine.h"
#include "storage/bucket_registry.h"

namespace lakehouse::search {

// Writes, reads and removes the objects under "vectors/<index>/". Thread-safe.
class EmbeddingStore {
 public:
  // Creates `work_dir`, or removes every file that an earlier process left there. `buckets` and
  // `engine` outlive the store.
  static Result<std::unique_ptr<EmbeddingStore>> Open(const std::string& work_dir,
                                                      storage::BucketRegistry& buckets,
                                                      sql::Engine& engine);

  // Stores the chunks of `source_rows` rows under a new key; durable on return, visible only when
  // an index document names it. REQUIRES: chunks.size() > 0.
  Result<EmbeddingPart> WritePart(const IndexInfo& index, ChunkTable chunks, uint64_t source_rows);

  // Reads a part back. kInternal when it is not what the index document says (size, checksum,
  // shape), kNotFound when it is gone.
  Result<std::shared_ptr<const ResidentPart>> LoadPart(const IndexInfo& index,
                                                       const EmbeddingPart& part,
                                                       const CancelToken& cancel);

  // Deletes the objects of parts that `index` does not name, left by a killed or cancelled job.
  // REQUIRES: nobody writes the index, and `index` is its newest version.
  Status RemoveUnnamedParts(const IndexInfo& index);
  // Deletes every object of the index.
  Status RemoveAll(const IndexInfo& index);

 private:
  EmbeddingStore(std::string work_dir, storage::BucketRegistry& buckets, sql::Engine& engine)
      : work_dir_(std::move(work_dir)), buckets_(buckets), engine_(engine) {}

  const std::string work_dir_;
  storage::BucketRegistry& buckets_;
  sql::Engine& engine_;
};

}  // namespace lakehouse::search
