#include "ingest/json_staging.h"

#include <algorithm>
#include <functional>

#include "base/strings.h"
#include "ingest/csv_sniffer.h"
#include "ingest/json_rows.h"

namespace lakehouse::ingest {
namespace {

constexpr uint64_t kRowsBetweenChecks = 16384;

using TakeRow = std::function<Status(const JsonRow&)>;
using RejectLine = std::function<void(uint64_t line, std::string reason, std::string_view text)>;

std::string_view TokenName(JsonToken token) {
  switch (token) {
    case JsonToken::kArrayBegin:
      return "an array";
    case JsonToken::kString:
      return "a string";
    case JsonToken::kNumber:
      return "a number";
    case JsonToken::kNull:
      return "null";
    default:
      return "a boolean";
  }
}

// Drives a reader over all rows of a text. Every run takes and rejects the same rows.
class RowScan {
 public:
  RowScan(std::string_view text, JsonLayout layout, JsonField& root, const StagingContext& context)
      : text_(text),
        layout_(layout),
        context_(context),
        reader_(root, static_cast<size_t>(context.config.max_columns)) {}

  Status Run(const TakeRow& take, const RejectLine& reject) {
    return layout_ == JsonLayout::kLines ? RunLines(take, reject) : RunValues(take);
  }

 private:
  Status CountRow() {
    return ++rows_ % kRowsBetweenChecks == 0 ? context_.cancel.Check() : OkStatus();
  }

  std::string TooLong() const {
    return StrCat("the row is longer than ingest.max_line_bytes, ", context_.config.max_line_bytes);
  }

  bool IsTooLong(size_t size_bytes) const {
    return size_bytes > static_cast<size_t>(context_.config.max_line_bytes);
  }

  Status RunLines(const TakeRow& take, const RejectLine& reject) {
    uint64_t line_number = 0;
    for (size_t begin = 0; begin < text_.size();) {
      const size_t end = std::min(text_.find('\n', begin), text_.size());
      const std::string_view line = text_.substr(begin, end - begin);
      begin = end + 1;
      ++line_number;
      if (TrimWhitespace(line).empty()) continue;
      TRY(CountRow());
      const Status status =
          IsTooLong(line.size()) ? InvalidArgument(TooLong()) : ReadLine(line, line_number);
      if (status.ok()) {
        TRY(take(row_));
      } else if (status.code() == StatusCode::kInvalidArgument) {
        reject(line_number, status.message(), line);
      } else {
        return status;
      }
    }
    return OkStatus();
  }

  Status ReadLine(std::string_view line, uint64_t line_number) {
    JsonTokenizer tokenizer(line, line_number);
    ASSIGN_OR_RETURN(const JsonToken token, tokenizer.Next());
    if (token != JsonToken::kObjectBegin) {
      return InvalidArgument("expected an object in line ", line_number, ", found ",
                             TokenName(token));
    }
    TRY(reader_.Read(line, tokenizer, row_));
    ASSIGN_OR_RETURN(const JsonToken rest, tokenizer.Next());
    if (rest != JsonToken::kEnd) {
      return InvalidArgument("expected one object in line ", line_number, ", found more");
    }
    return OkStatus();
  }

  Status RunValues(const TakeRow& take) {
    JsonTokenizer tokenizer(text_);
    if (layout_ == JsonLayout::kArray) TRY(tokenizer.Next().status());
    while (true) {
      ASSIGN_OR_RETURN(const JsonToken token, tokenizer.Next());
      if (token == JsonToken::kEnd) return OkStatus();
      if (token == JsonToken::kArrayEnd) break;
      if (token != JsonToken::kObjectBegin) {
        return InvalidArgument("expected an object a row in line ", tokenizer.line(), ", found ",
                               TokenName(token));
      }
      TRY(CountRow());
      const size_t begin = tokenizer.token_begin();
      TRY(reader_.Read(text_, tokenizer, row_));
      if (IsTooLong(tokenizer.position() - begin)) {
        return InvalidArgument(TooLong(), ", in line ", row_.line);
      }
      TRY(take(row_));
    }
    ASSIGN_OR_RETURN(const JsonToken rest, tokenizer.Next());
    if (rest == JsonToken::kEnd) return OkStatus();
    return InvalidArgument("expected the end after the array, found more in line ",
                           tokenizer.line());
  }

