// Reads, cuts and embeds the rows of an index, one part ahead of the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ai/chunker.h"
#include "ai/embedding_model.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"
#include "search/part_batch.h"
#include "search/source_reader.h"

namespace lakehouse::search {

struct EmbeddingPipelineOptions {
  ai::EmbeddingModel* model = nullptr;  // Outlives the pipeline.
  ai::ChunkerOptions chunker;
  uint64_t first_row = 0;  // Where the reader stands.
  uint64_t rows_total = 0;
  uint64_t rows_per_part = 0;
  // How many rows from the first one on are embedded by now; from any thread, never less than
  // before.
  std::function<void(uint64_t rows)> report;
  CancelToken cancel;
};

// Keeps the model busy while rows are read and cut, and while its caller stores the parts. Threads
// of its own read, cut and embed; a few parts at most are in memory. Not thread-safe itself.
// Invariants:
// 1. Parts come in the order of their rows, and a row is in one part with all its pieces.
// 2. A piece is given to the model once.
// 3. A text that the model refuses fails alone.
class EmbeddingPipeline {
 public:
  EmbeddingPipeline(SourceReader reader, const EmbeddingPipelineOptions& options);
  // Stops what is under way.
  ~EmbeddingPipeline();

  // The next part, embedded; null at the end. After an error, which comes when the parts before it
  // are taken, there is nothing more.
  Result<std::unique_ptr<PartBatch>> Next() EXCLUDES_LOCK(mutex_);
  // True when the error of Next came from the model, which may answer later.
  bool model_failed() const EXCLUDES_LOCK(mutex_);

 private:
  // Pieces of one part that go to the model in one call.
  struct Window {
    size_t begin = 0;
    size_t end = 0;
    bool done = false;
  };
  struct InFlight {
    std::unique_ptr<PartBatch> batch;
    bool cutting = false;
    bool cut = false;
    std::vector<Window> windows;
    size_t windows_taken = 0;
    size_t windows_done = 0;
    bool done() const { return cut && windows_done == windows.size(); }
  };

  void ReadParts(SourceReader reader);
  Result<std::unique_ptr<PartBatch>> ReadPart(SourceReader& reader, uint64_t first_row) const;
  bool HasRoom() const REQUIRES_LOCK(mutex_);
  void CutParts();
  Status CutPart(PartBatch& batch) const;
  std::vector<Window> DivideIntoWindows(const PartBatch& batch) const;
  void EmbedWindows();
  Status EmbedWindow(PartBatch& batch, const Window& window) const;
  uint64_t CountEmbeddedRows() const REQUIRES_LOCK(mutex_);
  void Fail(const Status& status, bool by_model) EXCLUDES_LOCK(mutex_);
  bool is_stopped() const REQUIRES_LOCK(mutex_) { return !error_.ok(); }

  const EmbeddingPipelineOptions options_;
  CancelToken cancel_;  // Of everything under way; a child of the caller's.
  size_t window_bytes_ = 0;
  size_t window_pieces_ = 0;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::shared_ptr<InFlight>> parts_ GUARDED_BY(mutex_);  // Shared with the threads.
  bool read_all_ GUARDED_BY(mutex_) = false;
  uint64_t rows_taken_ GUARDED_BY(mutex_) = 0;  // Of parts that Next gave out.
  uint64_t rows_reported_ GUARDED_BY(mutex_) = 0;
  Status error_ GUARDED_BY(mutex_);
  bool model_failed_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lakehouse::search
