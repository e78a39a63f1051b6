#include "ingest/csv_reader.h"

#include <algorithm>

namespace lakehouse::ingest {

CsvReader::CsvReader(std::string_view text, const CsvDialect& dialect, size_t max_record_bytes)
    : text_(text),
      dialect_(dialect),
      max_record_bytes_(max_record_bytes),
      strict_(dialect.quote == '"' && !dialect.backslash_escapes && !dialect.cr_ends_lines) {
  for (const char c : {dialect.delimiter, dialect.quote, '"', '\n', '\r'}) {
    ends_plain_run_[static_cast<unsigned char>(c)] = true;
  }
}

bool CsvReader::IsLineEnd(size_t position) const {
  const char c = text_[position];
  if (c == '\n') return true;
  if (c != '\r') return false;
  return dialect_.cr_ends_lines || (position + 1 < text_.size() && text_[position + 1] == '\n');
}

// Steps over the end of a line at the position, if the text does not end there.
void CsvReader::EndLine() {
  if (position_ == text_.size()) return;
  LineEnd end = LineEnd::kLf;
  if (text_[position_] == '\r') {
    ++position_;
    end = LineEnd::kCr;
    if (position_ < text_.size() && text_[position_] == '\n') end = LineEnd::kCrLf;
  }
  if (end != LineEnd::kCr) ++position_;
  if (line_end_ == LineEnd::kUnknown) line_end_ = end;
  if (line_end_ != end) strict_ = false;
  ++line_;
}

bool CsvReader::Next() {
  while (position_ < text_.size() && IsLineEnd(position_)) {
    strict_ = false;
    EndLine();
  }
  if (position_ == text_.size()) return false;
  record_begin_ = position_;
  record_line_ = line_;
  problem_ = CsvProblem::kNone;
  fields_.clear();
  unescaped_count_ = 0;
  while (true) {
    ParseField();
    if (problem_ == CsvProblem::kNone && position_ - record_begin_ > max_record_bytes_) {
      Fail(CsvProblem::kTooLong);
    }
    if (problem_ != CsvProblem::kNone) break;
    if (position_ == text_.size() || text_[position_] != dialect_.delimiter) break;
    ++position_;
  }
  raw_ = text_.substr(record_begin_, position_ - record_begin_);
  EndLine();
  return true;
}

// Goes back to the first line of the record and takes that line alone as unreadable.
void CsvReader::Fail(CsvProblem problem) {
  problem_ = problem;
  strict_ = false;
  line_ = record_line_;
  position_ = record_begin_;
  while (position_ < text_.size() && !IsLineEnd(position_)) ++position_;
}

void CsvReader::ParseField() {
  size_t begin = position_;
  while (begin < text_.size() && text_[begin] == ' ' && dialect_.delimiter != ' ') ++begin;
  if (begin == text_.size() || text_[begin] != dialect_.quote) return ParsePlainField();
  if (begin == position_) {
    ParseQuotedField();
    return;
  }
  // A quote after spaces quotes only if that reads well.
  const size_t before = position_;
  const uint64_t line_before = line_;
  position_ = begin;
  if (ParseQuotedField()) {
    strict_ = false;
    return;
  }
  problem_ = CsvProblem::kNone;
  line_ = line_before;
  position_ = before;
  ParsePlainField();
}

// Reads a field whose opening quote is at the position. False after a failure.
bool CsvReader::ParseQuotedField() {
  ++position_;
  const size_t begin = position_;
  std::string* unescaped = nullptr;
  size_t copied_to = begin;  // What lies before is in *unescaped.
  const auto copy_until = [&](size_t end) {
    if (unescaped == nullptr) {
      if (unescaped_count_ == unescaped_.size()) unescaped_.emplace_back();
      unescaped = &unescaped_[unescaped_count_++];
      unescaped->clear();
    }
    unescaped->append(text_.substr(copied_to, end - copied_to));
  };
  const size_t limit = std::min(text_.size(), record_begin_ + max_record_bytes_ + 1);
  size_t close = std::string_view::npos;
  for (size_t i = begin; i < limit; ++i) {
    const char c = text_[i];
    if (c == '\n' || (c == '\r' && dialect_.cr_ends_lines)) {
      ++line_;
    } else if (c == '\\' && dialect_.backslash_escapes && i + 1 < limit &&
               (text_[i + 1] == dialect_.quote || text_[i + 1] == '\\')) {
      copy_until(i);
      copied_to = ++i;
    } else if (c == dialect_.quote) {
      if (!dialect_.backslash_escapes && i + 1 < text_.size() && text_[i + 1] == dialect_.quote) {
        copy_until(++i);
        copied_to = i + 1;
        continue;
      }
      close = i;
      break;
    }
  }
  if (close == std::string_view::npos) {
    Fail(limit < text_.size() ? CsvProblem::kTooLong : CsvProblem::kUnclosedQuote);
    return false;
  }
  if (unescaped != nullptr) copy_until(close);
  position_ = close + 1;
  while (position_ < text_.size() && text_[position_] == ' ' && dialect_.delimiter != ' ') {
    strict_ = false;
    ++position_;
  }
  if (position_ < text_.size() && text_[position_] != dialect_.delimiter && !IsLineEnd(position_)) {
    Fail(CsvProblem::kTextAfterQuote);
    return false;
  }
  const std::string_view plain = text_.substr(begin, close - begin);
  fields_.push_back({unescaped == nullptr ? plain : std::string_view(*unescaped), true});
  return true;
}

void CsvReader::ParsePlainField() {
  const size_t begin = position_;
  while (position_ < text_.size()) {
    const auto c = static_cast<unsigned char>(text_[position_]);
    if (!ends_plain_run_[c]) {
      ++position_;
      continue;
    }
    if (text_[position_] == dialect_.delimiter || IsLineEnd(position_)) break;
    strict_ = false;  // A quote or a lone \r as an ordinary character.
    ++position_;
  }
  fields_.push_back({text_.substr(begin, position_ - begin), false});
}

void AppendCsvField(std::string& out, std::string_view text, bool is_null, char delimiter) {
  if (is_null) return;
  const auto is_special = [&](char c) {
    return c == delimiter || c == '"' || c == '\n' || c == '\r';
  };
  const bool plain = !text.empty() && text.front() != ' ' && text.back() != ' ' &&
                     std::none_of(text.begin(), text.end(), is_special);
  if (plain) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (size_t begin = 0; begin <= text.size();) {
    const size_t quote = text.find('"', begin);
    if (quote == std::string_view::npos) {
      out.append(text.substr(begin));
      break;
    }
    out.append(text.substr(begin, quote + 1 - begin));
    out.push_back('"');
    begin = quote + 1;
  }
  out.push_back('"');
}

}  // namespace lakehouse::ingest
