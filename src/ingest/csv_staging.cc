#include "ingest/csv_staging.h"

#include <algorithm>

#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

constexpr uint64_t kRecordsBetweenChecks = 65536;

std::string ProblemText(CsvProblem problem, size_t field, size_t max_record_bytes) {
  switch (problem) {
    case CsvProblem::kUnclosedQuote:
      return StrCat("the quote that opens field ", field, " is never closed");
    case CsvProblem::kTextAfterQuote:
      return StrCat("field ", field, " goes on after its closing quote");
    case CsvProblem::kTooLong:
      return StrCat("the row is longer than ingest.max_line_bytes, ", max_record_bytes);
    case CsvProblem::kNone:
      break;
  }
  return "";
}

// Why the record at the reader cannot be a row; "" when it can.
std::string RejectReason(const CsvReader& reader, size_t columns, size_t max_record_bytes) {
  const size_t fields = reader.fields().size();
  if (reader.problem() != CsvProblem::kNone) {
    return ProblemText(reader.problem(), fields + 1, max_record_bytes);
  }
  if (fields != columns) return StrCat("expected this many fields: ", columns, "; found: ", fields);
  return "";
}

Status CopyStrict(std::string_view text, const CsvSniff& sniff, const StagingContext& context,
                  StagedTable& table) {
  table.owned = std::make_unique<WorkPath>(context.directory.NewPath(".csv"));
  table.path = table.owned->str();
  table.has_header = false;
  table.longest_record_bytes = 0;
  ASSIGN_OR_RETURN(const auto writer, WorkWriter::Create(context.directory, table.path));
  CsvReader reader(text, sniff.dialect, context.config.max_line_bytes);
  if (sniff.has_header) reader.Next();
  std::string line;
  for (uint64_t records = 1; reader.Next(); ++records) {
    if (records % kRecordsBetweenChecks == 0) TRY(context.cancel.Check());
    if (reader.problem() != CsvProblem::kNone || reader.fields().size() != table.columns.size()) {
      continue;
    }
    line.clear();
    for (size_t i = 0; i < reader.fields().size(); ++i) {
      const CsvField& field = reader.fields()[i];
      if (i > 0) line.push_back(table.delimiter);
      AppendCsvField(line, field.text, field.text.empty() && !field.quoted, table.delimiter);
    }
    line.push_back('\n');
    table.longest_record_bytes = std::max<uint64_t>(table.longest_record_bytes, line.size());
    TRY(writer->Append(line));
  }
  return writer->Finish();
}

}  // namespace

Result<StagedTable> StageCsv(std::string_view text, const std::string& path, const CsvSniff& sniff,
                             const StagingContext& context, Rejects& rejects) {
  const auto max_record_bytes = static_cast<size_t>(context.config.max_line_bytes);
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   CsvColumnNames(text, sniff, static_cast<size_t>(context.config.max_columns)));
  StagedTable table;
  table.path = path;
  table.delimiter = sniff.dialect.delimiter;
  table.has_header = sniff.has_header;
  for (const std::string& name : names) table.columns.push_back({name, {}});

  CsvReader reader(text, sniff.dialect, max_record_bytes);
  bool header_is_one_line = true;
  if (sniff.has_header) {
    reader.Next();
    header_is_one_line = reader.raw().find_first_of("\r\n") == std::string_view::npos;
  }
  for (uint64_t records = 1; reader.Next(); ++records) {
    if (records % kRecordsBetweenChecks == 0) TRY(context.cancel.Check());
    std::string reason = RejectReason(reader, names.size(), max_record_bytes);
    if (!reason.empty()) {
      rejects.Add(reader.line(), std::move(reason), reader.raw());
      continue;
    }
    for (size_t i = 0; i < names.size(); ++i) {
      const CsvField& field = reader.fields()[i];
      ColumnProfile& profile = table.columns[i].profile;
      if (field.text.empty() && !field.quoted) {
        profile.AddNull();
      } else {
        profile.Add(field.text, reader.line());
      }
    }
    ++table.rows;
    table.longest_record_bytes =
        std::max<uint64_t>(table.longest_record_bytes, reader.raw().size());
  }
  TRY(CheckRejects(rejects, table.rows));
  if (!reader.strict() || !header_is_one_line || rejects.count > 0) {
    TRY(CopyStrict(text, sniff, context, table));
  }
  return table;
}

}  // namespace lakehouse::ingest
