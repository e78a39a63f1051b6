#include "ingest/text_staging.h"

#include "base/strings.h"
#include "ingest/csv_reader.h"
#include "ingest/text_cut.h"

namespace lakehouse::ingest {
namespace {

constexpr size_t kMaxTitleBytes = 200;

// The value of `title:` between two lines of `---` at the front; "" without one.
std::string_view FrontMatterTitle(std::string_view text) {
  if (!text.starts_with("---\n") && !text.starts_with("---\r\n")) return "";
  constexpr std::string_view kKey = "title:";
  bool first = true;
  for (const std::string_view line : SplitString(text.substr(0, 8192), '\n')) {
    const std::string_view trimmed = TrimWhitespace(line);
    if (!first && trimmed == "---") break;
    first = false;
    if (!EqualsIgnoreCase(trimmed.substr(0, kKey.size()), kKey)) continue;
    std::string_view title = TrimWhitespace(trimmed.substr(kKey.size()));
    if (title.size() >= 2 && (title.front() == '"' || title.front() == '\'') &&
        title.back() == title.front()) {
      title = title.substr(1, title.size() - 2);
    }
    return title;
  }
  return "";
}

// The text of the first heading; "" without one.
std::string_view FirstHeading(std::string_view text) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = TrimWhitespace(text.substr(begin, end - begin));
    begin = end + 1;
    const size_t marks = line.find_first_not_of('#');
    if (marks == std::string_view::npos || marks == 0 || marks > 6 || line[marks] != ' ') continue;
    return TrimWhitespace(line.substr(marks));
  }
  return "";
}

std::string_view FirstLine(std::string_view text) {
  const std::string_view trimmed = TrimWhitespace(text);
  return TrimWhitespace(trimmed.substr(0, trimmed.find_first_of("\r\n")));
}

}  // namespace

std::string_view BaseName(std::string_view file_name) {
  const size_t slash = file_name.find_last_of("/\\");
  return slash == std::string_view::npos ? file_name : file_name.substr(slash + 1);
}

std::string TitleOf(std::string_view text, FileFormat format) {
  std::string_view title;
  if (format == FileFormat::kMarkdown) {
    title = FrontMatterTitle(text);
    if (title.empty()) title = FirstHeading(text);
  }
  if (title.empty()) title = FirstLine(text);
  return std::string(CutText(title, kMaxTitleBytes));
}

Result<StagedTable> StageText(std::string_view text, FileFormat format, std::string_view file_name,
                              const StagingContext& context) {
  const auto limit = static_cast<size_t>(context.config.max_line_bytes);
  if (text.size() > limit) {
    return InvalidArgument("the text is too long for one row: ", text.size(),
                           " bytes; ingest.max_line_bytes is ", limit,
                           "; split the file or raise the limit");
  }
  StagedTable table;
  table.owned = std::make_unique<WorkPath>(context.directory.NewPath(".csv"));
  table.path = table.owned->str();
  table.rows = 1;
  std::string line;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!table.columns.empty()) line.push_back(table.delimiter);
    AppendCsvField(line, value, false, table.delimiter);
    // A title like "2024" is text all the same.
    table.columns.push_back({std::string(name), {}});
    table.columns.back().profile.Add(value, 1, ValueForm::kWords);
  };
  add("doc_id", BaseName(file_name));
  add("title", TitleOf(text, format));
  add("text", text);
  line.push_back('\n');
  table.longest_record_bytes = line.size();
  ASSIGN_OR_RETURN(const auto writer, WorkWriter::Create(context.directory, table.path));
  TRY(writer->Append(line));
  TRY(writer->Finish());
  return table;
}

}  // namespace lakehouse::ingest
