// Finds what stands above a chunk: headings, and the header of the table it continues.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ai/chunker/text_units.h"

namespace lakehouse::ai {

// Puts the contexts of a text's chunks together. Borrows the arguments.
class ChunkContext {
 public:
  // A context has at most `max_tokens` tokens.
  ChunkContext(std::string_view text, const TextUnits& units, size_t max_tokens,
               const PieceCost& cost);

  // Returns the context of a chunk that begins with a unit. REQUIRES: units come in order.
  const std::string& At(size_t unit);

 private:
  void Advance(size_t unit);
  // Forgets the headings of `level` and below.
  void LeaveSections(uint32_t level);
  std::string Build() const;
  std::string RepeatedHeader() const;
  bool Fits(std::string_view context) const;

  const std::string_view text_;
  const TextUnits& units_;
  const size_t max_tokens_;
  const PieceCost& cost_;
  size_t unit_ = 0;                      // Headings before it are in `headings_`.
  std::vector<size_t> headings_;         // Units, from the outermost to the innermost.
  size_t rows_ = 0;                      // The first of the headed rows that end after `unit_`.
  const HeadedRows* in_rows_ = nullptr;  // Those that `unit_` is among.
  bool is_current_ = false;              // Whether `context_` is that of `unit_`.
  std::string context_;
};

}  // namespace lakehouse::ai
