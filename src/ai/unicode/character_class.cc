#include "ai/unicode/character_class.h"

#include <algorithm>
#include <iterator>
#include <span>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

// Inclusive.
struct CodePointRange {
  char32_t first;
  char32_t last;
};

// Maps first..last to the characters from `lower` on.
struct CaseRange {
  char32_t first;
  char32_t last;
  char32_t lower;
};

#include "ai/unicode/tables.inc"

template <typename Range>
const Range* FindRange(std::span<const Range> ranges, char32_t c) {
  const auto next =
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t value, const Range& r) { return value < r.first; });
  if (next == ranges.begin()) return nullptr;
  const Range& candidate = *std::prev(next);
  return c <= candidate.last ? &candidate : nullptr;
}

template <typename Range, size_t kSize>
bool Contains(const Range (&ranges)[kSize], char32_t c) {
  return FindRange(std::span<const Range>(ranges), c) != nullptr;
}

const icu::Normalizer2& Decomposition() {
  static const icu::Normalizer2* const instance = [] {
    UErrorCode error = U_ZERO_ERROR;
    const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(error);
    CHECK(U_SUCCESS(error));
    return nfd;
  }();
  return *instance;
}

}  // namespace

bool IsPunctuation(char32_t c) {
  if (c < 0x80) {
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
  }
  return Contains(kPunctuation, c);
}

bool IsNonspacingMark(char32_t c) { return c >= 0x300 && Contains(kNonspacingMark, c); }

bool IsControl(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  if (c < 0xA0) return c < 0x20 || c >= 0x7F;
  constexpr CodePointRange kPrivateUse[] = {
      {0xE000, 0xF8FF}, {0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD}};
  return Contains(kFormat, c) || Contains(kPrivateUse, c);
}

bool IsWhitespace(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsCjkIdeograph(char32_t c) {
  // The gap at 2B820 is the reference's own.
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool IsWordCharacter(char32_t c) {
  const auto code_point = static_cast<UChar32>(c);
  return u_hasBinaryProperty(code_point, UCHAR_ALPHABETIC) ||
         u_hasBinaryProperty(code_point, UCHAR_JOIN_CONTROL) ||
         (U_GET_GC_MASK(code_point) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         Contains(kLateWordCharacters, c);
}

void AppendLowerCase(std::u32string& out, char32_t c) {
  if (c == 0x130) {
    out += U"i\u0307";  // The only character whose lower case is two.
  } else if (const CaseRange* late = FindRange(std::span<const CaseRange>(kLateLowerCase), c)) {
    out.push_back(late->lower + (c - late->first));
  } else {
    out.push_back(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
  }
}

void AppendDecomposition(std::u32string& out, char32_t c) {
  const auto code_point = static_cast<UChar32>(c);
  icu::UnicodeString decomposition;
  if (Contains(kNotDecomposed, c) || !Decomposition().getDecomposition(code_point, decomposition)) {
    out.push_back(c);
    return;
  }
  for (int32_t i = 0; i < decomposition.length();) {
    const UChar32 part = decomposition.char32At(i);
    i += U16_LENGTH(part);
    out.push_back(static_cast<char32_t>(part));
  }
}

uint8_t CombiningClass(char32_t c) {
  return Contains(kNotDecomposed, c) ? 0 : u_getCombiningClass(static_cast<UChar32>(c));
}

char32_t DecodeUtf8(std::string_view text, size_t& position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(position++);
  if (lead < 0x80) return lead;
  size_t following;
  unsigned char low = 0x80;   // The bounds of the second byte rule out overlong forms, surrogates
  unsigned char high = 0xBF;  // and what lies above U+10FFFF.
  if (lead >= 0xC2 && lead <= 0xDF) {
    following = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    following = 2;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    following = 3;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return kReplacementCharacter;
  }
  char32_t c = lead & (0x3F >> following);
  for (; following > 0; --following) {
    if (position == text.size() || byte(position) < low || byte(position) > high) {
      return kReplacementCharacter;
    }
    c = c << 6 | (byte(position++) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return c;
}

size_t PreviousCodePoint(std::string_view text, size_t end) {
  size_t begin = end - 1;
  while (begin > 0 && end - begin < 4 && (text[begin] & 0xC0) == 0x80) --begin;
  return begin;
}

std::u32string DecodeUtf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) out.push_back(DecodeUtf8(text, i));
  return out;
}

void AppendUtf8(std::string& out, char32_t c) {
  const auto append = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (c < 0x80) {
    append(c);
  } else if (c < 0x800) {
    append(0xC0 | c >> 6);
    append(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    append(0xE0 | c >> 12);
    append(0x80 | (c >> 6 & 0x3F));
    append(0x80 | (c & 0x3F));
  } else {
    append(0xF0 | c >> 18);
    append(0x80 | (c >> 12 & 0x3F));
    append(0x80 | (c >> 6 & 0x3F));
    append(0x80 | (c & 0x3F));
  }
}

std::string RepairUtf8(std::string_view text) {
  if (IsValidUtf8(text)) return std::string(text);
  std::string out;
  for (size_t i = 0; i < text.size();) AppendUtf8(out, DecodeUtf8(text, i));
  return out;
}

}  // namespace lakehouse::ai
