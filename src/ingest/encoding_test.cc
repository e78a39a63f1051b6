#include "ingest/encoding.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "ingest/mapped_file.h"
#include "support/temp_dir.h"

namespace lakehouse::ingest {
namespace {

std::string Utf16(std::u16string_view text, bool little_endian, bool mark) {
  std::string out;
  const auto append = [&](char16_t unit) {
    const char low = static_cast<char>(unit & 0xFF);
    const char high = static_cast<char>(unit >> 8);
    out.push_back(little_endian ? low : high);
    out.push_back(little_endian ? high : low);
  };
  if (mark) append(0xFEFF);
  for (const char16_t unit : text) append(unit);
  return out;
}

class EncodingTest : public ::testing::Test {
 protected:
  EncodingTest() : directory_(*WorkDirectory::Open(dir_.Join("work"), 0)) {}

  std::string Transcoded(std::string_view bytes, Encoding encoding) {
    const WorkPath path(directory_->NewPath(".txt"));
    const Status status = TranscodeToUtf8(bytes, encoding, *directory_, path.str(), {});
    if (!status.ok()) return status.ToString();
    auto file = MappedFile::Open(path.str());
    return std::string(file->bytes());
  }

  testing::TempDir dir_;
  std::unique_ptr<WorkDirectory> directory_;
};

TEST_F(EncodingTest, TellsEncodingsApart) {
  struct Case {
    std::string bytes;
    Encoding expected;
  };
  const std::u16string words = u"name,city\nJosé,Köln\n";
  const Case cases[] = {
      {"plain ascii\n", Encoding::kUtf8},
      {"caf\xC3\xA9\n", Encoding::kUtf8},
      {"\xEF\xBB\xBFid\n", Encoding::kUtf8},
      {Utf16(words, true, true), Encoding::kUtf16Le},
      {Utf16(words, false, true), Encoding::kUtf16Be},
      {Utf16(words, true, false), Encoding::kUtf16Le},
      {Utf16(words, false, false), Encoding::kUtf16Be},
      {"Jos\xE9,K\xF6ln\n", Encoding::kLatin1},
      {"price \x80 5 \x96 6\n", Encoding::kLatin1},
  };
  for (const Case& test : cases) {
    const auto encoding = DetectEncoding(test.bytes, {});
    ASSERT_TRUE(encoding.ok()) << HexEncode(test.bytes) << ": " << encoding.status().ToString();
    EXPECT_EQ(EncodingName(*encoding), EncodingName(test.expected)) << HexEncode(test.bytes);
  }
}

TEST_F(EncodingTest, RefusesWhatIsNotText) {
  struct Case {
    std::string bytes;
    std::string message;
  };
  using namespace std::string_literals;
  const Case cases[] = {
      {"a,b\n1,\0\n"s, "found a NUL byte in line 2 at offset 6"},
      {"\x01\x02\x03\x04\x05\x06", "control characters: 6"},
      {"\xFF\xFE\0\0a\0\0\0"s, "UTF-32"},
      // Three well-formed characters and one torn one: damaged UTF-8 rather than Latin-1.
      {"\xC3\xA9\xC3\xA9\n\xC3\xA9 \xC3\n", "line 2 at offset 8"},
  };
  for (const Case& test : cases) {
    const auto encoding = DetectEncoding(test.bytes, {});
    ASSERT_FALSE(encoding.ok()) << HexEncode(test.bytes);
    EXPECT_EQ(encoding.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(encoding.status().message().find(test.message), std::string::npos)
        << encoding.status().message();
  }
}

TEST_F(EncodingTest, TranscodesToUtf8WithoutMark) {
  const std::u16string words = u"José € 😀";
  const std::string expected = "José € 😀";
  EXPECT_EQ(Transcoded(Utf16(words, true, true), Encoding::kUtf16Le), expected);
  EXPECT_EQ(Transcoded(Utf16(words, false, false), Encoding::kUtf16Be), expected);
  EXPECT_EQ(Transcoded("Jos\xE9 \x80", Encoding::kLatin1), "José €");
  // 81 means nothing in Windows-1252; ISO-8859-1 takes every byte.
  EXPECT_EQ(Transcoded("a\x81\xE9", Encoding::kLatin1), "a\xC2\x81\xC3\xA9");
}

TEST_F(EncodingTest, LongTextCrossesBlocks) {
  std::u16string text;
  for (int i = 0; i < 700'000; ++i) text.push_back(i % 3 == 0 ? u'ж' : u'x');
  std::string expected;
  for (int i = 0; i < 700'000; ++i) expected += i % 3 == 0 ? "ж" : "x";
  EXPECT_EQ(Sha256Hex(Transcoded(Utf16(text, true, true), Encoding::kUtf16Le)),
            Sha256Hex(expected));
}

TEST_F(EncodingTest, NamesTheOffsetOfBrokenUtf16) {
  std::string bytes = Utf16(u"abc", true, true);
  bytes += std::string("\x00\xDC", 2);  // A low surrogate alone.
  EXPECT_NE(Transcoded(bytes, Encoding::kUtf16Le).find("offset 8"), std::string::npos);
}

TEST_F(EncodingTest, CountsEveryByteOnce) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "line with ümlaut and \x7F\n";
  const auto statistics = CountBytes(text, {});
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->newlines, 1000u);
  EXPECT_EQ(statistics->multibyte_characters, 1000u);
  EXPECT_EQ(statistics->control_characters, 1000u);
  EXPECT_EQ(statistics->invalid_bytes, 0u);
}

TEST_F(EncodingTest, StopsWhenCancelled) {
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(CountBytes(std::string(3 << 20, 'x'), cancel).status().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace lakehouse::ingest
