#include "search/embedding_pipeline.h"

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

#include "vector/flat_index.h"

namespace lakehouse::search {

namespace {

// A part is closed early when its rows hold this much text, which bounds the memory of a job.
constexpr size_t kMaxPartTextBytes = 64 << 20;
constexpr size_t kPartsInFlight = 4;
constexpr size_t kMaxTextBytesInFlight = 128 << 20;

// Calls to the model at once: while one is being answered, the next ones already wait, so that it
// never idles.
constexpr size_t kCallsInFlight = 3;
// Texts of one call. To the encoder in this process: about what all cores do in an eighth of a
// second, because a killed process loses the calls that are under way. To a server: two of its
// batches, because each call may be a request.
constexpr size_t kEmbeddedBytesPerCore = 4 << 10;
constexpr size_t kEmbeddedPiecesPerCore = 64;
constexpr size_t kServerBytes = 256 << 10;
constexpr size_t kServerPieces = 64;
// Cutting counts tokens, which takes a fraction of the time that embedding takes.
constexpr size_t kCoresPerCutter = 8;

// What is wrong with a vector that the model returned.
Status CheckEmbedding(std::span<const float> embedding, int64_t dimensions) {
  if (embedding.size() != static_cast<size_t>(dimensions)) {
    return InvalidArgument("the model returned ", embedding.size(), " components instead of ",
                           dimensions);
  }
  return vector::CheckVector(vector::Metric::kCosine, embedding).Annotate("the model's vector");
}

// Errors that a text does not have alone, though they came with it.
bool IsOfTheModel(StatusCode code) {
  switch (code) {
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kCancelled:
    case StatusCode::kConflict:
    case StatusCode::kUnauthenticated:
    case StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

}  // namespace

EmbeddingPipeline::EmbeddingPipeline(SourceReader reader, const EmbeddingPipelineOptions& options)
    : options_(options), cancel_(options.cancel.Child(0)) {
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const bool embedded = options.model->space().provider == "embedded";
  window_bytes_ = embedded ? cores * kEmbeddedBytesPerCore : kServerBytes;
  window_pieces_ = embedded ? cores * kEmbeddedPiecesPerCore : kServerPieces;
  rows_reported_ = options.first_row;
  rows_taken_ = options.first_row;
  const auto start = [this](auto&& run) {
    threads_.emplace_back([this, run = std::move(run)]() mutable {
      try {
        run();
      } catch (const std::exception& exception) {
        Fail(Internal("embedding broke off: ", std::string_view(exception.what())), false);
      }
    });
  };
  start([this, reader = std::move(reader)]() mutable { ReadParts(std::move(reader)); });
  for (size_t i = 0; i < 1 + cores / kCoresPerCutter; ++i) start([this] { CutParts(); });
  for (size_t i = 0; i < kCallsInFlight; ++i) start([this] { EmbedWindows(); });
}

EmbeddingPipeline::~EmbeddingPipeline() {
  Fail(Cancelled("the pipeline was closed"), false);
  for (std::thread& thread : threads_) thread.join();
}

void EmbeddingPipeline::Fail(const Status& status, bool by_model) {
  MutexLock lock(mutex_);
  if (error_.ok()) {
    error_ = status;
    model_failed_ = by_model;
  }
  cancel_.Cancel();
  changed_.NotifyAll();
}

bool EmbeddingPipeline::model_failed() const {
  MutexLock lock(mutex_);
  return model_failed_;
}

Result<std::unique_ptr<PartBatch>> EmbeddingPipeline::Next() {
  MutexLock lock(mutex_);
  while (true) {
    if (!parts_.empty() && parts_.front()->done()) {
      std::unique_ptr<PartBatch> batch = std::move(parts_.front()->batch);
      parts_.pop_front();
      rows_taken_ = batch->first_row + batch->rows.size();
      changed_.NotifyAll();
      return batch;
    }
    TRY(error_);
    if (parts_.empty() && read_all_) return std::unique_ptr<PartBatch>();
    changed_.Wait(mutex_);
  }
}

bool EmbeddingPipeline::HasRoom() const {
  size_t text_bytes = 0;
  for (const auto& part : parts_) text_bytes += part->batch->text_bytes;
  return parts_.size() < kPartsInFlight && text_bytes < kMaxTextBytesInFlight;
}

void EmbeddingPipeline::ReadParts(SourceReader reader) {
  for (uint64_t row = options_.first_row; row < options_.rows_total;) {
    {
      MutexLock lock(mutex_);
      while (!is_stopped() && !HasRoom()) changed_.Wait(mutex_);
      if (is_stopped()) return;
    }
    Result<std::unique_ptr<PartBatch>> batch = ReadPart(reader, row);
    if (!batch.ok()) return Fail(batch.status(), false);
    row += (*batch)->rows.size();
    auto part = std::make_shared<InFlight>();
    part->batch = *std::move(batch);
    MutexLock lock(mutex_);
    parts_.push_back(std::move(part));
    changed_.NotifyAll();
  }
  MutexLock lock(mutex_);
  read_all_ = true;
  changed_.NotifyAll();
}

Result<std::unique_ptr<PartBatch>> EmbeddingPipeline::ReadPart(SourceReader& reader,
                                                               uint64_t first_row) const {
  auto batch = std::make_unique<PartBatch>();
  batch->first_row = first_row;
  const uint64_t wanted = std::min(options_.rows_total - first_row, options_.rows_per_part);
  while (batch->rows.size() < wanted && batch->text_bytes < kMaxPartTextBytes) {
    ASSIGN_OR_RETURN(std::optional<SourceRow> row, reader.Next());
    if (!row.has_value()) {
      return Internal("the dataset has fewer rows than its catalog entry says: ",
                      first_row + batch->rows.size(), " instead of ", options_.rows_total);
    }
    batch->text_bytes += row->text.has_value() ? row->text->size() : 0;
    batch->rows.push_back(*std::move(row));
  }
  return batch;
}

void EmbeddingPipeline::CutParts() {
  while (true) {
    std::shared_ptr<InFlight> part;
    {
      MutexLock lock(mutex_);
      while (true) {
        if (is_stopped()) return;
        const auto next =
            std::ranges::find_if(parts_, [](const auto& other) { return !other->cutting; });
        if (next != parts_.end()) {
          part = *next;
          part->cutting = true;
          break;
        }
        if (read_all_) return;
        changed_.Wait(mutex_);
      }
    }
    if (const Status status = CutPart(*part->batch); !status.ok()) return Fail(status, false);
    std::vector<Window> windows = DivideIntoWindows(*part->batch);
    MutexLock lock(mutex_);
    part->windows = std::move(windows);
    part->cut = true;
    changed_.NotifyAll();
  }
}

Status EmbeddingPipeline::CutPart(PartBatch& batch) const {
  const auto count = [this](std::string_view text) { return options_.model->CountTokens(text); };
  for (size_t row = 0; row < batch.rows.size(); ++row) {
    TRY(cancel_.Check());
    const SourceRow& source = batch.rows[row];
    if (!source.id.has_value() || !source.text.has_value()) continue;
    int64_t chunk_idx = 0;
    for (ai::Chunk& chunk : ai::ChunkText(*source.text, options_.chunker, count)) {
      batch.pieces.push_back({.row = row,
                              .chunk_idx = chunk_idx++,
                              .chunk = std::move(chunk),
                              .embedding = {},
                              .failure = {}});
    }
  }
  return OkStatus();
}

std::vector<EmbeddingPipeline::Window> EmbeddingPipeline::DivideIntoWindows(
    const PartBatch& batch) const {
  std::vector<Window> windows;
  size_t bytes = 0;
  for (size_t i = 0; i < batch.pieces.size(); ++i) {
    const ai::Chunk& chunk = batch.pieces[i].chunk;
    const size_t size = chunk.context.size() + chunk.end - chunk.begin;
    if (windows.empty() || bytes + size > window_bytes_ ||
        i - windows.back().begin == window_pieces_) {
      windows.push_back({.begin = i});
      bytes = 0;
    }
    windows.back().end = i + 1;
    bytes += size;
  }
  return windows;
}

void EmbeddingPipeline::EmbedWindows() {
  while (true) {
    std::shared_ptr<InFlight> part;
    size_t window = 0;
    {
      MutexLock lock(mutex_);
      while (true) {
        if (is_stopped()) return;
        const auto next = std::ranges::find_if(
            parts_, [](const auto& other) { return other->windows_taken < other->windows.size(); });
        if (next != parts_.end()) {
          part = *next;
          window = part->windows_taken++;
          break;
        }
        if (read_all_ &&
            std::ranges::all_of(parts_, [](const auto& other) { return other->cut; })) {
          return;
        }
        changed_.Wait(mutex_);
      }
    }
    // The part stays where it is until this window is done, also when another one fails.
    const Status status = EmbedWindow(*part->batch, part->windows[window]);
    if (!status.ok()) return Fail(status, true);
    uint64_t rows = 0;
    bool has_advanced = false;
    {
      MutexLock lock(mutex_);
      part->windows[window].done = true;
      part->windows_done += 1;
      rows = CountEmbeddedRows();
      has_advanced = rows > rows_reported_;
      rows_reported_ = std::max(rows, rows_reported_);
      // Reported in order, because a count that goes back looks like a restart.
      if (has_advanced) options_.report(rows);
      changed_.NotifyAll();
    }
  }
}

uint64_t EmbeddingPipeline::CountEmbeddedRows() const {
  uint64_t rows = rows_taken_;
  for (const auto& part : parts_) {
    if (part->done()) {
      rows = part->batch->first_row + part->batch->rows.size();
      continue;
    }
    const auto open = std::ranges::find(part->windows, false, &Window::done);
    if (open != part->windows.end()) {
      rows = part->batch->first_row + part->batch->pieces[open->begin].row;
    }
    break;
  }
  return rows;
}

Status EmbeddingPipeline::EmbedWindow(PartBatch& batch, const Window& window) const {
  const std::span pieces(&batch.pieces[window.begin], window.end - window.begin);
  std::vector<std::string> texts;
  for (const PartBatch::Piece& piece : pieces) {
    texts.push_back(ai::ChunkTextForEmbedding(*batch.rows[piece.row].text, piece.chunk));
  }
  ASSIGN_OR_RETURN(ai::Embeddings embeddings,
                   options_.model->Embed(texts, {.role = ai::Role::kDocument, .cancel = cancel_}));
  if (embeddings.size() != pieces.size()) {
    return Internal("the model answered ", pieces.size(), " texts with ", embeddings.size(),
                    " vectors");
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    Status status = embeddings[i].status();
    if (!status.ok() && IsOfTheModel(status.code())) return status;
    if (status.ok()) status = CheckEmbedding(*embeddings[i], options_.model->space().dimensions);
    if (status.ok()) {
      pieces[i].embedding = *std::move(embeddings[i]);
    } else {
      pieces[i].failure = status;
    }
  }
  return OkStatus();
}

}  // namespace lakehouse::search
