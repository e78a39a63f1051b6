#include "ingest/row_source.h"

#include <algorithm>

#include "base/strings.h"
#include "ingest/pii.h"
#include "ingest/text_cut.h"

namespace lakehouse::ingest {
namespace {

constexpr uint64_t kDefaultLineBytes = 2 << 20;     // DuckDB's own limit.
constexpr uint64_t kDefaultBufferBytes = 32 << 20;  // DuckDB's own buffers.
constexpr int kSampleRows = 512;
constexpr size_t kSampleValueBytes = 1024;

std::string TextColumn(size_t index) { return StrCat("c", index); }

// The call that reads a staged table. Everything is explicit: nothing is left to be guessed again.
std::string ReadCsvSql(const StagedTable& table, bool parallel) {
  const uint64_t line_bytes = std::max(kDefaultLineBytes, table.longest_record_bytes + 64);
  const uint64_t buffer_bytes = std::max(kDefaultBufferBytes, 4 * line_bytes);
  std::string columns;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    StrAppend(columns, i == 0 ? "" : ", ", "'", TextColumn(i), "': 'VARCHAR'");
  }
  return StrCat(
      "read_csv(", sql::QuoteLiteral(sql::StagePath(table.path)),
      ", auto_detect = false, delim = ", sql::QuoteLiteral(std::string(1, table.delimiter)),
      ", quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false",
      ", header = false, skip = ", table.has_header ? 1 : 0, ", null_padding = false",
      ", strict_mode = true, parallel = ", parallel, ", max_line_size = ", line_bytes,
      ", buffer_size = ", buffer_bytes, ", columns = {", columns, "})");
}

RowSource DescribeTable(const StagedTable& table) {
  RowSource source;
  source.from = ReadCsvSql(table, true);
  source.from_serially = ReadCsvSql(table, false);
  source.rows = table.rows;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const StagedColumn& column = table.columns[i];
    source.columns.push_back(
        {column.name, TextColumn(i), "VARCHAR", &column.profile, column.profile.sample()});
  }
  return source;
}

// Values made of named parts have no place in a flat table.
bool IsNested(std::string_view type) {
  const auto holds = [&](std::string_view part) {
    return type.find(part) != std::string_view::npos;
  };
  return holds("STRUCT(") || holds("MAP(") || holds("UNION(") || holds("][") || type == "VARIANT";
}

std::string PlainSql(const std::string& name, std::string& type) {
  const std::string column = sql::QuoteIdentifier(name);
  if (IsNested(type)) {
    type = "VARCHAR";
    return StrCat("CAST(to_json(", column, ") AS VARCHAR)");
  }
  if (type == "JSON") {
    type = "VARCHAR";
    return StrCat("CAST(", column, " AS VARCHAR)");
  }
  return column;
}

Status SampleColumns(RowSource& source, sql::Session& session, const CancelToken& cancel) {
  std::string select;
  for (const SourceColumn& column : source.columns) {
    StrAppend(select, select.empty() ? "" : ", ", "CAST(", column.sql, " AS VARCHAR)");
  }
  ASSIGN_OR_RETURN(
      const sql::ColumnBatch batch,
      session.Query(StrCat("SELECT ", select, " FROM ", source.from, " LIMIT ", kSampleRows),
                    cancel));
  for (size_t i = 0; i < source.columns.size(); ++i) {
    for (size_t row = 0; row < batch.rows; ++row) {
      const std::string& value = batch.columns[i].texts[row];
      if (batch.columns[i].valid[row] == 0 || value.empty()) continue;
      source.columns[i].sample.emplace_back(CutText(value, kSampleValueBytes));
    }
  }
  return OkStatus();
}

Result<RowSource> DescribeParquet(const ParquetSummary& summary, const std::string& path,
                                  sql::Session& session, const CancelToken& cancel) {
  RowSource source;
  source.from = StrCat("read_parquet(", sql::QuoteLiteral(sql::StagePath(path)), ")");
  source.rows = summary.rows;
  ASSIGN_OR_RETURN(const std::vector<catalog::Column> columns,
                   DescribeSql(StrCat("SELECT * FROM ", source.from), session, cancel));
  for (const catalog::Column& column : columns) {
    SourceColumn described;
    described.name = column.name;
    described.type = column.type;
    described.sql = PlainSql(column.name, described.type);
    source.columns.push_back(std::move(described));
  }
  TRY(SampleColumns(source, session, cancel));
  return source;
}

const SourceColumn* FindSource(const RowSource& source, const std::string& name) {
  for (const SourceColumn& column : source.columns) {
    if (EqualsIgnoreCase(column.name, name)) return &column;
  }
  return nullptr;
}

