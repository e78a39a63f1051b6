#include "ai/tokenizer/bert_normalizer.h"

#include <utility>

#include "ai/unicode/character_class.h"

namespace lakehouse::ai {
namespace {

bool IsAscii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; }

bool IsDropped(char32_t c) { return c == 0 || c == kReplacementCharacter || IsControl(c); }

std::u32string CleanRun(const BertNormalizer& normalizer, std::string_view run) {
  std::u32string out;
  out.reserve(run.size());
  for (size_t i = 0; i < run.size();) {
    char32_t c = DecodeUtf8(run, i);
    if (normalizer.clean_text) {
      if (IsDropped(c)) continue;
      if (IsWhitespace(c)) c = ' ';
    }
    if (normalizer.handle_chinese_chars && IsCjkIdeograph(c)) {
      out += {U' ', c, U' '};
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// `run` holds no ASCII but what clean_text drops.
void AppendRun(std::string& out, const BertNormalizer& normalizer, std::string_view run) {
  std::u32string characters = CleanRun(normalizer, run);
  if (normalizer.strip_accents) characters = StripAccents(characters);
  if (normalizer.lowercase) {
    std::u32string lowered;
    lowered.reserve(characters.size());
    for (const char32_t c : characters) AppendLowerCase(lowered, c);
    characters = std::move(lowered);
  }
  for (const char32_t c : characters) AppendUtf8(out, c);
}

}  // namespace

std::string BertNormalizer::Normalize(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  const auto is_dropped_ascii = [&](char byte) {
    return clean_text && IsAscii(byte) && IsDropped(static_cast<char32_t>(byte));
  };
  for (size_t i = 0; i < text.size();) {
    char byte = text[i];
    if (IsAscii(byte) && !is_dropped_ascii(byte)) {
      if (clean_text && IsWhitespace(static_cast<char32_t>(byte))) byte = ' ';
      out.push_back(lowercase ? LowerAscii(byte) : byte);
      ++i;
      continue;
    }
    // What is dropped goes before accents are decomposed, so it does not end a run.
    const size_t begin = i;
    while (i < text.size() && (!IsAscii(text[i]) || is_dropped_ascii(text[i]))) ++i;
    AppendRun(out, *this, text.substr(begin, i - begin));
  }
  return out;
}

}  // namespace lakehouse::ai
