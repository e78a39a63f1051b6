// Checks what chunker.h promises, for the tests and the fuzzer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include "ai/chunker.h"
#include "ai/unicode/character_class.h"
#include "base/strings.h"

namespace lakehouse::ai {

// Where grapheme clusters may be cut, by the Unicode library alone.
inline std::set<size_t> ClusterBoundaries(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  UText* source = utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &error);
  const std::unique_ptr<icu::BreakIterator> iterator(
      icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), error));
  iterator->setText(source, error);
  std::set<size_t> boundaries;
  for (int32_t at = iterator->first(); at != icu::BreakIterator::DONE; at = iterator->next()) {
    boundaries.insert(static_cast<size_t>(at));
  }
  utext_close(source);
  return boundaries;
}

// Finds a promise that the chunks of a text break.
class ChunkChecker {
 public:
  ChunkChecker(std::string_view text, const ChunkerOptions& options, const TokenCounter& count)
      : text_(text),
        count_(count),
        max_tokens_(options.max_tokens),
        overhead_(count("")),
        budget_(options.max_tokens > overhead_ ? options.max_tokens - overhead_ : 0),
        boundaries_(ClusterBoundaries(text)) {}

  // Returns "" when all are kept.
  std::string FindBroken(const std::vector<Chunk>& chunks) const {
    size_t covered = 0;
    for (size_t i = 0; i < chunks.size(); ++i) {
      const Chunk& chunk = chunks[i];
      const std::string problem = FindBroken(chunk);
      if (!problem.empty()) {
        return StrCat("chunk ", i, " [", chunk.begin, ", ", chunk.end, ") ", problem);
      }
      if (i > 0 && (chunk.begin <= chunks[i - 1].begin || chunk.end <= chunks[i - 1].end)) {
        return StrCat("chunk ", i, " does not advance");
      }
      if (chunk.begin > covered && !IsBlank(covered, chunk.begin)) {
        return StrCat("bytes ", covered, " to ", chunk.begin, " are in no chunk");
      }
      covered = chunk.end;
    }
    return IsBlank(covered, text_.size()) ? "" : StrCat("bytes from ", covered, " are in no chunk");
  }

  // The same for a counter whose counts add up, so that the tokens of overlaps can be told.
  std::string FindBrokenOverlap(const std::vector<Chunk>& chunks) const {
    for (size_t i = 1; i < chunks.size(); ++i) {
      if (chunks[i].begin >= chunks[i - 1].end) continue;
      const size_t shared = Tokens(chunks[i].begin, chunks[i - 1].end);
      for (const Chunk& chunk : {chunks[i - 1], chunks[i]}) {
        const size_t tokens = Tokens(chunk.begin, chunk.end);
        if (2 * shared >= tokens) {
          return StrCat("chunk ", i, " shares ", shared, " tokens of ", tokens);
        }
      }
    }
    return "";
  }

 private:
  size_t Tokens(size_t begin, size_t end) const {
    return count_(text_.substr(begin, end - begin)) - overhead_;
  }

  bool IsBlank(size_t begin, size_t end) const {
    return std::ranges::all_of(DecodeUtf8(text_.substr(begin, end - begin)), IsWhitespace);
  }

  bool IsOneCodePoint(const Chunk& chunk) const {
    size_t next = chunk.begin;
    DecodeUtf8(text_, next);
    return next == chunk.end;
  }

  // Whether a chunk may begin or end there: between clusters, or within one that does not fit.
  bool MayCut(size_t position) const {
    if (boundaries_.contains(position)) return true;
    const auto next = boundaries_.upper_bound(position);
    const size_t begin = *std::prev(next);
    if (Tokens(begin, *next) <= budget_ && *next - begin <= budget_ * kMaxBytesPerToken) {
      return false;
    }
    size_t code_point = begin;
    while (code_point < position) DecodeUtf8(text_, code_point);
    return code_point == position;
  }

  std::string FindBroken(const Chunk& chunk) const {
    if (chunk.begin >= chunk.end || chunk.end > text_.size()) return "is no range of the text";
    if (!MayCut(chunk.begin) || !MayCut(chunk.end)) return "cuts a grapheme cluster";
    if (IsBlank(chunk.begin, chunk.end)) return "is blank";
    const std::string embedded = ChunkTextForEmbedding(text_, chunk);
    if (!IsValidUtf8(embedded)) return "is not UTF-8 as it is embedded";
    const size_t tokens = count_(embedded);
    if (!chunk.context.empty() && 4 * (count_(chunk.context) - overhead_) > max_tokens_) {
      return StrCat("has too long a context: ", chunk.context);
    }
    if (IsOneCodePoint(chunk)) return "";
    if (tokens > max_tokens_) return StrCat("has ", tokens, " tokens");
    if (chunk.end - chunk.begin > budget_ * kMaxBytesPerToken) return "has too many bytes";
    return "";
  }

  const std::string_view text_;
  const TokenCounter& count_;
  const size_t max_tokens_;
  const size_t overhead_;
  const size_t budget_;
  const std::set<size_t> boundaries_;
};

}  // namespace lakehouse::ai
