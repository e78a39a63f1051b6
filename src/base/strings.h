// Text building without a format string, and the few predicates that more than one module needs.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lakehouse {

namespace internal {

inline void AppendPiece(std::string& out, std::string_view piece) { out.append(piece); }

template <typename T>
requires(std::is_arithmetic_v<T>) void AppendPiece(std::string& out, T value) {
  if constexpr (std::is_same_v<T, bool>) {
    out.append(value ? "true" : "false");
  } else if constexpr (std::is_same_v<T, char>) {
    out.push_back(value);
  } else {
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
    out.append(buffer, end);
  }
}

}  // namespace internal

// Concatenates text, characters, bools and numbers (shortest exact form).
template <typename... Args>
std::string StrCat(const Args&... args) {
  std::string out;
  using internal::AppendPiece;  // Types with text of their own add an overload beside themselves.
  (AppendPiece(out, args), ...);
  return out;
}

// Appends like StrCat.
template <typename... Args>
void StrAppend(std::string& out, const Args&... args) {
  using internal::AppendPiece;  // Types with text of their own add an overload beside themselves.
  (AppendPiece(out, args), ...);
}

// Splits at every `separator`; keeps empty pieces; "" gives one empty piece.
std::vector<std::string_view> SplitString(std::string_view text, char separator);

std::string JoinStrings(const std::vector<std::string>& pieces, std::string_view separator);

// Removes ASCII white space at both ends.
std::string_view TrimWhitespace(std::string_view text);

// Lowers ASCII letters only.
std::string ToLowerAscii(std::string_view text);

// Compares without regard to ASCII case.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms). NUL is allowed.
bool IsValidUtf8(std::string_view text);

// Returns the length of the well-formed UTF-8 sequence at the front of `text`, or 0 when there is
// none.
size_t Utf8SequenceLength(std::string_view text);

// Quotes text of unknown origin for a message: control characters and bytes that are not UTF-8
// become \xNN, and what lies beyond 80 bytes is cut.
std::string QuoteForMessage(std::string_view text);

// Returns the candidate with the least edit distance to `word`, or "" when none is near
// (distance above a third of the word's length, rounded up). Of equals, the first.
std::string NearestName(std::string_view word, const std::vector<std::string>& candidates);

// Formats a byte count for people: "1.5 GiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace lakehouse