Status CheckNoExtraColumn(const RowSource& source, const catalog::Dataset& dataset) {
  for (const SourceColumn& column : source.columns) {
    const bool known = std::any_of(
        dataset.columns.begin(), dataset.columns.end(),
        [&](const catalog::Column& other) { return EqualsIgnoreCase(column.name, other.name); });
    if (known) continue;
    std::vector<std::string> names;
    for (const catalog::Column& other : dataset.columns) names.push_back(other.name);
    return InvalidArgument("dataset ", dataset.name, " has no column ",
                           QuoteForMessage(column.name), "; its columns are ",
                           JoinStrings(names, ", "),
                           "; rename the column, or ingest with mode replace");
  }
  return OkStatus();
}

// kInvalidArgument names the first row whose value the type does not keep.
Status CheckCast(const RowSource& source, const SourceColumn& column, const std::string& type,
                 sql::Session& session, const CancelToken& cancel) {
  // What is read from text has no type to go back to.
  const std::string back = column.profile != nullptr ? std::string("false")
                                                     : StrCat("CAST(TRY_CAST(v AS ", type, ") AS ",
                                                              column.type, ") IS DISTINCT FROM v");
  ASSIGN_OR_RETURN(const sql::ColumnBatch found,
                   session.Query(StrCat("SELECT r, CAST(v AS VARCHAR) FROM (SELECT row_number() "
                                        "OVER () AS r, ",
                                        column.sql, " AS v FROM ", source.from,
                                        ") WHERE v IS NOT NULL AND (TRY_CAST(v AS ", type,
                                        ") IS NULL OR ", back, ") LIMIT 1"),
                                 cancel));
  if (found.rows == 0) return OkStatus();
  return InvalidArgument("a value does not fit the dataset's type ", type, " in row ",
                         found.columns[0].ints[0], ": ",
                         QuoteForMessage(found.columns[1].texts[0]));
}

Result<std::string> AppendSql(const RowSource& source, const SourceColumn& column,
                              const std::string& type, sql::Session& session,
                              const CancelToken& cancel) {
  if (column.profile != nullptr) {
    ASSIGN_OR_RETURN(const ColumnReading reading, column.profile->ReadAs(type));
    if (!IsInferredType(type)) {
      SourceColumn trimmed = column;
      trimmed.sql = TrimmedSql(column.sql, reading);
      TRY(CheckCast(source, trimmed, type, session, cancel));
    }
    return ReadingSql(column.sql, reading);
  }
  if (column.type == type) return column.sql;
  if (type != "VARCHAR") TRY(CheckCast(source, column, type, session, cancel));
  return StrCat("CAST(", column.sql, " AS ", type, ")");
}

}  // namespace

Result<std::vector<catalog::Column>> DescribeSql(const std::string& select, sql::Session& session,
                                                 const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const sql::ColumnBatch described,
                   session.Query(StrCat("DESCRIBE ", select), cancel));
  std::vector<catalog::Column> columns;
  for (size_t row = 0; row < described.rows; ++row) {
    columns.push_back({described.columns[0].texts[row], described.columns[1].texts[row], {}});
  }
  return columns;
}

Result<RowSource> DescribeUpload(const StagedUpload& upload, const std::string& path,
                                 sql::Session& session, const CancelToken& cancel) {
  if (upload.table) return DescribeTable(*upload.table);
  return DescribeParquet(*upload.parquet, path, session, cancel);
}

std::vector<TargetColumn> ColumnsForNew(const RowSource& source) {
  std::vector<TargetColumn> targets;
  std::vector<PiiColumn> seen;
  for (const SourceColumn& column : source.columns) {
    TargetColumn target;
    target.column.name = column.name;
    target.column.type = column.type;
    target.sql = column.sql;
    if (column.profile != nullptr) {
      const ColumnReading reading = column.profile->Infer();
      target.column.type = reading.type;
      target.sql = ReadingSql(column.sql, reading);
    }
    seen.push_back({column.name, target.column.type, column.sample});
    targets.push_back(std::move(target));
  }
  const auto pii = DetectPii(seen);
  for (size_t i = 0; i < targets.size(); ++i) targets[i].column.pii = pii[i];
  return targets;
}

Result<std::vector<TargetColumn>> ColumnsForAppend(const RowSource& source,
                                                   const catalog::Dataset& dataset,
                                                   sql::Session& session,
                                                   const CancelToken& cancel) {
  TRY(CheckNoExtraColumn(source, dataset));
  std::vector<TargetColumn> targets;
  for (const catalog::Column& column : dataset.columns) {
    TargetColumn target{column, StrCat("CAST(NULL AS ", column.type, ")")};
    if (const SourceColumn* found = FindSource(source, column.name)) {
      auto value = AppendSql(source, *found, column.type, session, cancel);
      TRY(value.status().Annotate(StrCat("column ", QuoteForMessage(column.name))));
      target.sql = *std::move(value);
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace lakehouse::ingest
