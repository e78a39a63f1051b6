#include "search/index_builder.h"

#include <map>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "search/embedding_pipeline.h"
#include "search/source_reader.h"

namespace lakehouse::search {

namespace {

constexpr size_t kFailedItemTextBytes = 512;

// Cuts at a code point, so that the document stays valid UTF-8.
std::string Shorten(std::string text) {
  if (text.size() <= kFailedItemTextBytes) return text;
  size_t size = kFailedItemTextBytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
  return text + "…";
}

// What failed of each row of a batch; rows without failure are absent, of others the first one.
std::map<size_t, FailedItem> FailuresOf(const PartBatch& batch) {
  std::map<size_t, FailedItem> failures;
  for (size_t row = 0; row < batch.rows.size(); ++row) {
    if (batch.rows[row].id.has_value()) continue;
    failures.emplace(
        row, FailedItem{.doc_id = {},
                        .chunk_idx = -1,
                        .reason = StrCat("the id of row ", batch.first_row + row + 1, " is NULL")});
  }
  for (const PartBatch::Piece& piece : batch.pieces) {
    if (piece.failure.ok()) continue;
    failures.emplace(piece.row, FailedItem{.doc_id = Shorten(*batch.rows[piece.row].id),
                                           .chunk_idx = piece.chunk_idx,
                                           .reason = Shorten(piece.failure.ToString())});
  }
  return failures;
}

}  // namespace

Status IndexBuilder::Run(const IndexName& name, const CancelToken& cancel) {
  cancel_ = cancel;
  TRY(Prepare(name));
  TRY(options_.embeddings->RemoveUnnamedParts(*index_));
  if (!index_->complete) TRY(BuildParts());
  return Complete();
}

Status IndexBuilder::OfModel(Status status) {
  waits_for_model_ =
      status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded;
  return status;
}

Status IndexBuilder::Prepare(const IndexName& name) {
  ASSIGN_OR_RETURN(index_, options_.registry->Get(name));
  if (index_->complete) return OkStatus();
  ReportFailures();
  ASSIGN_OR_RETURN(dataset_, options_.catalog->Get(index_->source));
  TRY(PrepareModel());
  if (HoldsSourceFiles(*dataset_, *index_)) return OkStatus();
  LogInfo("dataset was replaced while its index was being built; the index begins anew",
          {{"index", name}, {"dataset", index_->source}});
  IndexInfo anew = *index_;
  anew.source_version = dataset_->version;
  anew.source_files = SourceFilesOf(*dataset_);
  anew.parts.clear();
  anew.failed.clear();
  anew.rows_done = anew.rows_failed = 0;
  anew.rows_total = dataset_->rows();
  return Publish(std::move(anew));
}

Status IndexBuilder::PrepareModel() {
  Result<ModelPtr> model = options_.models->Get(index_->space.model, cancel_);
  TRY(OfModel(model.status().Annotate(StrCat("model ", index_->space.model))));
  model_ = *std::move(model);
  TRY(OfModel(options_.passports->CheckForBuild(index_, model_, cancel_)));
  if (index_->passport.has_value()) return OkStatus();
  Result<Passport> passport = MakePassport(*model_, options_.clock->Now(), cancel_);
  TRY(OfModel(passport.status()));
  IndexInfo next = *index_;
  next.passport = *std::move(passport);
  return Publish(std::move(next));
}

Status IndexBuilder::BuildParts() {
  ReportStage("reading", index_->rows_done);
  ASSIGN_OR_RETURN(SourceReader reader,
                   SourceReader::Open(*options_.engine, *dataset_, *index_, cancel_));
  EmbeddingPipeline pipeline(
      std::move(reader),
      {.model = model_.get(),
       .chunker = {.max_tokens = static_cast<size_t>(index_->chunk_tokens),
                   .overlap_tokens = static_cast<size_t>(index_->overlap_tokens)},
       .first_row = index_->rows_done,
       .rows_total = index_->rows_total,
       .rows_per_part = static_cast<uint64_t>(options_.config.rows_per_part),
       .report = [this](uint64_t rows) { ReportStage("embedding", rows); },
       .cancel = cancel_});
  while (index_->rows_done < index_->rows_total) {
    TRY(cancel_.Check());
    Result<std::unique_ptr<PartBatch>> batch = pipeline.Next();
    if (!batch.ok()) return pipeline.model_failed() ? OfModel(batch.status()) : batch.status();
    CHECK(*batch != nullptr);
    TRY(PublishBatch(**batch));
  }
  return OkStatus();
}

Status IndexBuilder::PublishBatch(PartBatch& batch) {
  const std::map<size_t, FailedItem> failures = FailuresOf(batch);
  ChunkTable chunks;
  for (const PartBatch::Piece& piece : batch.pieces) {
    if (failures.contains(piece.row)) continue;
    std::string text = batch.TextOf(piece);
    chunks.doc_ids.push_back(*batch.rows[piece.row].id);
    chunks.chunk_idxs.push_back(piece.chunk_idx);
    chunks.begins.push_back(static_cast<int64_t>(piece.chunk.begin));
    chunks.ends.push_back(static_cast<int64_t>(piece.chunk.end));
    chunks.content_hashes.push_back(Sha256Hex(text));
    chunks.texts.push_back(std::move(text));
    chunks.vectors.insert(chunks.vectors.end(), piece.embedding.begin(), piece.embedding.end());
  }

  IndexInfo next = *index_;
  for (const auto& [row, failure] : failures) {
    next.rows_failed += 1;
    if (next.failed.size() < kFailedItemsKept) next.failed.push_back(failure);
  }
  next.rows_done += batch.rows.size();
  const size_t chunk_count = chunks.size();
  // Rows without chunks need no part.
  if (chunk_count > 0) {
    ASSIGN_OR_RETURN(EmbeddingPart part,
                     options_.embeddings->WritePart(*index_, std::move(chunks), batch.rows.size()));
    next.parts.push_back(std::move(part));
  }
  next.complete = next.rows_done == next.rows_total;
  if (next.complete) ReportStage("publishing", next.rows_done);
  TRY(Publish(std::move(next)));
  ReportFailures();
  options_.metrics
      ->GetCounter("lakehouse_index_chunks_total", "Chunks embedded and published by index jobs.")
      .Add(chunk_count);
  return OkStatus();
}

Status IndexBuilder::Publish(IndexInfo index) {
  index.updated_at = options_.clock->Now();
  ASSIGN_OR_RETURN(index_, options_.registry->Publish(std::move(index)));
  return OkStatus();
}

Status IndexBuilder::Complete() {
  if (!index_->complete) {
    IndexInfo complete = *index_;
    complete.complete = true;
    TRY(Publish(std::move(complete)));
  }
  ReportFailures();
  ReportStage("done", index_->rows_done);
  // The index is whole and durable; a dataset that misses its mark only counts as stale.
  if (const Status status = options_.catalog->MarkEmbedded(index_->source, index_->source_version);
      !status.ok()) {
    LogWarning("dataset was not marked as embedded",
               {{"dataset", index_->source}, {"error", status.message()}});
  }
  return OkStatus();
}

void IndexBuilder::ReportStage(std::string_view stage, uint64_t rows) {
  MutexLock lock(report_mutex_);
  progress_.stage = stage;
  progress_.done = rows;
  report_(progress_);
}

void IndexBuilder::ReportFailures() {
  MutexLock lock(report_mutex_);
  progress_.total = index_->rows_total;
  progress_.failed_items = index_->rows_failed;
  progress_.failed = index_->failed;
}

}  // namespace lakehouse::search
