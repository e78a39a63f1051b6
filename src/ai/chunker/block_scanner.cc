#include "ai/chunker/block_scanner.h"

#include <algorithm>
#include <array>

namespace lakehouse::ai {
namespace {

// So many lines at least make rows of CSV or of a log; fewer are prose.
constexpr size_t kMinRows = 3;

// Tells from the lines of a paragraph whether they are rows rather than prose.
class RowStatistics {
 public:
  void Add(const TextLine& line) {
    if (lines_ == 0) ChooseDelimiter(line);
    ++lines_;
    if (delimiter_ != 0 && CountDelimiters(line) == delimiters_) ++delimited_;
    if (StartsWithTime(line)) ++timed_;
    if (LooksLikeCode(line)) {
      ++code_;
    } else if (line.indent >= 2) {
      ++indented_;
    }
  }

  bool IsDelimited() const { return lines_ >= kMinRows && MostOf(delimited_); }
  bool IsRows() const {
    return IsDelimited() || (lines_ >= kMinRows && MostOf(timed_)) ||
           (lines_ >= 2 && code_ > 0 && 2 * (code_ + indented_) > lines_);
  }
  // Whether the first line could name the columns: names hold no digits.
  bool FirstLineIsHeader() const { return IsDelimited() && !first_has_digits_; }

 private:
  bool MostOf(size_t count) const { return 10 * count >= 9 * lines_; }

  size_t CountDelimiters(const TextLine& line) const {
    return static_cast<size_t>(std::ranges::count(line.content, delimiter_));
  }

  void ChooseDelimiter(const TextLine& line) {
    first_has_digits_ =
        std::ranges::any_of(line.content, [](char c) { return c >= '0' && c <= '9'; });
    for (const char candidate : {'\t', ';', '|', ','}) {
      delimiter_ = candidate;
      delimiters_ = CountDelimiters(line);
      if (delimiters_ >= 2) return;
    }
    delimiter_ = 0;
  }

  size_t lines_ = 0;
  size_t code_ = 0;
  size_t indented_ = 0;  // Beside code_.
  size_t timed_ = 0;
  size_t delimited_ = 0;  // Lines with as many delimiters as the first.
  char delimiter_ = 0;
  size_t delimiters_ = 0;
  bool first_has_digits_ = false;
};

std::string_view StripHashes(std::string_view line) {
  const auto trim = [&] {
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  };
  while (line.starts_with('#')) line.remove_prefix(1);
  trim();
  const size_t last = line.find_last_not_of('#');
  // Hashes that close a heading stand after white space.
  if (last == std::string_view::npos) return {};
  if (last + 1 < line.size() && (line[last] == ' ' || line[last] == '\t')) {
    line = line.substr(0, last);
    trim();
  }
  return line;
}

std::string StripTags(std::string_view line) {
  std::string text;
  bool in_tag = false;
  for (const char c : line) {
    if (c == '<') in_tag = true;
    if (!in_tag) text.push_back(c);
    if (c == '>') in_tag = false;
  }
  return text;
}

}  // namespace

std::optional<TextBlock> BlockScanner::Next() {
  while (!lines_.AtEnd() && lines_.line().content.empty()) lines_.Advance();
  if (lines_.AtEnd()) return std::nullopt;
  const TextLine& line = lines_.line();
  const int level = std::max(MarkdownHeadingLevel(line), HtmlHeadingLevel(line));
  if (level > 0) {
    const TextBlock block{.kind = BlockKind::kHeading,
                          .heading_level = level,
                          .begin = line.begin,
                          .end = line.end,
                          .header_end = line.begin};
    lines_.Advance();
    return block;
  }
  if (FenceLength(line) > 0) return TakeFence();
  if (StartsTable()) return TakeTable();
  if (StartsHtmlBlock(line)) return TakeHtml();
  return TakeParagraph();
}

TextBlock BlockScanner::TakeFence() {
  const TextLine open = lines_.line();
  const size_t length = FenceLength(open);
  TextBlock block{.kind = BlockKind::kWhole, .begin = open.begin, .header_end = open.begin};
  bool is_closed = false;
  while (!is_closed) {
    block.end = lines_.line().end;
    lines_.Advance();
    if (lines_.AtEnd()) break;
    const TextLine& line = lines_.line();
    is_closed = FenceLength(line) >= length && line.content[0] == open.content[0] &&
                FenceLength(line) == line.content.size();
    if (is_closed) {
      block.end = line.end;
      lines_.Advance();
    }
  }
  return block;
}

TextBlock BlockScanner::TakeHtml() {
  // Elements whose blank lines and tags mean nothing.
  constexpr std::array<std::string_view, 4> kVerbatim = {"pre", "script", "style", "table"};
  const auto tag = std::ranges::find_if(
      kVerbatim, [this](std::string_view name) { return StartsWithTag(lines_.line(), name); });
  if (tag == kVerbatim.end()) return TakeParagraph();
  const size_t begin = lines_.line().begin;
  TextBlock block{.kind = BlockKind::kWhole, .begin = begin, .header_end = begin};
  while (!lines_.AtEnd()) {
    const bool is_last = HoldsClosingTag(lines_.line(), *tag);
    // A table may lack its closing tag; a blank line ends it then.
    if (*tag == "table" && lines_.line().content.empty()) break;
    block.end = lines_.line().end;
    lines_.Advance();
    if (is_last) break;
  }
  return block;
}

TextBlock BlockScanner::TakeTable() {
  TextBlock block{.kind = BlockKind::kWhole, .begin = lines_.line().begin};
  block.header_end = lines_.line().end;
  while (!lines_.AtEnd() && lines_.line().content.find('|') != std::string_view::npos) {
    block.end = lines_.line().end;
    lines_.Advance();
  }
  return block;
}

TextBlock BlockScanner::TakeParagraph() {
  const TextLine first = lines_.line();
  TextBlock block{.begin = first.begin, .end = first.end, .header_end = first.begin};
  RowStatistics rows;
  rows.Add(first);
  lines_.Advance();
  if (!lines_.AtEnd() && !IsListItem(first) && UnderlineLevel(lines_.line()) > 0) {
    block.kind = BlockKind::kHeading;
    block.heading_level = UnderlineLevel(lines_.line());
    block.end = lines_.line().end;
    lines_.Advance();
    return block;
  }
  for (; !lines_.AtEnd() && !StartsBlock(); lines_.Advance()) {
    rows.Add(lines_.line());
    block.end = lines_.line().end;
  }
  if (rows.IsRows()) block.kind = BlockKind::kRows;
  if (rows.FirstLineIsHeader()) block.header_end = first.end;
  return block;
}

bool BlockScanner::StartsTable() const {
  return lines_.line().content.find('|') != std::string_view::npos && IsTableRule(lines_.next());
}

bool BlockScanner::StartsBlock() const {
  const TextLine& line = lines_.line();
  return line.content.empty() || MarkdownHeadingLevel(line) > 0 || FenceLength(line) > 0 ||
         IsListItem(line) || StartsTable() || StartsHtmlBlock(line) || HtmlHeadingLevel(line) > 0;
}

std::string HeadingText(std::string_view heading) {
  const LineReader lines(heading);
  const std::string_view line = lines.line().content;
  if (line.starts_with('<')) return StripTags(line);
  return std::string(line.starts_with('#') ? StripHashes(line) : line);
}

}  // namespace lakehouse::ai
