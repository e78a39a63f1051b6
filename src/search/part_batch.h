// The rows of one part on their way from the dataset to the index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ai/chunker.h"
#include "base/status.h"
#include "search/source_reader.h"

namespace lakehouse::search {

struct PartBatch {
  // A piece of a row's text.
  struct Piece {
    size_t row = 0;
    int64_t chunk_idx = 0;
    ai::Chunk chunk;
    std::vector<float> embedding;
    Status failure;  // Why it has no embedding.
  };

  uint64_t first_row = 0;  // Of the index's source.
  std::vector<SourceRow> rows;
  size_t text_bytes = 0;      // Of the rows.
  std::vector<Piece> pieces;  // In order of rows and chunks; those of rows without an id are not.

  // The bytes of the document that a piece is; what is embedded has its context in front.
  std::string TextOf(const Piece& piece) const {
    return rows[piece.row].text->substr(piece.chunk.begin, piece.chunk.end - piece.chunk.begin);
  }
};

}  // namespace lakehouse::search
