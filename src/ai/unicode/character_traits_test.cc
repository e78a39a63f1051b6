#include "ai/unicode/character_traits.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "ai/unicode/character_class.h"

namespace lakehouse::ai {
namespace {

TEST(CharacterTraitsTest, AgreeWithTheirFunctionsForEveryCharacter) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    const uint8_t traits = CharacterTraits(c);
    ASSERT_EQ((traits & kWhitespaceTrait) != 0, IsWhitespace(c)) << static_cast<uint32_t>(c);
    ASSERT_EQ((traits & kPunctuationTrait) != 0, IsPunctuation(c)) << static_cast<uint32_t>(c);
    ASSERT_EQ((traits & kDroppedTrait) != 0, c == 0 || c == kReplacementCharacter || IsControl(c))
        << static_cast<uint32_t>(c);
    ASSERT_EQ((traits & kIdeographTrait) != 0, IsCjkIdeograph(c)) << static_cast<uint32_t>(c);
  }
}

TEST(CharacterTraitsTest, TellWhatNormalizationChanges) {
  for (const char32_t c :
       {U'A', U'\u00E9', U'\u0301', U'\u302E', U'\uAC00', U'\uF900', U'\u0130'}) {
    EXPECT_TRUE(CharacterTraits(c) & kChangesTrait) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'a', U'1', U'\u4E2D', U'\u0E01', U'\u3042', U'\U0001F600'}) {
    EXPECT_FALSE(CharacterTraits(c) & kChangesTrait) << static_cast<uint32_t>(c);
  }
  // U+0F73 has class 0 and decomposes to marks that have others.
  for (const char32_t c : {U'\u0301', U'\u0344', U'\u0F73'}) {
    EXPECT_TRUE(CharacterTraits(c) & kJoinsTrait) << static_cast<uint32_t>(c);
  }
  EXPECT_FALSE(CharacterTraits(U'\u00E9') & kJoinsTrait);
}

TEST(CharacterTraitsTest, AreTheSameInEveryThread) {
  std::vector<std::thread> threads;
  std::vector<size_t> sums(4);
  for (size_t& sum : sums) {
    threads.emplace_back([&sum] {
      for (char32_t c = 0x10000; c < 0x20000; ++c) sum += CharacterTraits(c);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const size_t sum : sums) EXPECT_EQ(sum, sums[0]);
}

}  // namespace
}  // namespace lakehouse::ai
