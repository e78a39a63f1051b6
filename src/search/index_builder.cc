#include "search/index_builder.h"

#include <algorithm>
#include <span>
#include <utility>

#include "ai/chunker.h"
#include "base/hash.h"
#include "base/log.h"
#include "vector/flat_index.h"

namespace lakehouse::search {

namespace {

// Texts of one call to the provider: enough to fill its batches, few enough to show progress.
constexpr size_t kTextsPerCall = 256;

// A part is closed early when its rows hold this much text, which bounds the memory of a job.
constexpr size_t kMaxPartTextBytes = 64 << 20;

constexpr size_t kFailedItemsKept = 100;
constexpr size_t kFailedItemTextBytes = 512;

// Cuts at a code point, so that the document stays valid UTF-8.
std::string Shorten(std::string text) {
  if (text.size() <= kFailedItemTextBytes) return text;
  size_t size = kFailedItemTextBytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
  return text + "…";
}

// What is wrong with a vector that the provider returned.
Status CheckEmbedding(std::span<const float> embedding, int64_t dimensions) {
  if (embedding.size() != static_cast<size_t>(dimensions)) {
    return InvalidArgument("the model returned ", embedding.size(), " components instead of ",
                           dimensions);
  }
  return vector::CheckVector(vector::Metric::kCosine, embedding).Annotate("the model's vector");
}

}  // namespace

struct IndexBuilder::Batch {
  // A piece of a row's text.
  struct Piece {
    size_t row = 0;
    int64_t chunk_idx = 0;
    ai::Chunk range;
    std::vector<float> embedding;
  };

