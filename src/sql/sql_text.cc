#include <array>

#include "base/check.h"
#include "base/strings.h"
#include "sql/engine.h"

namespace lakehouse::sql {

namespace {

std::string Quote(std::string_view text, char quote) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back(quote);
  for (const char c : text) {
    if (c == quote) out.push_back(quote);
    out.push_back(c);
  }
  out.push_back(quote);
  return out;
}

// True when Parquet gives the type back as it was written, so that a scan needs no cast.
bool SurvivesParquet(std::string_view type) {
  static constexpr std::array<std::string_view, 17> kExact = {
      "BOOLEAN",   "TINYINT",   "SMALLINT", "INTEGER", "BIGINT", "UTINYINT",
      "USMALLINT", "UINTEGER",  "UBIGINT",  "FLOAT",   "DOUBLE", "VARCHAR",
      "DATE",      "TIMESTAMP", "TIME",     "BLOB",    "UUID"};
  for (const std::string_view exact : kExact) {
    if (type == exact) return true;
  }
  return type.starts_with("DECIMAL(") || type == "TIMESTAMP WITH TIME ZONE" || type == "JSON";
}

// A relation without rows: a dataset whose every file was empty.
std::string EmptyScan(const catalog::Dataset& dataset) {
  std::string out = "(SELECT ";
  for (const catalog::Column& column : dataset.columns) {
    if (&column != &dataset.columns.front()) out += ", ";
    StrAppend(out, "CAST(NULL AS ", column.type, ") AS ", QuoteIdentifier(column.name));
  }
  return out + " WHERE false)";
}

}  // namespace

std::string QuoteIdentifier(std::string_view name) { return Quote(name, '"'); }

std::string QuoteLiteral(std::string_view text) {
  CHECK(text.find('\0') == std::string_view::npos);
  return Quote(text, '\'');
}

std::string LakePath(const BucketName& bucket, std::string_view key) {
  return StrCat("lake://", bucket, "/", key);
}

std::string StagePath(std::string_view local_path) { return StrCat("stage://", local_path); }

std::string DatasetScan(const catalog::Dataset& dataset) {
  if (dataset.files.empty()) return EmptyScan(dataset);
  // The subquery hides the reader's virtual columns (filename, file_row_number).
  std::string out = "(SELECT *";
  std::string casts;
  for (const catalog::Column& column : dataset.columns) {
    if (SurvivesParquet(column.type)) continue;
    const std::string name = QuoteIdentifier(column.name);
    StrAppend(casts, casts.empty() ? "" : ", ", "CAST(", name, " AS ", column.type, ") AS ", name);
  }
  if (!casts.empty()) StrAppend(out, " REPLACE (", casts, ")");
  out += " FROM read_parquet([";
  for (const catalog::DataFile& file : dataset.files) {
    if (&file != &dataset.files.front()) out += ", ";
    out += QuoteLiteral(LakePath(dataset.bucket, file.key));
  }
  return out + "], hive_partitioning = false))";
}

}  // namespace lakehouse::sql
