// Character classes and mappings of the reference tokenizer (huggingface/tokenizers), which are
// older than those of any current Unicode library. Generated tables: tables.inc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lakehouse::ai {

// What Unicode calls the replacement character.
inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// ASCII punctuation and symbols, or a punctuation category.
bool IsPunctuation(char32_t c);
// Category Mn.
bool IsNonspacingMark(char32_t c);
// Categories Cc, Cf and Co; tab, line feed and carriage return are not controls.
bool IsControl(char32_t c);
// The property White_Space.
bool IsWhitespace(char32_t c);
// Ideographs, which become words of their own.
bool IsCjkIdeograph(char32_t c);
// What the regular expression class \w of Unicode 16 holds.
bool IsWordCharacter(char32_t c);

// Appends the full lower-case mapping of one character, without regard to its neighbours.
void AppendLowerCase(std::u32string& out, char32_t c);

// Appends the full canonical decomposition of one character (NFD).
void AppendDecomposition(std::u32string& out, char32_t c);

// Canonical_Combining_Class: 0 for what no mark moves across.
uint8_t CombiningClass(char32_t c);

// Decodes the code point that starts at `position` and moves `position` past it. An ill-formed
// sequence gives U+FFFD and skips its longest prefix that could have begun a code point, at least
// one byte. REQUIRES: position < text.size().
char32_t DecodeUtf8(std::string_view text, size_t& position);

// Returns where the code point that ends at `end` begins. REQUIRES: end > 0.
size_t PreviousCodePoint(std::string_view text, size_t end);

// Decodes a whole text; ill-formed bytes become U+FFFD.
std::u32string DecodeUtf8(std::string_view text);

// Appends a code point as UTF-8. REQUIRES: a Unicode scalar value.
void AppendUtf8(std::string& out, char32_t c);

// Returns `text` with every ill-formed sequence replaced by U+FFFD.
std::string RepairUtf8(std::string_view text);

}  // namespace lakehouse::ai
