// JSON (RFC 8259) as a stream of tokens that keeps numbers as they were written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace lakehouse::ingest {

enum class JsonToken {
  kObjectBegin,
  kObjectEnd,
  kArrayBegin,
  kArrayEnd,
  kKey,
  kString,
  kNumber,
  kTrue,
  kFalse,
  kNull,
  kEnd,  // Only white space was left.
};

// Reads any number of values one after another, strictly: no comments, trailing commas or NaN; no
// lone surrogates, no U+0000, at most kMaxDepth levels. Errors are kInvalidArgument and name the
// line and column. Borrows its text, which is UTF-8. Not thread-safe.
class JsonTokenizer {
 public:
  static constexpr size_t kMaxDepth = 64;

  explicit JsonTokenizer(std::string_view text, uint64_t first_line = 1)
      : text_(text), line_(first_line) {}

  Result<JsonToken> Next();
  // Reads to the end of the value whose first token Next has just returned.
  Status SkipValue(JsonToken first);

  // The decoded string or key, or the number as it was written. Valid until the next Next.
  std::string_view value() const { return value_; }
  // Where the last token begins and what comes after it, as offsets into the text.
  size_t token_begin() const { return token_begin_; }
  size_t position() const { return position_; }
  // Line of the last token, from `first_line`.
  uint64_t line() const { return line_; }
  size_t depth() const { return open_.size(); }

 private:
  enum class Expect { kValue, kValueOrEnd, kKey, kKeyOrEnd, kCommaOrEnd };

  void SkipSpace();
  Status Error(std::string_view problem, size_t offset) const;
  Result<JsonToken> Open(char bracket);
  Result<JsonToken> Close(char bracket);
  Result<JsonToken> ReadValue(char c);
  Result<JsonToken> ReadWord(std::string_view word, JsonToken token);
  Result<JsonToken> ReadNumber();
  Status ReadString();
  Status ReadEscape();
  Result<uint32_t> ReadHex4();
  void AfterValue();

  const std::string_view text_;
  size_t position_ = 0;
  size_t token_begin_ = 0;
  uint64_t line_;
  size_t line_begin_ = 0;
  Expect expect_ = Expect::kValue;
  std::vector<char> open_;  // '{' or '[' for every level.
  std::string_view value_;
  std::string decoded_;
};

// Returns the JSON text of one value without white space between its tokens.
std::string CompactJson(std::string_view json);

}  // namespace lakehouse::ingest
