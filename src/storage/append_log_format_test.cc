#include "storage/append_log_format.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr uint64_t kFirst = 41;

const ChainLink& Before() {
  static const ChainLink link = ContinueChain(ChainRoot("trials").digest, kFirst - 1, "before");
  return link;
}

std::string MakeSegment(const std::vector<std::string>& records) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  ChainLink link = Before();
  uint64_t number = kFirst;
  for (const std::string& record : records) {
    link = AppendFrame(bytes, link.digest, number++, record);
  }
  WriteSegmentHeader(bytes,
                     {.first = kFirst,
                      .previous = Before(),
                      .writer = {'w'},
                      .count = static_cast<uint32_t>(records.size()),
                      .body_bytes = static_cast<uint32_t>(bytes.size() - kSegmentHeaderBytes)});
  return bytes;
}

const std::vector<std::string> kRecords = {"one", std::string(300, '2'), std::string(1, '\0'),
                                           "last"};

std::vector<std::string> RecordsOf(const DecodedSegment& decoded) {
  std::vector<std::string> records;
  for (const Frame& frame : decoded.frames) records.emplace_back(frame.record());
  return records;
}

// True when `decoded` holds the first of kRecords and nothing else.
bool IsPrefix(const DecodedSegment& decoded) {
  const std::vector<std::string> found = RecordsOf(decoded);
  return found.size() <= kRecords.size() &&
         std::equal(found.begin(), found.end(), kRecords.begin());
}

TEST(AppendLogFormatTest, ReadsWhatItWrote) {
  const std::string bytes = MakeSegment(kRecords);
  const DecodedSegment decoded = DecodeSegment(bytes, kFirst);
  EXPECT_EQ(decoded.state, SegmentState::kWhole) << decoded.problem;
  EXPECT_EQ(RecordsOf(decoded), kRecords);
  EXPECT_EQ(decoded.header->previous, Before());
  EXPECT_EQ(decoded.next(), kFirst + 4);
  ChainLink link = Before();
  for (const std::string& record : kRecords) {
    link = ContinueChain(link.digest, link.number + 1, record);
  }
  EXPECT_EQ(decoded.link(), link);
}

// The bytes of the first release, as docs/formats/append_log.md describes them.
TEST(AppendLogFormatTest, WritesTheDocumentedBytes) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  const ChainLink root = ChainRoot("audit");
  AppendFrame(bytes, root.digest, 1, "hello");
  WriteSegmentHeader(bytes,
                     {.first = 1, .previous = root, .writer = {}, .count = 1, .body_bytes = 45});
  EXPECT_EQ(HexEncode({root.digest.data(), root.digest.size()}), Sha256Hex("_journal/audit/"));
  const std::string chained = StrCat(std::string_view(root.digest.data(), 32),
                                     std::string("\x01\0\0\0\0\0\0\0", 8), "hello");
  EXPECT_EQ(HexEncode(bytes.substr(84 + 8, 32)), Sha256Hex(chained));
  EXPECT_EQ(Sha256Hex(bytes), "71e30cd075e2ac299c808e66a09c456ace62c244b3d3f10208b115a9faaef121");
}

TEST(AppendLogFormatTest, EveryTruncationIsTornAndKeepsTheWholeRecords) {
  const std::string bytes = MakeSegment(kRecords);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    const DecodedSegment decoded = DecodeSegment(cut, kFirst);
    ASSERT_EQ(decoded.state, SegmentState::kTorn) << size;
    ASSERT_TRUE(IsPrefix(decoded)) << size;
    size_t end = kSegmentHeaderBytes;
    size_t whole = 0;
    for (const std::string& record : kRecords) {
      end += kFrameHeaderBytes + record.size();
      if (end <= size) ++whole;
    }
    ASSERT_EQ(decoded.frames.size(), whole) << size;
  }
}

TEST(AppendLogFormatTest, EveryFlippedBitIsNoticed) {
  const std::string bytes = MakeSegment(kRecords);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const DecodedSegment decoded = DecodeSegment(damaged, kFirst);
      ASSERT_EQ(decoded.state, SegmentState::kDamaged) << "byte " << i << ", bit " << bit;
      ASSERT_TRUE(IsPrefix(decoded)) << "byte " << i << ", bit " << bit;
      ASSERT_FALSE(decoded.problem.empty());
    }
  }
}

