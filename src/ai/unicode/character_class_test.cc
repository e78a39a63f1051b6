#include "ai/unicode/character_class.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

using std::literals::operator""sv;  // NOLINT(misc-unused-using-decls): it is used.

std::string OutputOf(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    output.append(buffer.data(), count);
  }
  return output;
}

TEST(CharacterClassTest, TablesAreWhatTheGeneratorWrites) {
  const std::string directory = LAKEHOUSE_SOURCE_DIR "/src/ai/unicode/";
  std::ifstream file(directory + "tables.inc");
  std::stringstream committed;
  committed << file.rdbuf();
  ASSERT_FALSE(committed.str().empty());
  const std::string version = OutputOf(
      "python3 -c 'import unicodedata; print(unicodedata.unidata_version, end=\"\")' 2>&1");
  if (version != "14.0.0") {
    GTEST_SKIP() << "the generator needs the Unicode 14 of Python 3.11, not: " << version;
  }
  EXPECT_EQ(OutputOf("python3 " + directory + "make_tables.py"), committed.str());
}

TEST(CharacterClassTest, PunctuationIsThatOfTheReference) {
  for (const char32_t c : U"!$+<=>^`|~\u00A1\u2014\u3001\u166D\U000111C9"sv) {
    EXPECT_TRUE(IsPunctuation(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : U"a0 \u00A2\u20AC\u2E43\u061D"sv) {
    EXPECT_FALSE(IsPunctuation(c)) << static_cast<uint32_t>(c);
  }
}

TEST(CharacterClassTest, ControlsHoldPrivateUseButNoLineBreaks) {
  for (const char32_t c :
       {0x00, 0x0B, 0x7F, 0x85, 0xAD, 0x200D, 0xFEFF, 0xE000, 0xE001, 0x10FFFD}) {
    EXPECT_TRUE(IsControl(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {0x09, 0x0A, 0x0D, 0x20, 0xA0, 0x0378, 0x08E2, 0xE0100, 0xFFFD}) {
    EXPECT_FALSE(IsControl(c)) << static_cast<uint32_t>(c);
  }
}

TEST(CharacterClassTest, WordCharactersAreThoseOfTheReference) {
  // U+13460 is new in Unicode 16, U+A7CE in Unicode 17.
  for (const char32_t c : U"aZ9_\u00E9\u0301\u200D\u4E2D\U00013460"sv) {
    EXPECT_TRUE(IsWordCharacter(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : U" -.\u00B2\u200B\u2014\uA7CE"sv) {
    EXPECT_FALSE(IsWordCharacter(c)) << static_cast<uint32_t>(c);
  }
  size_t count = 0;
  for (char32_t c = 0; c < 0x110000; ++c) count += IsWordCharacter(c) ? 1 : 0;
  EXPECT_EQ(count, 144'667U);
}

TEST(CharacterClassTest, LowerCaseIsFullAndWithoutContext) {
  std::u32string lowered;
  for (const char32_t c : U"AZ\u0130\u03A3\u1E9E\uA7DC\U00010D50\U00016EB8"sv) {
    AppendLowerCase(lowered, c);
  }
  EXPECT_EQ(lowered, U"azi\u0307\u03C3\u00DF\u019B\U00010D70\U00016ED3");
}

TEST(CharacterClassTest, DecompositionAndCombiningClassAreThoseOfTheReference) {
  const auto decomposed = [](char32_t c) {
    std::u32string out;
    AppendDecomposition(out, c);
    return out;
  };
  EXPECT_EQ(decomposed(U'\u1E69'), U"s\u0323\u0307");
  EXPECT_EQ(decomposed(U'\uD55C'), U"\u1112\u1161\u11AB");
  EXPECT_EQ(decomposed(U'x'), U"x");
  EXPECT_EQ(decomposed(U'\U00011938'), U"\U00011938");
  EXPECT_EQ(CombiningClass(U'\u302E'), 224);
  EXPECT_EQ(CombiningClass(U'a'), 0);
  // U+1DF6 has a combining class, but not in the reference.
  EXPECT_EQ(CombiningClass(U'\u1DF6'), 0);
}

TEST(CharacterClassTest, IllFormedUtf8BecomesReplacementCharacters) {
  // Unicode 14, section 3.9, table 3-8: one for each maximal subpart.
  EXPECT_EQ(DecodeUtf8("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            U"a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(DecodeUtf8("\xED\xA0\x80"), U"\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(DecodeUtf8("\xC0\xAF\xF5\xFF"), U"\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(DecodeUtf8("\xF0\x9F\x98"), U"\uFFFD");
}

TEST(CharacterClassTest, EveryScalarValueSurvivesEncoding) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string encoded;
    AppendUtf8(encoded, c);
    ASSERT_EQ(DecodeUtf8(encoded), std::u32string(1, c));
    ASSERT_TRUE(IsValidUtf8(encoded));
  }
}

TEST(CharacterClassTest, RepairKeepsWellFormedText) {
  EXPECT_EQ(RepairUtf8("Zo\xC3\xAB"), "Zo\xC3\xAB");
  EXPECT_EQ(RepairUtf8("Zo\xEB!"), "Zo\xEF\xBF\xBD!");
}

}  // namespace
}  // namespace lakehouse::ai
