// Finds where sentences, words and characters end.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <unicode/brkiter.h>
#include <unicode/utext.h>

namespace lakehouse::ai {

// A byte range.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
  bool empty() const { return begin == end; }
};

// Says whether two neighbours belong to one grapheme cluster by the rules that need no more than
// them (Unicode Standard Annex 29, GB3 to GB5 and GB9 to GB9b).
bool IsOneCluster(char32_t first, char32_t second);

// Returns the range without white space at its ends, made longer again where that would cut a
// grapheme cluster. Empty when the range is blank. Takes time only for the white space.
TextRange TrimWhitespace(std::string_view text, TextRange range);

// Finds boundaries of one kind (Unicode Standard Annex 29; for words of languages without spaces,
// with a dictionary) in UTF-8, but for those of sentences and words that lie within a grapheme
// cluster: after a character that is written before its base. Not thread-safe.
class Boundaries {
 public:
  enum class Kind { kSentences, kWords, kClusters };

  explicit Boundaries(Kind kind);
  ~Boundaries();
  Boundaries(const Boundaries&) = delete;
  Boundaries& operator=(const Boundaries&) = delete;

  // Starts at the beginning of a text. Borrows it until the next call. REQUIRES: text.size() <
  // 2^31.
  void SetText(std::string_view text);
  // Returns the next boundary, the last one being the end of the text, then 0.
  size_t Next();

 private:
  std::unique_ptr<icu::BreakIterator> iterator_;
  UText* utext_ = nullptr;
  std::string_view text_;
};

}  // namespace lakehouse::ai
