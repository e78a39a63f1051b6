#include "ai/chunker/line_reader.h"

#include <algorithm>
#include <array>

namespace lakehouse::ai {
namespace {

constexpr std::string_view kBlank = " \t\f\v\r\n";
// Markdown takes a line that is indented further as code.
constexpr size_t kMaxIndent = 3;
// Where the time of a log line ends at the latest.
constexpr size_t kTimeWithin = 48;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, Lower);
}

// Whether `text` starts with a tag's name that ends there.
bool StartsWithName(std::string_view text, std::string_view name) {
  if (!EqualsIgnoringCase(text.substr(0, name.size()), name)) return false;
  return text.size() == name.size() ||
         std::string_view(" \t/>").find(text[name.size()]) != std::string_view::npos;
}

// The length of the run of the line's first character.
size_t FirstRun(std::string_view content) {
  return std::min(content.find_first_not_of(content[0]), content.size());
}

bool ConsistsOf(std::string_view content, char c) {
  return !content.empty() && content.find_first_not_of(c) == std::string_view::npos;
}

}  // namespace

LineReader::LineReader(std::string_view text)
    : text_(text), current_(ReadAt(0)), next_(ReadAt(current_.end)) {}

void LineReader::Advance() {
  current_ = next_;
  next_ = ReadAt(current_.end);
}

TextLine LineReader::ReadAt(size_t begin) const {
  const std::string_view rest = text_.substr(begin);
  const size_t stop = rest.find_first_of("\r\n");
  size_t size = stop == std::string_view::npos ? rest.size() : stop + 1;
  if (size > 0 && size < rest.size() && rest[size - 1] == '\r' && rest[size] == '\n') ++size;
  TextLine line{.begin = begin, .end = begin + size};
  const std::string_view whole = rest.substr(0, size);
  const size_t first = whole.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return line;
  line.indent = first;
  line.content = whole.substr(first, whole.find_last_not_of(kBlank) + 1 - first);
  return line;
}

int MarkdownHeadingLevel(const TextLine& line) {
  if (line.indent > kMaxIndent || !line.content.starts_with('#')) return 0;
  const size_t run = FirstRun(line.content);
  const bool ends =
      run == line.content.size() || line.content[run] == ' ' || line.content[run] == '\t';
  return ends && run <= 6 ? static_cast<int>(run) : 0;
}

int UnderlineLevel(const TextLine& line) {
  if (line.indent > kMaxIndent || line.content.size() < 3) return 0;
  if (ConsistsOf(line.content, '=')) return 1;
  return ConsistsOf(line.content, '-') ? 2 : 0;
}

int HtmlHeadingLevel(const TextLine& line) {
  const std::string_view content = line.content;
  if (content.size() < 4 || content[0] != '<' || Lower(content[1]) != 'h') return 0;
  const int level = content[2] - '0';
  if (level < 1 || level > 6) return 0;
  const std::array<char, 2> name = {'h', content[2]};
  const std::string_view tag(name.data(), name.size());
  return StartsWithTag(line, tag) && HoldsClosingTag(line, tag) ? level : 0;
}

size_t FenceLength(const TextLine& line) {
  if (line.indent > kMaxIndent || line.content.empty()) return 0;
  if (line.content[0] != '`' && line.content[0] != '~') return 0;
  const size_t run = FirstRun(line.content);
  return run >= 3 ? run : 0;
}

bool IsListItem(const TextLine& line) {
  const std::string_view content = line.content;
  if (content.size() < 2) return false;
  size_t marker = 0;
  if (content[0] == '-' || content[0] == '*' || content[0] == '+') {
    marker = 1;
  } else {
    while (marker < std::min<size_t>(content.size(), 9) && IsDigit(content[marker])) ++marker;
    if (marker == 0 || marker == content.size()) return false;
    if (content[marker] != '.' && content[marker] != ')') return false;
    ++marker;
  }
  return marker < content.size() && (content[marker] == ' ' || content[marker] == '\t');
}

bool IsTableRule(const TextLine& line) {
  return line.content.find('-') != std::string_view::npos &&
         line.content.find('|') != std::string_view::npos &&
         line.content.find_first_not_of("|-: \t") == std::string_view::npos;
}

bool StartsHtmlBlock(const TextLine& line) {
  constexpr std::array<std::string_view, 28> kTags = {
      "address", "article", "aside",   "blockquote", "body",  "dd", "div",  "dl",   "dt", "footer",
      "form",    "head",    "header",  "hr",         "html",  "li", "main", "nav",  "ol", "p",
      "pre",     "script",  "section", "style",      "table", "tr", "ul",   "title"};
  if (!line.content.starts_with('<')) return false;
  std::string_view name = line.content.substr(1);
  if (name.starts_with('/')) name.remove_prefix(1);
  return std::ranges::any_of(kTags,
                             [&](std::string_view tag) { return StartsWithName(name, tag); });
}

bool StartsWithTag(const TextLine& line, std::string_view name) {
  return line.content.starts_with('<') && StartsWithName(line.content.substr(1), name);
}

bool HoldsClosingTag(const TextLine& line, std::string_view name) {
  const std::string_view content = line.content;
  for (size_t i = content.find("</"); i != std::string_view::npos; i = content.find("</", i + 2)) {
    if (StartsWithName(content.substr(i + 2), name)) return true;
  }
  return false;
}

bool StartsWithTime(const TextLine& line) {
  const std::string_view start = line.content.substr(0, kTimeWithin);
  for (size_t i = 1; i + 2 < start.size(); ++i) {
    if (start[i] == ':' && IsDigit(start[i - 1]) && IsDigit(start[i + 1]) &&
        IsDigit(start[i + 2])) {
      return true;
    }
  }
  return false;
}

bool LooksLikeCode(const TextLine& line) {
  if (line.content.empty()) return false;
  const auto holds = [](std::string_view set, char c) {
    return set.find(c) != std::string_view::npos;
  };
  constexpr std::array<std::string_view, 7> kStarts = {"//",     "/*",  "#include", "def ",
                                                       "class ", "fn ", "func "};
  return holds("{};", line.content.back()) || holds("})]", line.content.front()) ||
         std::ranges::any_of(kStarts,
                             [&](std::string_view s) { return line.content.starts_with(s); });
}

}  // namespace lakehouse::ai
