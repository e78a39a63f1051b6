// Records of delimited text, one by one.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace lakehouse::ingest {

struct CsvDialect {
  char delimiter = ',';
  char quote = '"';
  bool backslash_escapes = false;  // \" and \\ inside quotes, instead of "".
  bool cr_ends_lines = false;      // Lines end with \r alone, as no \n occurs.

  bool operator==(const CsvDialect&) const = default;
};

// `text` is what the field means: without its quotes and escapes. Valid until the next Next.
struct CsvField {
  std::string_view text;
  bool quoted = false;
};

// What makes a record unreadable.
enum class CsvProblem { kNone, kUnclosedQuote, kTextAfterQuote, kTooLong };

// Follows RFC 4180 and what lies near it in practice: lines end with \n or \r\n; a quote inside an
// unquoted field is an ordinary character; spaces before an opening and after a closing quote are
// dropped; empty lines are skipped. An unreadable record ends with its first line, so one stray
// quote costs one line and not the rest of the file. Borrows its text. Not thread-safe.
class CsvReader {
 public:
  CsvReader(std::string_view text, const CsvDialect& dialect, size_t max_record_bytes);

  // Goes to the next record; false at the end.
  bool Next();

  // REQUIRES (all below): the last Next was true.
  const std::vector<CsvField>& fields() const { return fields_; }
  CsvProblem problem() const { return problem_; }
  // Line on which the record begins, from 1.
  uint64_t line() const { return record_line_; }
  // The record as it was written, without the end of its last line.
  std::string_view raw() const { return raw_; }
  size_t offset() const { return record_begin_; }
  // Where the next record begins, or the end of the text.
  size_t next_offset() const { return position_; }

  // True while everything up to here was strict RFC 4180 with one kind of line end and no empty
  // lines, so that any reader understands the text as this one does.
  bool strict() const { return strict_; }

 private:
  enum class LineEnd { kUnknown, kLf, kCrLf, kCr };

  bool IsLineEnd(size_t position) const;
  void EndLine();
  void ParseField();
  bool ParseQuotedField();
  void ParsePlainField();
  void Fail(CsvProblem problem);

  const std::string_view text_;
  const CsvDialect dialect_;
  const size_t max_record_bytes_;
  std::array<bool, 256> ends_plain_run_{};

  size_t position_ = 0;
  uint64_t line_ = 1;
  bool strict_;
  LineEnd line_end_ = LineEnd::kUnknown;

  size_t record_begin_ = 0;
  uint64_t record_line_ = 1;
  std::string_view raw_;
  CsvProblem problem_ = CsvProblem::kNone;
  std::vector<CsvField> fields_;
  std::deque<std::string> unescaped_;  // A deque: its strings never move.
  size_t unescaped_count_ = 0;
};

// Appends one field as strict RFC 4180: NULL as nothing, an empty text as "".
void AppendCsvField(std::string& out, std::string_view text, bool is_null, char delimiter);

}  // namespace lakehouse::ingest