TEST(AppendLogFormatTest, RefusesWhatIsTooLongOrElsewhere) {
  const std::string bytes = MakeSegment(kRecords);
  const std::string with_more = bytes + "x";
  const DecodedSegment longer = DecodeSegment(with_more, kFirst);
  EXPECT_EQ(longer.state, SegmentState::kDamaged);
  EXPECT_EQ(RecordsOf(longer), kRecords);
  EXPECT_EQ(DecodeSegment(bytes + bytes, kFirst).state, SegmentState::kDamaged);
  const DecodedSegment moved = DecodeSegment(bytes, kFirst + 1);
  EXPECT_EQ(moved.state, SegmentState::kDamaged);
  EXPECT_FALSE(moved.header.has_value());
  EXPECT_TRUE(moved.frames.empty());
}

// A checksum can be made to fit; the chain cannot.
TEST(AppendLogFormatTest, NoticesARecordThatWasReplaced) {
  std::string bytes = MakeSegment(kRecords);
  std::string forged;
  AppendFrame(forged, ChainRoot("other").digest, kFirst, "two");
  bytes.replace(kSegmentHeaderBytes, forged.size(), forged);
  const DecodedSegment decoded = DecodeSegment(bytes, kFirst);
  EXPECT_EQ(decoded.state, SegmentState::kDamaged);
  EXPECT_EQ(decoded.problem, "a record does not continue the chain");
  EXPECT_TRUE(decoded.frames.empty());
}

TEST(AppendLogFormatTest, ChainsOfDifferentLogsDiffer) {
  EXPECT_NE(ChainRoot("a"), ChainRoot("b"));
  EXPECT_NE(ContinueChain(ChainRoot("a").digest, 1, "x").digest,
            ContinueChain(ChainRoot("a").digest, 2, "x").digest);
}

TEST(AppendLogKeysTest, NamesSortByTheirFirstRecord) {
  const LogKeys keys("trials");
  EXPECT_EQ(keys.ForSegment({.first = 7}), "_journal/trials/00000000000000000007.log");
  EXPECT_EQ(keys.ForSegment({.first = 7, .last = 12, .merged = true}),
            "_journal/trials/00000000000000000007-00000000000000000012.log");
  EXPECT_LT(keys.ForSegment({.first = 9}), keys.ForSegment({.first = 10}));
  EXPECT_LT(keys.ForSegment({.first = 99999}), keys.ForDamaged({1, 2}, "x"));
}

TEST(AppendLogKeysTest, ReadsItsOwnNames) {
  const LogKeys keys("trials");
  for (const LogSegment& segment :
       {LogSegment{.first = 1, .size_bytes = 5},
        LogSegment{.first = 3, .last = 3, .merged = true, .size_bytes = 9},
        LogSegment{.first = 3, .last = INT64_MAX, .merged = true, .size_bytes = 9}}) {
    EXPECT_EQ(keys.ParseSegment({keys.ForSegment(segment), segment.size_bytes, {}, {}}), segment);
  }
  for (const NumberRange& range : {NumberRange{4, 4}, NumberRange{4, 9}}) {
    EXPECT_EQ(keys.ParseDamaged(keys.ForDamaged(range, "bytes")), range);
    EXPECT_FALSE(keys.ParseSegment({keys.ForDamaged(range, "bytes"), 1, {}, {}}));
  }
}

TEST(AppendLogKeysTest, PassesOverForeignNames) {
  const LogKeys keys("trials");
  const std::string prefix = keys.prefix();
  for (const std::string name :
       {"", "1.log", "00000000000000000000.log", "0000000000000000000x.log",
        "00000000000000000001.log.bak", "00000000000000000001", "x00000000000000000001.log",
        "99999999999999999999.log", "09223372036854775808.log", "000000000000000000001.log",
        "00000000000000000002-00000000000000000001.log", "00000000000000000002-.log",
        "00000000000000000001-00000000000000000002-3.log", "sub/00000000000000000001.log"}) {
    EXPECT_FALSE(keys.ParseSegment({prefix + name, 1, {}, {}})) << name;
  }
  EXPECT_FALSE(keys.ParseSegment({"_journal/trial/00000000000000000001.log", 1, {}, {}}));
  EXPECT_FALSE(keys.ParseSegment({keys.ForSegment({.first = 1}), kMaxSegmentBytes + 1, {}, {}}));
  const std::string damaged = keys.ForDamaged({1, 2}, "x");
  for (const std::string& key :
       {damaged.substr(0, damaged.size() - 5) + ".log", damaged + "x", prefix + "damaged/1-2-3.log",
        prefix + "damaged/00000000000000000002-00000000000000000001-0123456789abcdef.log"}) {
    EXPECT_FALSE(keys.ParseDamaged(key)) << key;
  }
}

}  // namespace

}  // namespace lakehouse::storage
