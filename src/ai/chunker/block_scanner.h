// Finds the structure of a text: headings, paragraphs, tables, code, rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ai/chunker/line_reader.h"

namespace lakehouse::ai {

enum class BlockKind : uint8_t {
  kHeading,  // Of Markdown (# or underlined) or HTML.
  kProse,    // A paragraph or an item of a list.
  kRows,     // Lines that stand for themselves: CSV, logs, code.
  kWhole,    // Lines that belong together: a fence of code, a table, <pre>.
};

// Whole lines without blank ones around.
struct TextBlock {
  BlockKind kind = BlockKind::kProse;
  int heading_level = 0;  // 1 to 6 for a heading.
  size_t begin = 0;
  size_t end = 0;
  size_t header_end =
      0;  // Where the header row that `begin` starts ends; `begin` when there is none.
};

// Gives the blocks of a text in order; only blank lines lie between them. O(length). Borrows
// `text`.
class BlockScanner {
 public:
  explicit BlockScanner(std::string_view text) : lines_(text) {}

  // Returns nothing at the end of the text.
  std::optional<TextBlock> Next();

 private:
  TextBlock TakeFence();
  TextBlock TakeHtml();
  TextBlock TakeTable();
  TextBlock TakeParagraph();
  bool StartsTable() const;
  bool StartsBlock() const;

  LineReader lines_;
};

// Returns what a heading says: without its marks or tags, on one line.
std::string HeadingText(std::string_view heading);

}  // namespace lakehouse::ai
