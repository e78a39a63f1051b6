#include "ingest/json_tokenizer.h"

#include <algorithm>

#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool IsStringRun(char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; }

void AppendUtf8(std::string& out, uint32_t code) {
  const auto byte = [&](uint32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

}  // namespace

void JsonTokenizer::SkipSpace() {
  while (position_ < text_.size() && IsSpace(text_[position_])) {
    if (text_[position_] == '\n') {
      ++line_;
      line_begin_ = position_ + 1;
    }
    ++position_;
  }
}

Status JsonTokenizer::Error(std::string_view problem, size_t offset) const {
  const std::string place =
      StrCat("invalid JSON in line ", line_, " column ", offset - line_begin_ + 1, ": ", problem);
  if (offset >= text_.size()) return InvalidArgument(place, ", found the end");
  return InvalidArgument(place, ", found ", QuoteForMessage(text_.substr(offset, 16)));
}

Result<JsonToken> JsonTokenizer::Next() {
  SkipSpace();
  if (expect_ == Expect::kCommaOrEnd && position_ < text_.size() && text_[position_] == ',') {
    ++position_;
    expect_ = open_.back() == '{' ? Expect::kKey : Expect::kValue;
    SkipSpace();
  }
  token_begin_ = position_;
  if (position_ == text_.size()) {
    if (open_.empty()) return JsonToken::kEnd;
    return Error(
        open_.back() == '{' ? "expected the end of an object" : "expected the end of an array",
        position_);
  }
  const char c = text_[position_];
  switch (expect_) {
    case Expect::kValue:
      return ReadValue(c);
    case Expect::kValueOrEnd:
      return c == ']' ? Close(c) : ReadValue(c);
    case Expect::kKeyOrEnd:
      if (c == '}') return Close(c);
      [[fallthrough]];
    case Expect::kKey:
      if (c != '"') return Error("expected a key in double quotes", position_);
      TRY(ReadString());
      SkipSpace();
      if (position_ == text_.size() || text_[position_] != ':') {
        return Error("expected ':' after a key", position_);
      }
      ++position_;
      expect_ = Expect::kValue;
      return JsonToken::kKey;
    case Expect::kCommaOrEnd:
      if (c == '}' || c == ']') return Close(c);
      return Error("expected ',' or the end", position_);
  }
  return Internal("the JSON tokenizer is in no known state");
}

void JsonTokenizer::AfterValue() { expect_ = open_.empty() ? Expect::kValue : Expect::kCommaOrEnd; }

Result<JsonToken> JsonTokenizer::Open(char bracket) {
  if (open_.size() == kMaxDepth) {
    return Error(StrCat("expected at most ", kMaxDepth, " levels"), position_);
  }
  ++position_;
  open_.push_back(bracket);
  expect_ = bracket == '{' ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
  return bracket == '{' ? JsonToken::kObjectBegin : JsonToken::kArrayBegin;
}

Result<JsonToken> JsonTokenizer::Close(char bracket) {
  const char opening = bracket == '}' ? '{' : '[';
  if (open_.back() != opening) return Error("expected the other bracket", position_);
  ++position_;
  open_.pop_back();
  AfterValue();
  return bracket == '}' ? JsonToken::kObjectEnd : JsonToken::kArrayEnd;
}

Result<JsonToken> JsonTokenizer::ReadValue(char c) {
  if (c == '{' || c == '[') return Open(c);
  if (c == '"') {
    TRY(ReadString());
    AfterValue();
    return JsonToken::kString;
  }
  if (c == '-' || IsDigit(c)) return ReadNumber();
  if (c == 't') return ReadWord("true", JsonToken::kTrue);
  if (c == 'f') return ReadWord("false", JsonToken::kFalse);
  if (c == 'n') return ReadWord("null", JsonToken::kNull);
  return Error("expected a value", position_);
}

Result<JsonToken> JsonTokenizer::ReadWord(std::string_view word, JsonToken token) {
  if (text_.substr(position_, word.size()) != word) return Error("expected a value", position_);
  value_ = text_.substr(position_, word.size());
  position_ += word.size();
  AfterValue();
  return token;
}

Result<JsonToken> JsonTokenizer::ReadNumber() {
  size_t end = position_;
  const auto digits = [&] {
    const size_t begin = end;
    while (end < text_.size() && IsDigit(text_[end])) ++end;
    return end > begin;
  };
  const auto at = [&](std::string_view characters) {
    return end < text_.size() && characters.find(text_[end]) != std::string_view::npos;
  };
  if (at("-")) ++end;
  const size_t integer = end;
  if (!digits()) return Error("expected a digit", end);
  if (text_[integer] == '0' && end > integer + 1) {
    return Error("expected a number without leading zeros", integer);
  }
  if (at(".")) {
    ++end;
    if (!digits()) return Error("expected a digit after the point", end);
  }
  if (at("eE")) {
    ++end;
    if (at("+-")) ++end;
    if (!digits()) return Error("expected a digit in the exponent", end);
  }
  value_ = text_.substr(position_, end - position_);
  position_ = end;
  AfterValue();
  return JsonToken::kNumber;
}

// Reads a string whose opening quote is at the position.
Status JsonTokenizer::ReadString() {
  const size_t begin = ++position_;
  while (position_ < text_.size() && IsStringRun(text_[position_])) ++position_;
  if (position_ < text_.size() && text_[position_] == '"') {
    value_ = text_.substr(begin, position_ - begin);
    ++position_;
    return OkStatus();
  }
  decoded_.assign(text_.substr(begin, position_ - begin));
  while (position_ < text_.size() && text_[position_] != '"') {
    if (text_[position_] == '\\') {
      TRY(ReadEscape());
      continue;
    }
    const size_t run = position_;
    while (position_ < text_.size() && IsStringRun(text_[position_])) ++position_;
    if (position_ == run) return Error("expected no control character in a string", position_);
    decoded_.append(text_.substr(run, position_ - run));
  }
  if (position_ == text_.size()) return Error("expected the end of a string", position_);
  ++position_;
  value_ = decoded_;
  return OkStatus();
}

Status JsonTokenizer::ReadEscape() {
  const size_t begin = position_++;
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (position_ == text_.size()) return Error("expected the end of a string", position_);
  const char c = text_[position_++];
  if (const size_t i = kEscapes.find(c); i != std::string_view::npos) {
    decoded_.push_back(kMeanings[i]);
    return OkStatus();
  }
  if (c != 'u') return Error("expected a known escape", begin);
  ASSIGN_OR_RETURN(uint32_t code, ReadHex4());
  if (code == 0) return Error("expected no U+0000 in a string", begin);
  if (code >= 0xD800 && code <= 0xDFFF) {
    if (code >= 0xDC00 || text_.substr(position_, 2) != "\\u") {
      return Error("expected a whole surrogate pair", begin);
    }
    position_ += 2;
    ASSIGN_OR_RETURN(const uint32_t low, ReadHex4());
    if (low < 0xDC00 || low > 0xDFFF) return Error("expected a whole surrogate pair", begin);
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  AppendUtf8(decoded_, code);
  return OkStatus();
}

Result<uint32_t> JsonTokenizer::ReadHex4() {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++position_) {
    const char c = position_ < text_.size() ? text_[position_] : '"';
    uint32_t digit = 0;
    if (IsDigit(c)) {
      digit = static_cast<uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = static_cast<uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      return Error("expected four hexadecimal digits", std::min(position_, text_.size()));
    }
    code = code * 16 + digit;
  }
  return code;
}

Status JsonTokenizer::SkipValue(JsonToken first) {
  if (first != JsonToken::kObjectBegin && first != JsonToken::kArrayBegin) return OkStatus();
  const size_t outside = open_.size() - 1;
  while (open_.size() > outside) TRY(Next().status());
  return OkStatus();
}

std::string CompactJson(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!in_string && IsSpace(c)) continue;
    out.push_back(c);
    if (in_string && c == '\\' && i + 1 < json.size()) {
      out.push_back(json[++i]);
    } else if (c == '"') {
      in_string = !in_string;
    }
  }
  return out;
}

}  // namespace lakehouse::ingest