  const std::string_view text_;
  const JsonLayout layout_;
  const StagingContext& context_;
  JsonRowReader reader_;
  JsonRow row_;
  uint64_t rows_ = 0;
};

// Learns from one row which fields there are and what they hold.
void ProfileRow(const JsonRow& row) {
  for (const JsonLeaf& leaf : row.leaves) {
    JsonField& field = *leaf.field;
    if (leaf.is_object) {
      if (field.object_line == 0) field.object_line = row.line;
      continue;
    }
    if (leaf.is_null) {
      field.profile.AddNull();
      continue;
    }
    field.seen_value = true;
    field.profile.Add(row.value(leaf), row.line, leaf.form);
  }
}

// Gives every field of the tree that holds values its column.
void ChooseColumns(JsonField& object, const std::string& path, StagedTable& table) {
  for (const auto& child : object.children) {
    const std::string name = path.empty() ? child->key : StrCat(path, ".", child->key);
    const bool is_object = child->object_line != 0;
    if (is_object && !child->seen_value) {
      ChooseColumns(*child, name, table);
      continue;
    }
    if (!is_object && !child->seen_value && child->profile.nulls() == 0) continue;
    if (is_object) {
      child->keeps_objects = true;
      child->profile.Add("{}", child->object_line, ValueForm::kJsonString);
    }
    child->column = table.columns.size();
    const bool nameless = name.empty();
    table.columns.push_back(
        {nameless ? StrCat("column_", child->column + 1) : name, std::move(child->profile)});
  }
}

Status CheckColumns(const StagedTable& table, const StagingContext& context) {
  if (table.columns.empty()) return InvalidArgument("the JSON holds no object with a field");
  std::vector<std::string> names;
  for (const StagedColumn& column : table.columns) names.push_back(column.name);
  return CheckColumnNames(names, "the JSON keys", static_cast<size_t>(context.config.max_columns));
}

Status WriteRows(RowScan& scan, const StagingContext& context, StagedTable& table) {
  ASSIGN_OR_RETURN(const auto writer, WorkWriter::Create(context.directory, table.path));
  struct Cell {
    std::string_view text;
    uint64_t row = 0;  // Number of the row that it belongs to: cells are not cleared.
  };
  std::vector<Cell> cells(table.columns.size());
  std::string line;
  uint64_t row_number = 0;
  const auto take = [&](const JsonRow& row) -> Status {
    ++row_number;
    for (const JsonLeaf& leaf : row.leaves) {
      if (leaf.is_null || leaf.is_object || leaf.field->column == SIZE_MAX) continue;
      cells[leaf.field->column] = {row.value(leaf), row_number};
    }
    line.clear();
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line.push_back(table.delimiter);
      AppendCsvField(line, cells[i].text, cells[i].row != row_number, table.delimiter);
    }
    line.push_back('\n');
    table.longest_record_bytes = std::max<uint64_t>(table.longest_record_bytes, line.size());
    return writer->Append(line);
  };
  TRY(scan.Run(take, [](uint64_t, const std::string&, std::string_view) {}));
  return writer->Finish();
}

}  // namespace

Result<StagedTable> StageJson(std::string_view text, JsonLayout layout,
                              const StagingContext& context, Rejects& rejects) {
  StagedTable table;
  table.owned = std::make_unique<WorkPath>(context.directory.NewPath(".csv"));
  table.path = table.owned->str();
  JsonField root;
  RowScan scan(text, layout, root, context);
  TRY(scan.Run(
      [&](const JsonRow& row) {
        ProfileRow(row);
        ++table.rows;
        return OkStatus();
      },
      [&](uint64_t line, std::string reason, std::string_view line_text) {
        rejects.Add(line, std::move(reason), line_text);
      }));
  TRY(CheckRejects(rejects, table.rows));
  if (table.rows == 0) return InvalidArgument("the JSON holds no rows");
  ChooseColumns(root, "", table);
  TRY(CheckColumns(table, context));
  TRY(WriteRows(scan, context, table));
  return table;
}

}  // namespace lakehouse::ingest
