// Cuts a text into the units that chunks are put together from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ai/chunker/piece_cost.h"

namespace lakehouse::ai {

// A byte range without white space at its ends: a heading, a sentence, a row, a whole block of
// code, or a piece of one that is too long. Begins and ends at grapheme cluster boundaries unless
// it lies within a cluster that is too long itself.
struct TextUnit {
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t cost = 0;               // By PieceCost, of this piece alone.
  uint32_t heading_level : 4 = 0;  // Of a heading's first unit, else 0.
  uint32_t starts_block : 1 = 0;
  uint32_t starts_sentence : 1 = 0;  // Where an overlap may begin.
};

// Rows that are read under the header row above them.
struct HeadedRows {
  size_t first_unit = 0;  // After the header.
  size_t last_unit = 0;   // One more than the last.
  size_t header_begin = 0;
  size_t header_end = 0;
};

struct TextUnits {
  std::vector<TextUnit> units;
  std::vector<HeadedRows> headed_rows;
};

// Returns the units of a text in order, each of cost `budget` at most unless it is one code point.
// They hold every character that is not white space. O(length). REQUIRES: text.size() < 2^31.
TextUnits SplitIntoUnits(std::string_view text, size_t budget, const PieceCost& cost);

}  // namespace lakehouse::ai
