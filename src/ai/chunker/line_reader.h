// Reads the lines of a text and what each looks like by itself.
#pragma once

#include <cstddef>
#include <string_view>

namespace lakehouse::ai {

// A line ends with LF, CR or CRLF, which belong to it.
struct TextLine {
  size_t begin = 0;
  size_t end = 0;
  size_t indent = 0;         // Spaces and tabs before the content.
  std::string_view content;  // Without the white space around; empty for a blank line.
};

// Looks at the line at the cursor and the one after it. Borrows the text.
class LineReader {
 public:
  explicit LineReader(std::string_view text);

  bool AtEnd() const { return current_.begin == text_.size(); }
  // REQUIRES: !AtEnd().
  const TextLine& line() const { return current_; }
  // Empty at the end of the text.
  const TextLine& next() const { return next_; }
  void Advance();

 private:
  TextLine ReadAt(size_t begin) const;

  const std::string_view text_;
  TextLine current_;
  TextLine next_;
};

// The level of a Markdown heading such as `## Title`, 0 for any other line.
int MarkdownHeadingLevel(const TextLine& line);
// The level of the heading that a line of `=` or `-` makes of the line before it, else 0.
int UnderlineLevel(const TextLine& line);
// The level of an HTML heading that begins and ends on the line, else 0.
int HtmlHeadingLevel(const TextLine& line);
// The length of a run of three or more ` or ~ that starts the line, else 0.
size_t FenceLength(const TextLine& line);
// Whether the line starts an item of a Markdown list.
bool IsListItem(const TextLine& line);
// Whether the line is the rule under the header of a Markdown table: | --- | :-: |.
bool IsTableRule(const TextLine& line);
// Whether the line starts with the tag of an HTML block.
bool StartsHtmlBlock(const TextLine& line);
// Whether the line starts with the tag `name`; false for a closing tag. `name` is in lower case.
bool StartsWithTag(const TextLine& line, std::string_view name);
// Whether the line holds the closing tag of `name`.
bool HoldsClosingTag(const TextLine& line, std::string_view name);
// Whether the line starts with a time, as the lines of logs do.
bool StartsWithTime(const TextLine& line);
// Whether the line could only be code: it ends with a brace or semicolon, or starts with a comment
// or a closing bracket.
bool LooksLikeCode(const TextLine& line);

}  // namespace lakehouse::ai
