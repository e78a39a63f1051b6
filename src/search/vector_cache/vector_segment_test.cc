#include "search/vector_cache/vector_segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/rng.h"
#include "storage/faulty_store.h"
#include "support/test_seed.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;

const std::string kSpace = Sha256Hex("a space");
constexpr char kKey[] = "segment";

VectorKey KeyOf(std::string_view text) { return *ParseVectorKey(Sha256Hex(text)); }

class VectorSegmentTest : public ::testing::Test {
 protected:
  std::vector<VectorRecord> RandomRecords(size_t count, size_t dimensions) {
    std::vector<VectorRecord> records;
    for (size_t i = 0; i < count; ++i) {
      VectorRecord record{.key = KeyOf(StrCat("text ", i)), .vector = {}};
      for (size_t j = 0; j < dimensions; ++j) {
        record.vector.push_back(static_cast<float>(rng_.NextDouble()));
      }
      records.push_back(std::move(record));
    }
    return records;
  }
  Result<std::shared_ptr<const VectorSegment>> Open(const std::string& bytes,
                                                    const std::string& space = kSpace) {
    const auto object = store_.Put(kKey, bytes);
    EXPECT_TRUE(object.ok());
    return VectorSegment::Open(store_, *object, space);
  }
  // What a lookup of every key of `records` finds.
  Result<std::vector<std::optional<std::vector<float>>>> Lookup(
      const VectorSegment& segment, const std::vector<VectorRecord>& records) {
    std::vector<std::optional<std::vector<float>>> found(records.size());
    std::vector<VectorSegment::Wanted> wanted;
    for (size_t i = 0; i < records.size(); ++i) {
      const auto row = segment.FindRow(records[i].key);
      if (row.has_value()) wanted.push_back({.row = *row, .key = &records[i].key, .slot = i});
    }
    TRY(segment.ReadRows(store_, wanted, [&](size_t slot, std::vector<float> vector) {
      found[slot] = std::move(vector);
    }));
    return found;
  }

  Rng rng_{testing::TestSeed()};
  storage::FaultyStore store_{storage::NewMemoryStore()};
};

TEST_F(VectorSegmentTest, GivesEveryVectorBackToTheBit) {
  for (const size_t dimensions : {1u, 3u, 384u}) {
    const std::vector<VectorRecord> records = RandomRecords(500, dimensions);
    const auto segment = Open(EncodeVectorSegment(kSpace, dimensions, records));
    ASSERT_TRUE(segment.ok()) << segment.status().ToString();
    EXPECT_EQ((*segment)->records(), 500u);
    EXPECT_EQ((*segment)->dimensions(), dimensions);
    const auto found = *Lookup(**segment, records);
    const std::vector<VectorRecord> all = *(*segment)->ReadAll(store_);
    ASSERT_EQ(all.size(), records.size());
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(found[i], records[i].vector);
      EXPECT_EQ(all[i].key, records[i].key);
      EXPECT_EQ(all[i].vector, records[i].vector);
    }
    for (int i = 0; i < 100; ++i) {
      EXPECT_FALSE((*segment)->FindRow(KeyOf(StrCat("other ", i))).has_value());
    }
  }
}

TEST_F(VectorSegmentTest, NeighboursAreReadTogether) {
  const std::vector<VectorRecord> records = RandomRecords(400, 64);
  const auto segment = *Open(EncodeVectorSegment(kSpace, 64, records));
  const uint64_t before = store_.calls(storage::StoreCall::kReadAt);
  ASSERT_TRUE(Lookup(*segment, {records.begin() + 100, records.begin() + 356}).ok());
  EXPECT_EQ(store_.calls(storage::StoreCall::kReadAt) - before, 1u);
}

TEST_F(VectorSegmentTest, KeysThatAgreeInTheirFirstBitsAreToldApart) {
  std::vector<VectorRecord> records = RandomRecords(2, 4);
  records[1].key = records[0].key;
  records[1].key[31] ^= 1;
  const auto segment = *Open(EncodeVectorSegment(kSpace, 4, std::span(records).first(1)));
  EXPECT_TRUE(segment->FindRow(records[1].key).has_value()) << "the index is compact";
  const auto found = *Lookup(*segment, records);
  EXPECT_EQ(found[0], records[0].vector);
  EXPECT_FALSE(found[1].has_value());
}

TEST_F(VectorSegmentTest, EmptySegmentHoldsNothing) {
  const auto segment = Open(EncodeVectorSegment(kSpace, 4, {}));
  ASSERT_TRUE(segment.ok());
  EXPECT_FALSE((*segment)->FindRow(KeyOf("x")).has_value());
}

TEST_F(VectorSegmentTest, SegmentOfAnotherSpaceIsRefused) {
  const std::string bytes = EncodeVectorSegment(kSpace, 4, RandomRecords(3, 4));
  const Status status = Open(bytes, Sha256Hex("another space")).status();
  EXPECT_EQ(status.code(), StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr(kKey));
}

TEST_F(VectorSegmentTest, NoFlippedByteGivesAWrongVector) {
  const std::vector<VectorRecord> records = RandomRecords(4, 5);
  const std::string bytes = EncodeVectorSegment(kSpace, 5, records);
  for (size_t position = 0; position < bytes.size(); ++position) {
    SCOPED_TRACE(position);
    std::string damaged = bytes;
    damaged[position] = static_cast<char>(damaged[position] ^ (1 << rng_.Below(8)));
    const auto segment = Open(damaged);
    bool noticed = !segment.ok();
    for (const VectorRecord& record : records) {
      if (!segment.ok()) break;
      const auto found = Lookup(**segment, {record});
      noticed |= !found.ok();
      if (!found.ok()) {
        EXPECT_EQ(found.status().code(), StatusCode::kInternal);
      } else {
        EXPECT_EQ((*found)[0], record.vector);
      }
    }
    EXPECT_TRUE(noticed);
  }
}

TEST_F(VectorSegmentTest, NoTruncationOrExtensionIsTaken) {
  const std::string bytes = EncodeVectorSegment(kSpace, 5, RandomRecords(4, 5));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Open(bytes.substr(0, size)).status().code(), StatusCode::kInternal) << size;
  }
  EXPECT_EQ(Open(bytes + '\0').status().code(), StatusCode::kInternal);
}

TEST_F(VectorSegmentTest, ShortReadIsNoticed) {
  const std::vector<VectorRecord> records = RandomRecords(4, 5);
  const auto segment = *Open(EncodeVectorSegment(kSpace, 5, records));
  store_.AddFault(
      {.call = storage::StoreCall::kReadAt, .effect = storage::StoreFault::Effect::kShortRead});
  EXPECT_EQ(Lookup(*segment, records).status().code(), StatusCode::kInternal);
}

TEST(VectorKeyTest, TakesOnly64LowerCaseHexDigits) {
  const std::string hex = Sha256Hex("x");
  EXPECT_TRUE(ParseVectorKey(hex).has_value());
  for (const std::string& bad :
       {std::string(), hex.substr(1), hex + "0", std::string(64, 'g'), std::string(64, 'A')}) {
    EXPECT_FALSE(ParseVectorKey(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace lakehouse::search
