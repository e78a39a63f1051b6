#include "ai/unicode/character_traits.h"

#include <array>
#include <atomic>
#include <memory>
#include <string_view>

#include "ai/unicode/character_class.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kBlockSize = 256;
using Block = std::array<uint8_t, kBlockSize>;

// Blocks are computed when first needed: all of them would take a tenth of a second. They stay
// until the process ends.
std::array<std::atomic<const Block*>, 0x110000 / kBlockSize> blocks{};

uint8_t ComputeTraits(char32_t c) {
  std::u32string decomposition;
  AppendDecomposition(decomposition, c);
  std::u32string lower;
  AppendLowerCase(lower, c);
  const std::u32string_view same(&c, 1);
  const bool joins = CombiningClass(decomposition.front()) != 0;
  const bool changes = joins || decomposition != same || lower != same || IsNonspacingMark(c);
  const bool is_dropped = c == 0 || c == kReplacementCharacter || IsControl(c);
  return static_cast<uint8_t>(
      (IsWhitespace(c) ? kWhitespaceTrait : 0) | (IsPunctuation(c) ? kPunctuationTrait : 0) |
      (is_dropped ? kDroppedTrait : 0) | (IsCjkIdeograph(c) ? kIdeographTrait : 0) |
      (changes ? kChangesTrait : 0) | (joins ? kJoinsTrait : 0));
}

const Block* AddBlock(char32_t number) {
  auto block = std::make_unique<Block>();
  for (size_t i = 0; i < kBlockSize; ++i) {
    (*block)[i] = ComputeTraits(static_cast<char32_t>(number * kBlockSize + i));
  }
  const Block* present = nullptr;
  // Another thread may have been faster; its block is the same.
  if (!blocks[number].compare_exchange_strong(present, block.get(), std::memory_order_acq_rel)) {
    return present;
  }
  return block.release();
}

}  // namespace

uint8_t CharacterTraits(char32_t c) {
  const char32_t number = c / kBlockSize;
  const Block* block = blocks[number].load(std::memory_order_acquire);
  if (block == nullptr) block = AddBlock(number);
  return (*block)[c % kBlockSize];
}

}  // namespace lakehouse::ai
