#include "ai/chunker/text_units.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <unicode/uchar.h>

#include "ai/chunker/block_scanner.h"
#include "ai/chunker/boundaries.h"
#include "ai/chunker/line_reader.h"
#include "ai/chunker/long_text_splitter.h"
#include "ai/unicode/character_class.h"

namespace lakehouse::ai {
namespace {

// Makes the units of one text; its boundary finders are made when first needed.
class UnitSplitter {
 public:
  UnitSplitter(std::string_view text, size_t budget, const PieceCost& cost)
      : text_(text), budget_(budget), cost_(cost), long_text_(text, budget, cost) {}

  void AddBlock(const TextBlock& block) {
    const size_t first = result_.units.size();
    const size_t headings_above = headings_cost_;
    const TextRange range = TrimWhitespace(text_, {block.begin, block.end});
    if (range.empty()) return;
    switch (block.kind) {
      case BlockKind::kHeading:
        AddLine(range);
        break;
      case BlockKind::kProse:
        AddProse(range);
        break;
      case BlockKind::kRows:
        AddRows(block);
        break;
      case BlockKind::kWhole:
        if (!AddIfFits(range)) AddRows(block);
        break;
    }
    std::vector<TextUnit>& units = result_.units;
    if (units.size() == first) return;
    units[first].starts_block = 1;
    units[first].heading_level = static_cast<uint32_t>(block.heading_level) & 0xF;
    if (block.kind == BlockKind::kHeading) {
      headings_cost_ = headings_above;
      for (size_t i = first; i < units.size(); ++i) headings_cost_ += units[i].cost;
    }
  }

  TextUnits Take() { return std::move(result_); }

 private:
  std::string_view TextOf(TextRange range) const {
    return text_.substr(range.begin, range.end - range.begin);
  }

  // Leaves room for the headings right before, which shall stay with what follows them.
  size_t Room() const { return headings_cost_ < budget_ / 2 ? budget_ - headings_cost_ : budget_; }

  void Add(TextRange range, size_t cost, bool starts_sentence) {
    constexpr size_t kMaxCost = std::numeric_limits<uint32_t>::max();
    result_.units.push_back({.begin = static_cast<uint32_t>(range.begin),
                             .end = static_cast<uint32_t>(range.end),
                             .cost = static_cast<uint32_t>(std::min(cost, kMaxCost)),
                             .starts_sentence = starts_sentence ? 1U : 0U});
    headings_cost_ = 0;
  }

  // Adds a piece unless it is too long; says whether it did. REQUIRES: not blank.
  bool AddIfFits(TextRange range) {
    // A piece with so many bytes is too long whatever it holds; do not count its tokens.
    if (range.end - range.begin > Room() * kMaxBytesPerToken) return false;
    const size_t cost = cost_(TextOf(range));
    if (cost > Room()) return false;
    Add(range, cost, true);
    return true;
  }

  void AddLine(TextRange line) {
    const TextRange range = TrimWhitespace(text_, line);
    if (range.empty() || AddIfFits(range)) return;
    bool is_first = true;
    for (const LongTextSplitter::Piece& piece : long_text_.Split(range)) {
      Add(piece.range, piece.cost, std::exchange(is_first, false));
    }
  }

  void AddSentence(TextRange sentence) {
    const TextRange range = TrimWhitespace(text_, sentence);
    if (range.empty() || AddIfFits(range)) return;
    for (LineReader lines(TextOf(range)); !lines.AtEnd(); lines.Advance()) {
      AddLine({range.begin + lines.line().begin, range.begin + lines.line().end});
    }
  }

  void AddProse(TextRange block) {
    const std::string_view text = TextOf(block);
    // Most headings, items and cells are one sentence; finding that out is cheap.
    if (text.substr(0, text.size() - 1).find_first_not_of(kWithinSentence) ==
        std::string_view::npos) {
      return AddSentence(block);
    }
    if (!sentences_.has_value()) sentences_.emplace(Boundaries::Kind::kSentences);
    sentences_->SetText(text);
    size_t begin = 0;
    for (size_t end = sentences_->Next(); end > 0; end = sentences_->Next()) {
      if (end < text.size() && IsWrapped(text, end)) continue;
      AddSentence({block.begin + begin, block.begin + end});
      begin = end;
    }
  }

  // Says whether a line ends at `end` only because it was full: the next one goes on in lower case.
  static bool IsWrapped(std::string_view text, size_t end) {
    if (text[end - 1] != '\n' && text[end - 1] != '\r') return false;
    size_t next = text.find_first_not_of(" \t", end);
    return next != std::string_view::npos &&
           u_islower(static_cast<UChar32>(DecodeUtf8(text, next))) != 0;
  }

  void AddRows(const TextBlock& block) {
    const size_t header_size = block.header_end - block.begin;
    std::optional<size_t> below_header;  // The first unit there.
    bool may_open = false;               // Whether a line without indent begins a definition.
    for (LineReader lines(text_.substr(block.begin, block.end - block.begin)); !lines.AtEnd();
         lines.Advance()) {
      const TextLine& line = lines.line();
      if (line.content.empty()) {
        may_open = true;
        continue;
      }
      const bool closes = std::string_view("})]").find(line.content[0]) != std::string_view::npos;
      const size_t first = result_.units.size();
      if (line.begin >= header_size && !below_header.has_value()) below_header = first;
      AddLine({block.begin + line.begin, block.begin + line.end});
      if (may_open && line.indent == 0 && !closes && first < result_.units.size()) {
        result_.units[first].starts_block = 1;
      }
      may_open = line.indent > 0 || closes;
    }
    if (header_size == 0 || !below_header.has_value()) return;
    result_.headed_rows.push_back({.first_unit = *below_header,
                                   .last_unit = result_.units.size(),
                                   .header_begin = block.begin,
                                   .header_end = block.header_end});
  }

  static constexpr std::string_view kWithinSentence =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t#*-_,;:'\"/()[]{}<>|=+&%$@";

  const std::string_view text_;
  const size_t budget_;
  const PieceCost& cost_;
  TextUnits result_;
  size_t headings_cost_ = 0;  // Of the headings after which nothing came yet.
  LongTextSplitter long_text_;
  std::optional<Boundaries> sentences_;
};

}  // namespace

TextUnits SplitIntoUnits(std::string_view text, size_t budget, const PieceCost& cost) {
  UnitSplitter splitter(text, budget, cost);
  BlockScanner blocks(text);
  while (const auto block = blocks.Next()) splitter.AddBlock(*block);
  return splitter.Take();
}

}  // namespace lakehouse::ai
