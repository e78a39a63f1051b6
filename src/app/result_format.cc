#include "app/result_format.h"

#include <algorithm>

namespace lakehouse::app {

namespace {

bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t CharacterCount(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuationByte(c); }));
}

// Two columns of one name would lose one of them in an object.
std::vector<std::string> UniqueNames(const std::vector<std::string>& names) {
  std::vector<std::string> unique;
  for (const std::string& name : names) {
    std::string candidate = name;
    for (int suffix = 2; std::find(unique.begin(), unique.end(), candidate) != unique.end();
         ++suffix) {
      candidate = StrCat(name, "_", suffix);
    }
    unique.push_back(std::move(candidate));
  }
  return unique;
}

Json RowObject(const std::vector<std::string>& names, const Json& row) {
  Json object = Json::object();
  for (size_t i = 0; i < names.size(); ++i) object[names[i]] = row[i];
  return object;
}

void AppendCsvField(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

void AppendPadded(std::string& out, std::string_view text, size_t width, bool right) {
  const size_t padding = width - std::min(width, CharacterCount(text));
  if (right) out.append(padding, ' ');
  out.append(text);
  if (!right) out.append(padding, ' ');
}

std::string FormatAligned(const ResultTable& table, size_t max_cell_width) {
  const size_t columns = table.columns.size();
  std::vector<size_t> widths(columns);
  std::vector<bool> numeric(columns, !table.rows.empty());
  std::vector<std::vector<std::string>> cells;
  for (size_t i = 0; i < columns; ++i) widths[i] = CharacterCount(table.columns[i]);
  for (const Json& row : table.rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (size_t i = 0; i < columns; ++i) {
      line.push_back(ShortenForTerminal(CellText(row[i]), max_cell_width));
      widths[i] = std::max(widths[i], CharacterCount(line.back()));
      if (!row[i].is_number() && !row[i].is_null()) numeric[i] = false;
    }
  }
  std::string out;
  const auto append_line = [&](const std::vector<std::string>& line) {
    for (size_t i = 0; i < columns; ++i) {
      if (i > 0) out.append("  ");
      AppendPadded(out, line[i], widths[i], numeric[i]);
    }
    while (out.ends_with(' ')) out.pop_back();
    out.push_back('\n');
  };
  append_line(table.columns);
  std::vector<std::string> rules;
  for (const size_t width : widths) rules.emplace_back(width, '-');
  append_line(rules);
  for (const auto& line : cells) append_line(line);
  StrAppend(out, "(", table.rows.size(), table.rows.size() == 1 ? " row)\n" : " rows)\n");
  return out;
}

std::string FormatCsv(const ResultTable& table) {
  std::string out;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out.push_back(',');
    AppendCsvField(out, table.columns[i]);
  }
  out.push_back('\n');
  for (const Json& row : table.rows) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (i > 0) out.push_back(',');
      AppendCsvField(out, CellText(row[i]));
    }
    out.push_back('\n');
  }
  return out;
}

}  // namespace

Result<ResultFormat> ParseResultFormat(std::string_view text) {
  if (text == "table") return ResultFormat::kTable;
  if (text == "csv") return ResultFormat::kCsv;
  if (text == "json") return ResultFormat::kJson;
  if (text == "ndjson") return ResultFormat::kNdjson;
  return InvalidArgument("an output format is table, csv, json or ndjson, not: ", text);
}

Result<ResultTable> TableFromQueryAnswer(const Json& answer) {
  if (!answer.contains("columns") || !answer.contains("rows")) {
    return Internal("the answer holds no columns and rows");
  }
  ResultTable table;
  for (const Json& column : answer["columns"]) table.columns.push_back(column["name"]);
  for (const Json& row : answer["rows"]) {
    if (row.size() != table.columns.size()) return Internal("the answer holds a ragged row");
    table.rows.push_back(row);
  }
  return table;
}

std::string CellText(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return DumpJson(value);
}

std::string ShortenForTerminal(std::string_view text, size_t max_width) {
  std::string out;
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsContinuationByte(text[i])) {
      if (++width > max_width) {
        // Makes room for the ellipsis by taking back the last character.
        while (!out.empty() && IsContinuationByte(out.back())) out.pop_back();
        if (!out.empty()) out.pop_back();
        return out + "…";
      }
    }
    const auto byte = static_cast<unsigned char>(text[i]);
    out.push_back(byte < 0x20 || byte == 0x7F ? ' ' : text[i]);
  }
  return out;
}

std::string FormatTable(const ResultTable& table, ResultFormat format, size_t max_cell_width) {
  std::string out;
  switch (format) {
    case ResultFormat::kTable:
      return FormatAligned(table, max_cell_width);
    case ResultFormat::kCsv:
      return FormatCsv(table);
    case ResultFormat::kJson: {
      const std::vector<std::string> names = UniqueNames(table.columns);
      out = "[";
      for (size_t i = 0; i < table.rows.size(); ++i) {
        out.append(i == 0 ? "\n" : ",\n");
        out.append(DumpJson(RowObject(names, table.rows[i])));
      }
      return out + "\n]\n";
    }
    case ResultFormat::kNdjson: {
      const std::vector<std::string> names = UniqueNames(table.columns);
      for (const Json& row : table.rows) StrAppend(out, DumpJson(RowObject(names, row)), "\n");
      return out;
    }
  }
  CHECK(false);
}

}  // namespace lakehouse::app
