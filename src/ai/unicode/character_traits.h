// What a tokenizer asks about every character, looked up at once.
#pragma once

#include <cstdint>
#include <string>

namespace lakehouse::ai {

inline constexpr uint8_t kWhitespaceTrait = 1;   // IsWhitespace
inline constexpr uint8_t kPunctuationTrait = 2;  // IsPunctuation
inline constexpr uint8_t kDroppedTrait = 4;      // NUL, U+FFFD or IsControl
inline constexpr uint8_t kIdeographTrait = 8;    // IsCjkIdeograph
inline constexpr uint8_t kChangesTrait = 16;     // Has another lower case, a decomposition, or is a
                                                 // mark: what normalization may change or move.
inline constexpr uint8_t kJoinsTrait = 32;       // Its decomposition may move before what precedes.

// Returns the traits of a character. Thread-safe; the first call for one of 256 neighbours is
// slower. REQUIRES: c <= U+10FFFF.
uint8_t CharacterTraits(char32_t c);

}  // namespace lakehouse::ai