  std::vector<SourceRow> rows;
  std::vector<Status> failures;  // One a row; ok while nothing went wrong.
  std::vector<Piece> pieces;     // In order of rows.
};

Status IndexBuilder::Run(const IndexName& name, const CancelToken& cancel) {
  cancel_ = cancel;
  TRY(Prepare(name));
  TRY(options_.embeddings->RemoveUnnamedParts(*index_));
  if (!index_->complete) {
    ReportStage("reading", 0);
    ASSIGN_OR_RETURN(SourceReader reader,
                     SourceReader::Open(*options_.engine, *dataset_, *index_, cancel_));
    while (index_->rows_done < index_->rows_total) TRY(BuildPart(reader));
  }
  return Complete();
}

Status IndexBuilder::Prepare(const IndexName& name) {
  ASSIGN_OR_RETURN(index_, options_.registry->Get(name));
  if (index_->complete) return OkStatus();
  TRY(CheckSameSpace(*index_, options_.provider->space()));
  ASSIGN_OR_RETURN(dataset_, options_.catalog->Get(index_->source));
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

Status IndexBuilder::BuildPart(SourceReader& reader) {
  Batch batch;
  TRY(ReadRows(reader, batch));
  TRY(CutTexts(batch));
  TRY(EmbedChunks(batch));
  return PublishBatch(batch);
}

Status IndexBuilder::ReadRows(SourceReader& reader, Batch& batch) {
  ReportStage("reading", 0);
  const uint64_t missing = index_->rows_total - index_->rows_done;
  const uint64_t wanted = std::min(missing, static_cast<uint64_t>(options_.config.rows_per_part));
  size_t text_bytes = 0;
  while (batch.rows.size() < wanted && text_bytes < kMaxPartTextBytes) {
    ASSIGN_OR_RETURN(std::optional<SourceRow> row, reader.Next());
    if (!row.has_value()) {
      return Internal("dataset ", index_->source, " has fewer rows than its catalog entry says: ",
                      index_->rows_done + batch.rows.size(), " instead of ", index_->rows_total);
    }
    text_bytes += row->text.has_value() ? row->text->size() : 0;
    batch.rows.push_back(*std::move(row));
  }
  batch.failures.resize(batch.rows.size());
  return OkStatus();
}

Status IndexBuilder::CutTexts(Batch& batch) {
  const ai::ChunkerOptions chunker{.max_tokens = static_cast<size_t>(index_->chunk_tokens),
                                   .overlap_tokens = static_cast<size_t>(index_->overlap_tokens)};
  const ai::EmbeddingProvider* provider = options_.provider;
  const auto count = [provider](std::string_view text) { return provider->CountTokens(text); };
  for (size_t row = 0; row < batch.rows.size(); ++row) {
    TRY(cancel_.Check());
    const SourceRow& source = batch.rows[row];
    if (!source.id.has_value()) {
      batch.failures[row] =
          InvalidArgument("the id of row ", index_->rows_done + row + 1, " is NULL");
    } else if (source.text.has_value()) {
      int64_t chunk_idx = 0;
      for (const ai::Chunk& range : ai::ChunkText(*source.text, chunker, count)) {
        batch.pieces.push_back({.row = row, .chunk_idx = chunk_idx++, .range = range});
      }
    }
  }
  return OkStatus();
}

Status IndexBuilder::EmbedChunks(Batch& batch) {
  ReportStage("embedding", 0);
  std::vector<std::string> texts;
  for (size_t first = 0; first < batch.pieces.size(); first += kTextsPerCall) {
    TRY(cancel_.Check());
    const auto pieces = std::span(batch.pieces)
                            .subspan(first, std::min(kTextsPerCall, batch.pieces.size() - first));
    texts.clear();
    for (const Batch::Piece& piece : pieces) {
      const std::string& text = *batch.rows[piece.row].text;
      texts.push_back(text.substr(piece.range.begin, piece.range.end - piece.range.begin));
    }
    ASSIGN_OR_RETURN(auto embeddings,
                     options_.provider->Embed(texts, ai::Role::kDocument, cancel_));
    if (embeddings.size() != pieces.size()) {
      return Internal("the embedding provider answered ", pieces.size(), " texts with ",
                      embeddings.size(), " vectors");
    }
    for (size_t i = 0; i < pieces.size(); ++i) {
      Status& failure = batch.failures[pieces[i].row];
      Status status = embeddings[i].status();
      if (status.ok()) status = CheckEmbedding(*embeddings[i], index_->space.dimensions);
      if (status.ok()) {
        pieces[i].embedding = *std::move(embeddings[i]);
      } else if (failure.ok()) {
        failure = status;
      }
    }
    // The last piece's row may go on in the next call.
    const size_t next = first + pieces.size();
    ReportStage("embedding",
                next < batch.pieces.size() ? batch.pieces[next].row : batch.rows.size());
  }
  return OkStatus();
}

Status IndexBuilder::PublishBatch(Batch& batch) {
  ReportStage("publishing", batch.rows.size());
  ChunkTable chunks;
  for (Batch::Piece& piece : batch.pieces) {
    if (!batch.failures[piece.row].ok()) continue;
    const SourceRow& row = batch.rows[piece.row];
    std::string text = row.text->substr(piece.range.begin, piece.range.end - piece.range.begin);
    chunks.doc_ids.push_back(*row.id);
    chunks.chunk_idxs.push_back(piece.chunk_idx);
    chunks.begins.push_back(static_cast<int64_t>(piece.range.begin));
    chunks.ends.push_back(static_cast<int64_t>(piece.range.end));
    chunks.content_hashes.push_back(Sha256Hex(text));
    chunks.texts.push_back(std::move(text));
    chunks.vectors.insert(chunks.vectors.end(), piece.embedding.begin(), piece.embedding.end());
  }

  IndexInfo next = *index_;
  for (size_t row = 0; row < batch.rows.size(); ++row) {
    if (batch.failures[row].ok()) continue;
    next.rows_failed += 1;
    if (next.failed.size() < kFailedItemsKept) {
      next.failed.push_back({.doc_id = Shorten(batch.rows[row].id.value_or("")),
                             .reason = Shorten(batch.failures[row].ToString())});
    }
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
  TRY(Publish(std::move(next)));
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
  ReportStage("done", 0);
  // The index is whole and durable; a dataset that misses its mark only counts as stale.
  if (const Status status = options_.catalog->MarkEmbedded(index_->source, index_->source_version);
      !status.ok()) {
    LogWarning("dataset was not marked as embedded",
               {{"dataset", index_->source}, {"error", status.message()}});
  }
  return OkStatus();
}

void IndexBuilder::ReportStage(std::string_view stage, uint64_t rows_in_part) {
  report_({.stage = std::string(stage),
           .done = index_->rows_done + rows_in_part,
           .total = index_->rows_total,
           .failed_items = index_->rows_failed});
}

}  // namespace lakehouse::search
