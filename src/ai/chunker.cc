#include "ai/chunker.h"

#include <algorithm>
#include <optional>

#include "ai/chunker/boundaries.h"
#include "ai/chunker/chunk_context.h"
#include "ai/chunker/piece_cost.h"
#include "ai/chunker/text_units.h"
#include "ai/unicode/character_class.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

// Fewer tokens than this do not make a chunk of their own where that can be avoided.
constexpr size_t kMinTokens = 20;
// The context has at most this part of a chunk.
constexpr size_t kContextShare = 4;
// After so many attempts to shrink a chunk by what it has too much, halve it.
constexpr int kExactAttempts = 4;

// Puts units together into chunks. Chunks are ranges of units; [first, last) below. The units
// before `done` are in a chunk already, so a chunk must reach beyond it.
class Packer {
 public:
  Packer(std::string_view text, const ChunkerOptions& options, const TokenCounter& count,
         const PieceCost& cost)
      : text_(text),
        count_(count),
        cost_(cost),
        max_tokens_(options.max_tokens),
        budget_(options.max_tokens > cost.overhead() ? options.max_tokens - cost.overhead() : 0),
        overlap_(std::min(options.overlap_tokens, budget_ > 0 ? (budget_ - 1) / 2 : 0)),
        units_(SplitIntoUnits(text, budget_, cost)),
        context_(text, units_, std::min(max_tokens_ / kContextShare, budget_ / 2), cost) {
    sums_.reserve(size() + 1);
    sums_.push_back(0);
    for (const TextUnit& unit : units_.units) sums_.push_back(sums_.back() + unit.cost);
  }

  std::vector<Chunk> Pack() {
    std::vector<Chunk> chunks;
    for (size_t done = 0; done < size();) {
      const size_t overlap_start = chunks.empty() ? done : OverlapStart(done);
      std::optional<Packed> packed;
      if (overlap_start < done) packed = TryPack(overlap_start, done, true);
      // Perhaps not even one new unit fits beside the overlap, or beside the context.
      if (!packed.has_value()) packed = TryPack(done, done, true);
      if (!packed.has_value()) packed = TryPack(done, done, false);
      previous_first_ = packed->first;
      done = packed->last;
      chunks.push_back(std::move(packed->chunk));
    }
    return chunks;
  }

 private:
  struct Packed {
    size_t first = 0;
    size_t last = 0;
    Chunk chunk;
  };

  size_t size() const { return units_.units.size(); }
  const TextUnit& unit(size_t i) const { return units_.units[i]; }
  bool IsHeading(size_t i) const { return unit(i).heading_level > 0; }
  size_t Cost(size_t first, size_t last) const { return sums_[last] - sums_[first]; }
  size_t Bytes(size_t first, size_t last) const { return unit(last - 1).end - unit(first).begin; }

  // Returns where the chunk after `done` begins: at a sentence of the chunk before it, so that they
  // share less than half of that and no heading lies between.
  size_t OverlapStart(size_t done) const {
    if (IsHeading(done)) return done;
    const size_t most = std::min(overlap_, (Cost(previous_first_, done) - 1) / 2);
    size_t start = done;
    for (size_t i = done; i-- > previous_first_ + 1;) {
      if (Cost(i, done) > most || Cost(i, done + 1) > budget_) break;
      if (unit(i).starts_sentence) start = i;
      if (IsHeading(i)) break;
    }
    return start;
  }

  // Returns a chunk from `first` that fits by the real count; nothing when that would reach no
  // further than `done`, or share half of itself. One unit alone is taken as it is.
  std::optional<Packed> TryPack(size_t first, size_t done, bool with_context) {
    Packed packed{.first = first};
    if (with_context) packed.chunk.context = context_.At(first);
    const bool must_fit = first < done || !packed.chunk.context.empty();
    const size_t taken = packed.chunk.context.empty() ? 0 : cost_(packed.chunk.context);
    const size_t room = budget_ - std::min(budget_, taken);
    size_t last = Extend(first, done, room);
    for (int attempt = 0; last > done; ++attempt) {
      last = WithoutTrailingHeadings(done, last);
      packed.last = last;
      packed.chunk.begin = unit(first).begin;
      packed.chunk.end = unit(last - 1).end;
      const size_t tokens = count_(ChunkTextForEmbedding(text_, packed.chunk));
      if (tokens <= max_tokens_ || (last == first + 1 && !must_fit)) break;
      last = attempt < kExactAttempts ? Shrink(done, last, tokens - max_tokens_)
                                      : done + (last - done) / 2;
    }
    if (last == done || 2 * Cost(first, done) >= Cost(first, last)) return std::nullopt;
    return packed;
  }

