#include "ai/chunker.h"

#include <algorithm>
#include <optional>

#include "ai/text_units.h"

namespace lakehouse::ai {
namespace {

// Fewer tokens than this do not make a chunk of their own where that can be avoided.
constexpr size_t kMinTokens = 20;
// After so many attempts to shrink a chunk by what it has too much, halve it.
constexpr int kExactAttempts = 4;

// Puts units together into chunks. Chunks are ranges of units; [first, last) below.
class Packer {
 public:
  Packer(std::string_view text, const ChunkerOptions& options, const TokenCounter& count,
         size_t overhead)
      : text_(text),
        count_(count),
        max_tokens_(options.max_tokens),
        budget_(options.max_tokens > overhead ? options.max_tokens - overhead : 0),
        overlap_(std::min(options.overlap_tokens, budget_ > 0 ? (budget_ - 1) / 2 : 0)),
        units_(SplitIntoUnits(text, budget_, [&](std::string_view piece) {
          const size_t tokens = count(piece);
          return tokens > overhead ? tokens - overhead : 0;
        })) {
    sums_.push_back(0);
    for (const TextUnit& unit : units_) sums_.push_back(sums_.back() + unit.tokens);
    section_end_.assign(units_.size(), units_.size());
    for (size_t i = units_.size(); i-- > 1;) {
      section_end_[i - 1] = units_[i].is_heading ? i : section_end_[i];
    }
  }

  std::vector<Chunk> Pack() {
    std::vector<Chunk> chunks;
    size_t done = 0;  // Units before are in a chunk.
    while (done < units_.size()) {
      size_t first = chunks.empty() ? done : OverlapStart(done);
      std::optional<size_t> last = Fit(first, Extend(first, done), done);
      if (!last.has_value()) {
        // Even one new unit does not fit beside the overlap.
        first = done;
        last = Fit(first, Extend(first, done), done);
      }
      chunks.push_back({units_[first].begin, units_[*last - 1].end});
      previous_first_ = first;
      done = *last;
    }
    return chunks;
  }

 private:
  size_t Tokens(size_t first, size_t last) const { return sums_[last] - sums_[first]; }

  // Returns where the chunk after `done` begins: at a sentence of the chunk before it, so that they
  // share at most `overlap_` tokens and no heading lies between.
  size_t OverlapStart(size_t done) const {
    if (units_[done].is_heading) return done;
    size_t start = done;
    for (size_t i = done; i-- > previous_first_ + 1;) {
      if (Tokens(i, done) > overlap_ || Tokens(i, done + 1) > budget_) break;
      if (units_[i].starts_sentence) start = i;
      if (units_[i].is_heading) break;
    }
    return start;
  }

  // Returns how far a chunk from `first` may reach by the sum of its units' tokens; beyond `done`.
  size_t Extend(size_t first, size_t done) const {
    size_t last = done + 1;
    while (last < units_.size() && Tokens(first, last + 1) <= budget_) {
      const TextUnit& next = units_[last];
      const size_t tokens = Tokens(first, last);
      if (next.is_heading && tokens >= kMinTokens &&
          Tokens(last, section_end_[last]) >= kMinTokens) {
        break;
      }
      // Keep a block whole that fits into the next chunk but not into the rest of this one.
      if (next.block_tokens > budget_ - tokens && next.block_tokens <= budget_ &&
          tokens >= budget_ / 2) {
        break;
      }
      ++last;
    }
    // A section's last few tokens take the sentences before them along.
    const size_t section_end = last < units_.size() ? section_end_[last - 1] : last;
    if (last < section_end && Tokens(last, section_end) < kMinTokens) {
      size_t earlier = last;
      while (earlier > done + 1 && Tokens(earlier, section_end) < kMinTokens) --earlier;
      if (Tokens(first, earlier) >= kMinTokens) last = earlier;
    }
    // A heading stays with what follows it.
    while (last < units_.size() && last > done + 1 && units_[last - 1].is_heading) --last;
    return last;
  }

  // Returns the largest end found, at most `last`, with which the chunk fits by the real count;
  // nothing when that would leave no unit after `done`. A single unit always fits.
  std::optional<size_t> Fit(size_t first, size_t last, size_t done) const {
    for (int attempt = 0; last > done; ++attempt) {
      if (last == first + 1) return last;
      const size_t begin = units_[first].begin;
      const size_t tokens = count_(text_.substr(begin, units_[last - 1].end - begin));
      if (tokens <= max_tokens_) return last;
      if (attempt >= kExactAttempts) {
        last = done + (last - done) / 2;
        continue;
      }
      const size_t excess = tokens - max_tokens_;
      const size_t before = last--;
      while (last > done + 1 && Tokens(last, before) < excess) --last;
    }
    return std::nullopt;
  }

  const std::string_view text_;
  const TokenCounter& count_;
  const size_t max_tokens_;
  const size_t budget_;  // Without special tokens.
  const size_t overlap_;
  const std::vector<TextUnit> units_;
  std::vector<size_t> sums_;         // sums_[i]: tokens of the units before i.
  std::vector<size_t> section_end_;  // The first heading after unit i, or the end.
  size_t previous_first_ = 0;        // Where the chunk before begins.
};

}  // namespace

std::vector<Chunk> ChunkText(std::string_view text, const ChunkerOptions& options,
                             const TokenCounter& count) {
  const TextUnit whole = TrimToUnit(text);
  if (whole.begin == whole.end) return {};
  const std::string_view content = text.substr(whole.begin, whole.end - whole.begin);
  if (count(content) <= options.max_tokens) return {{whole.begin, whole.end}};
  return Packer(text, options, count, count("")).Pack();
}

}  // namespace lakehouse::ai
