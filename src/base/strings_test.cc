#include "base/strings.h"

#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse {
namespace {

TEST(StringsTest, StrCatWritesEveryKindOfPiece) {
  EXPECT_EQ(StrCat(), "");
  EXPECT_EQ(StrCat("a", std::string("b"), std::string_view("c"), 'd'), "abcd");
  EXPECT_EQ(StrCat(true, ' ', false), "true false");
  EXPECT_EQ(StrCat(-7, ' ', std::numeric_limits<uint64_t>::max()), "-7 18446744073709551615");
  EXPECT_EQ(StrCat(0.1, ' ', 1.0f, ' ', -2.5e-300), "0.1 1 -2.5e-300");
}

TEST(StringsTest, SplitKeepsEmptyPiecesAndJoinUndoesIt) {
  using Pieces = std::vector<std::string_view>;
  EXPECT_EQ(SplitString("", ','), Pieces({""}));
  EXPECT_EQ(SplitString("a", ','), Pieces({"a"}));
  EXPECT_EQ(SplitString(",a,,b,", ','), Pieces({"", "a", "", "b", ""}));
  EXPECT_EQ(JoinStrings({}, ", "), "");
  EXPECT_EQ(JoinStrings({"", "a", "", "b", ""}, ","), ",a,,b,");
}

TEST(StringsTest, TrimRemovesOnlyOuterWhiteSpace) {
  EXPECT_EQ(TrimWhitespace("  \t\n\v\f\ra b\r\n "), "a b");
  EXPECT_EQ(TrimWhitespace(" \n "), "");
  EXPECT_EQ(TrimWhitespace("\xC2\xA0x"), "\xC2\xA0x");
}

TEST(StringsTest, CaseChangesOnlyAscii) {
  EXPECT_EQ(ToLowerAscii("AZ az @[ \xC3\x84"), "az az @[ \xC3\x84");
  EXPECT_TRUE(EqualsIgnoreCase("Content-Type", "content-tYPE"));
  EXPECT_FALSE(EqualsIgnoreCase("abc", "abcd"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
}

// Decodes by the definition: the shortest form of a scalar value. Returns its length.
std::optional<size_t> DecodeNaively(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = byte(0) < 0x80   ? 1
                        : byte(0) < 0xC0 ? 0
                        : byte(0) < 0xE0 ? 2
                        : byte(0) < 0xF0 ? 3
                        : byte(0) < 0xF8 ? 4
                                         : 0;
  if (length == 0 || text.size() < length) return std::nullopt;
  uint32_t code = length == 1 ? byte(0) : byte(0) & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3F);
  }
  const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
    return std::nullopt;
  }
  return length;
}

TEST(StringsTest, Utf8AgreesWithTheDefinitionOnEveryPairAndOnRandomText) {
  for (unsigned pair = 0; pair < 65536; ++pair) {
    const char bytes[] = {static_cast<char>(pair >> 8), static_cast<char>(pair)};
    const std::string_view text(bytes, 2);
    EXPECT_EQ(Utf8SequenceLength(text), DecodeNaively(text).value_or(0)) << pair;
  }
  constexpr uint64_t kSeed = 11;
  SCOPED_TRACE(StrCat("seed ", kSeed));
  Rng rng(kSeed);
  static constexpr unsigned char kEdges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                             0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0,
                                             0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF};
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (int i = 0; i < 4; ++i) text.push_back(static_cast<char>(kEdges[rng.Below(20)]));
    ASSERT_EQ(Utf8SequenceLength(text), DecodeNaively(text).value_or(0)) << QuoteForMessage(text);
  }
}

TEST(StringsTest, ValidUtf8LooksAtEveryByteOfLongText) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8(std::string_view("\0", 1)));
  EXPECT_TRUE(IsValidUtf8("plain text beyond one word, naïve café, 日本語, 🙂"));
  for (size_t at = 0; at < 40; ++at) {
    std::string text(40, 'x');
    text[at] = '\xFF';
    EXPECT_FALSE(IsValidUtf8(text)) << at;
    text = std::string(at, 'x') + "é";
    EXPECT_TRUE(IsValidUtf8(text)) << at;
    text.pop_back();
    EXPECT_FALSE(IsValidUtf8(text)) << at;
  }
}

TEST(StringsTest, QuoteForMessageEscapesAndCuts) {
  EXPECT_EQ(QuoteForMessage("a \"b\" \\ é"), R"("a \"b\" \\ é")");
  EXPECT_EQ(QuoteForMessage(std::string_view("\0\n\x7F\xFF", 4)), R"("\x00\x0a\x7f\xff")");
  EXPECT_EQ(QuoteForMessage(std::string(80, 'x')), StrCat('"', std::string(80, 'x'), '"'));
  EXPECT_EQ(QuoteForMessage(std::string(81, 'x')), StrCat('"', std::string(80, 'x'), "…\""));
  EXPECT_EQ(QuoteForMessage(std::string(79, 'x') + "é"), StrCat('"', std::string(79, 'x'), "…\""));
}

TEST(StringsTest, NearestNameAcceptsAThirdOfTheWord) {
  const std::vector<std::string> names = {"listen", "io_threads", "level", "lisp"};
  EXPECT_EQ(NearestName("lisen", names), "listen");
  EXPECT_EQ(NearestName("iothreads", names), "io_threads");
  EXPECT_EQ(NearestName("io_threads", names), "io_threads");
  EXPECT_EQ(NearestName("lvl", names), "");
  EXPECT_EQ(NearestName("levl", names), "level");
  EXPECT_EQ(NearestName("threads", names), "io_threads");
  EXPECT_EQ(NearestName("completely_else", names), "");
  EXPECT_EQ(NearestName("", names), "");
  EXPECT_EQ(NearestName("ab", {"xb", "ax"}), "xb");
}

TEST(StringsTest, FormatBytesPicksTheUnit) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1536 * 1024ull * 1024), "1.5 GiB");
  EXPECT_EQ(FormatBytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<uint64_t>::max()), "16.0 EiB");
}

}  // namespace
}  // namespace lakehouse