  // A heading stays with what follows it, unless a chunk would have no more than headings.
  size_t WithoutTrailingHeadings(size_t done, size_t last) const {
    if (last == size()) return last;
    size_t end = last;
    while (end > done + 1 && IsHeading(end - 1)) --end;
    return IsHeading(end - 1) ? last : end;
  }

  // Returns how far a chunk from `first` may reach by the sum of its units' costs; beyond `done`.
  size_t Extend(size_t first, size_t done, size_t room) const {
    size_t last = done + 1;
    while (last < size() && Cost(first, last + 1) <= room &&
           Bytes(first, last + 1) <= room * kMaxBytesPerToken && !BreaksBefore(first, last, room)) {
      ++last;
    }
    return TakeAlongForTail(first, done, last);
  }

  // Whether a chunk that could take one more unit had better end before it.
  bool BreaksBefore(size_t first, size_t last, size_t room) const {
    const size_t cost = Cost(first, last);
    if (IsHeading(last)) return cost >= kMinTokens && SectionCost(last, kMinTokens) >= kMinTokens;
    if (!unit(last).starts_block || cost < room / 2) return false;
    // Keep a block whole that fits into the next chunk but not into the rest of this one.
    const size_t block = BlockCost(last, room);
    return block > room - cost && block <= room;
  }

  // A section's last few tokens take the sentences before them along into the next chunk.
  size_t TakeAlongForTail(size_t first, size_t done, size_t last) const {
    if (last == size() || IsHeading(last)) return last;
    const size_t tail = SectionCost(last, kMinTokens);
    if (tail >= kMinTokens) return last;
    size_t earlier = last;
    while (earlier > done + 1 && Cost(earlier, last) + tail < kMinTokens) --earlier;
    return Cost(first, earlier) >= kMinTokens ? earlier : last;
  }

  // The cost of the units from `from` to the next heading after it; stops counting at `enough`.
  size_t SectionCost(size_t from, size_t enough) const {
    size_t last = from + 1;
    while (last < size() && !IsHeading(last) && Cost(from, last) < enough) ++last;
    return Cost(from, last);
  }

  // The cost of the block that starts at `from`; stops counting beyond `most`.
  size_t BlockCost(size_t from, size_t most) const {
    size_t last = from + 1;
    while (last < size() && !unit(last).starts_block && Cost(from, last) <= most) ++last;
    return Cost(from, last);
  }

  // Returns an earlier end by which a chunk loses about `excess` tokens, and one unit at least.
  size_t Shrink(size_t done, size_t last, size_t excess) const {
    const size_t before = last--;
    while (last > done + 1 && Cost(last, before) < excess) --last;
    return last;
  }

  const std::string_view text_;
  const TokenCounter& count_;
  const PieceCost& cost_;
  const size_t max_tokens_;
  const size_t budget_;  // Without special tokens.
  const size_t overlap_;
  const TextUnits units_;
  ChunkContext context_;
  std::vector<size_t> sums_;   // sums_[i]: cost of the units before i.
  size_t previous_first_ = 0;  // Where the chunk before begins.
};

}  // namespace

std::vector<Chunk> ChunkText(std::string_view text, const ChunkerOptions& options,
                             const TokenCounter& count) {
  const TextRange whole = TrimWhitespace(text, {0, text.size()});
  if (whole.empty()) return {};
  const PieceCost cost(count);
  Chunk chunk{.begin = whole.begin, .end = whole.end};
  if (options.max_tokens > cost.overhead() &&
      whole.end - whole.begin <= (options.max_tokens - cost.overhead()) * kMaxBytesPerToken &&
      count(ChunkTextForEmbedding(text, chunk)) <= options.max_tokens) {
    return {std::move(chunk)};
  }
  return Packer(text, options, count, cost).Pack();
}

std::string ChunkTextForEmbedding(std::string_view text, const Chunk& chunk) {
  const std::string_view range = text.substr(chunk.begin, chunk.end - chunk.begin);
  if (chunk.context.empty()) return RepairUtf8(range);
  return StrCat(chunk.context, "\n", RepairUtf8(range));
}

}  // namespace lakehouse::ai
