// Everything that looks at an upload before SQL does: it must never crash, and must agree with
// itself.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "ingest/column_profile.h"
#include "ingest/csv_reader.h"
#include "ingest/encoding.h"
#include "ingest/format.h"
#include "ingest/json_tokenizer.h"
#include "ingest/parquet_check.h"

namespace lakehouse::ingest {
namespace {

// Writes a table strictly and reads it back.
void CheckRoundTrip(CsvReader& reader, char delimiter) {
  std::string strict;
  for (const CsvField& field : reader.fields()) {
    if (!strict.empty()) strict.push_back(delimiter);
    AppendCsvField(strict, field.text, false, delimiter);
  }
  CsvDialect dialect;
  dialect.delimiter = delimiter;
  CsvReader again(strict, dialect, SIZE_MAX / 2);
  CHECK(again.Next());
  CHECK(again.strict());
  CHECK(again.fields().size() == reader.fields().size());
  for (size_t i = 0; i < reader.fields().size(); ++i) {
    CHECK(again.fields()[i].text == reader.fields()[i].text);
  }
}

void ReadCsv(std::string_view text) {
  const CsvSniff sniff = SniffCsv(text);
  (void)CsvColumnNames(text, sniff, 64).ok();
  CsvReader reader(text, sniff.dialect, 4096);
  uint64_t line = 0;
  while (reader.Next()) {
    CHECK(reader.line() > line);
    line = reader.line();
    if (reader.problem() != CsvProblem::kNone) continue;
    CHECK(reader.raw().size() <= 4096);
    CheckRoundTrip(reader, sniff.dialect.delimiter);
    ColumnProfile profile;
    for (const CsvField& field : reader.fields()) profile.Add(field.text, line);
    CHECK(profile.ReadAs(profile.Infer().type).ok());
  }
}

void ReadJson(std::string_view text) {
  JsonTokenizer tokenizer(text);
  while (true) {
    const auto token = tokenizer.Next();
    if (!token.ok() || *token == JsonToken::kEnd) break;
    CHECK(tokenizer.depth() <= JsonTokenizer::kMaxDepth);
    CHECK(tokenizer.token_begin() <= tokenizer.position());
  }
}

void LookAt(std::string_view bytes) {
  (void)CheckParquet(bytes).ok();
  const auto parquet = IsParquet(bytes);
  if (!parquet.ok() || *parquet) return;
  const auto encoding = DetectEncoding(bytes, {});
  if (!encoding.ok() || *encoding != Encoding::kUtf8) return;
  CHECK(IsValidUtf8(bytes));
  const std::string_view text = bytes.substr(ByteOrderMarkSize(bytes, *encoding));
  (void)DetectTextFormat(text, "file").ok();
  ReadCsv(text);
  ReadJson(text);
}

}  // namespace
}  // namespace lakehouse::ingest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lakehouse::ingest::LookAt(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
