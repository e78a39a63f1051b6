// What an append log does with objects that are not as they were written.
#include <algorithm>
#include <iterator>
#include <optional>

#include <gtest/gtest.h>

#include "storage/append_log_scenario.h"

namespace lakehouse::storage {

namespace {

using Effect = StoreFault::Effect;
using ObjectMap = std::map<std::string, std::string>;

constexpr uint64_t kLast = 20;

// Segments of three records, 1 to 12 in one merged segment, then 13 to 15, 16 to 18, 19 to 20.
ObjectMap MakeObjects() {
  FaultyStore store(NewMemoryStore());
  const auto log = OpenLog(store);
  for (uint64_t number = 1; number <= kLast; ++number) {
    EXPECT_TRUE(log->Append(StrCat("record ", number)).ok());
    const Status flushed = number % 3 == 0 || number == kLast ? log->Flush() : OkStatus();
    EXPECT_TRUE(flushed.ok());
    const Status merged = number == 15 ? log->Compact() : OkStatus();
    EXPECT_TRUE(merged.ok());
  }
  return Objects(store);
}

const ObjectMap& Intact() {
  static const ObjectMap objects = MakeObjects();
  return objects;
}

std::string KeyAt(size_t index) {
  return std::next(Intact().begin(), static_cast<int>(index))->first;
}

NumberRange RangeAt(size_t index) {
  static constexpr NumberRange kRanges[] = {{1, 13}, {13, 16}, {16, 19}, {19, 21}};
  return kRanges[index];
}

// True when `key` holds damaged bytes that were kept.
bool IsKept(const std::string& key) { return LogKeys("trials").ParseDamaged(key).has_value(); }

// Opens the log, reads it until that succeeds, and checks that every answer is a part of what was
// written, that numbers go on behind the highest, and that nothing changes when it is opened again.
// Returns what it read.
Records CheckDamaged(FaultyStore& store, int* errors = nullptr) {
  auto log = OpenLog(store);
  if (log == nullptr) return {};
  Records records;
  Status status = Internal("not read yet");
  int reads = 0;
  for (; !status.ok() && reads < 4; ++reads) {
    Records part;
    status = ReadInto(*log, 1, part);
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kInternal) << status.ToString();
    EXPECT_TRUE(std::includes(part.begin(), part.end(), records.begin(), records.end()))
        << "a later read shows less";
    records = part;
  }
  EXPECT_TRUE(status.ok()) << status.ToString();
  if (errors != nullptr) *errors = reads - 1;
  const Records written = ExpectedRecords(1, kLast);
  EXPECT_TRUE(std::includes(written.begin(), written.end(), records.begin(), records.end()));

  const ObjectMap objects = Objects(store);
  auto reopened = OpenLog(store);
  EXPECT_EQ(ReadAll(*reopened), records);
  EXPECT_EQ(Objects(store), objects);
  const auto number = reopened->AppendDurable("new");
  EXPECT_TRUE(number.ok()) << number.status().ToString();
  EXPECT_FALSE(records.contains(*number));
  records[*number] = "new";
  EXPECT_EQ(ReadAll(*OpenLog(store)), records);
  EXPECT_TRUE(reopened->Compact().ok());
  EXPECT_EQ(ReadAll(*OpenLog(store)), records);
  records.erase(*number);
  return records;
}

TEST(AppendLogDamageTest, AnyFlippedByteCostsAtMostTheRestOfItsSegment) {
  ASSERT_EQ(Intact().size(), 4u);
  for (size_t object = 0; object < 4; ++object) {
    const std::string key = KeyAt(object);
    const std::string& bytes = Intact().at(key);
    for (size_t i = 0; i < bytes.size(); ++i) {
      SCOPED_TRACE(StrCat(key, ", byte ", i));
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      auto store = StoreOf(Intact());
      ASSERT_TRUE(store->Put(key, damaged).ok());
      int errors = 0;
      const Records records = CheckDamaged(*store, &errors);
      EXPECT_EQ(errors, object == 3 ? 0 : 1) << "reported once, that of the newest by Open";
      const NumberRange range = RangeAt(object);
      for (uint64_t number = 1; number <= kLast; ++number) {
        if (number >= range.first && number < range.next) continue;
        EXPECT_TRUE(records.contains(number)) << number;
      }
      // What stands before the damage is not lost.
      const size_t frame_bytes = kFrameHeaderBytes + (object == 0 ? 8 : 9);
      if (i >= kSegmentHeaderBytes && object > 0) {
        const uint64_t good = range.first + (i - kSegmentHeaderBytes) / frame_bytes;
        for (uint64_t number = range.first; number < good; ++number) {
          EXPECT_TRUE(records.contains(number)) << number;
        }
        EXPECT_FALSE(records.contains(good));
      }
      const ObjectMap objects = Objects(*store);
      int kept = 0;
      for (const auto& [name, object_bytes] : objects) {
        if (IsKept(name)) kept += object_bytes == damaged;
      }
      EXPECT_EQ(kept, 1) << "the damaged bytes are kept";
      if (HasFailure()) return;
    }
  }
}

TEST(AppendLogDamageTest, ATornNewestSegmentKeepsItsWholeRecordsAndNumbersHaveNoGap) {
  const std::string key = KeyAt(3);
  const std::string& bytes = Intact().at(key);
  for (size_t size = 0; size < bytes.size(); ++size) {
    SCOPED_TRACE(size);
    auto store = StoreOf(Intact());
    ASSERT_TRUE(store->Put(key, bytes.substr(0, size)).ok());
    const uint64_t whole =
        size < kSegmentHeaderBytes ? 0 : (size - kSegmentHeaderBytes) / (kFrameHeaderBytes + 9);
    const uint64_t last = 18 + whole;
    int errors = 0;
    EXPECT_EQ(CheckDamaged(*store, &errors), ExpectedRecords(1, last));
    EXPECT_EQ(errors, 0) << "a torn tail is no damage";
    const Records after = ReadAll(*OpenLog(*store));
    EXPECT_EQ(after.rbegin()->first, last + 1) << "numbers go on without a gap";
    if (HasFailure()) return;
  }
}

TEST(AppendLogDamageTest, ATornSegmentElsewhereIsDamage) {
  for (const size_t object : {0, 1, 2}) {
    const std::string key = KeyAt(object);
    const std::string& bytes = Intact().at(key);
    for (size_t size = 0; size < bytes.size(); ++size) {
      SCOPED_TRACE(StrCat(key, ", size ", size));
      auto store = StoreOf(Intact());
      ASSERT_TRUE(store->Put(key, bytes.substr(0, size)).ok());
      int errors = 0;
      const Records records = CheckDamaged(*store, &errors);
      EXPECT_EQ(errors, 1);
      EXPECT_GE(records.size(), kLast - (RangeAt(object).next - RangeAt(object).first));
      EXPECT_LT(records.size(), kLast);
      if (HasFailure()) return;
    }
  }
}

TEST(AppendLogDamageTest, BytesBehindTheRecordsCostNothing) {
  for (size_t object = 0; object < 4; ++object) {
    SCOPED_TRACE(object);
    auto store = StoreOf(Intact());
    ASSERT_TRUE(store->Put(KeyAt(object), Intact().at(KeyAt(object)) + "x").ok());
    EXPECT_EQ(CheckDamaged(*store), ExpectedRecords(1, kLast));
  }
}

TEST(AppendLogDamageTest, AMissingSegmentIsReportedOnce) {
  for (const size_t object : {1, 2}) {
    auto store = StoreOf(Intact());
    ASSERT_TRUE(store->Delete(KeyAt(object)).ok());
    int errors = 0;
    const Records records = CheckDamaged(*store, &errors);
    EXPECT_EQ(errors, 1);
    EXPECT_EQ(records.size(), kLast - 3);
  }
}

TEST(AppendLogDamageTest, SegmentsMayVanishAndSwapWhileTheLogIsOpen) {
  auto store = StoreOf(Intact());
  const auto log = OpenLog(*store);
  ASSERT_TRUE(store->Put(KeyAt(1), Intact().at(KeyAt(2))).ok());
  ASSERT_TRUE(store->Delete(KeyAt(2)).ok());
  Status status = Internal("");
  Records records;
  for (int i = 0; i < 4 && !status.ok(); ++i) status = ReadInto(*log, 1, records);
  EXPECT_TRUE(status.ok()) << status.ToString();
  Records expected = ExpectedRecords(1, kLast);
  for (uint64_t number = 13; number < 19; ++number) expected.erase(number);
  EXPECT_EQ(records, expected);
}

TEST(AppendLogDamageTest, EveryObjectMayBeGarbage) {
  for (const std::string garbage : {"", "x", "torn", "0123456789"}) {
    for (size_t object = 0; object < 4; ++object) {
      auto store = StoreOf(Intact());
      ASSERT_TRUE(store->Put(KeyAt(object), garbage).ok());
      EXPECT_GE(CheckDamaged(*store).size(), 8u);
    }
  }
  ObjectMap all = Intact();
  for (auto& [key, bytes] : all) bytes.assign(200, '\0');
  const auto store = StoreOf(all);
  const auto log = OpenLog(*store);
  EXPECT_EQ(ReadAll(*log), Records{});
  EXPECT_EQ(log->stats().quarantined_segments, 4u);
  EXPECT_GT(*log->AppendDurable("new"), kLast);
}

// The records before a merge come back when the merged segment is damaged and they still exist.
TEST(AppendLogDamageTest, ADamagedMergeIsMadeAgain) {
  FaultyStore store(NewMemoryStore());
  auto log = OpenLog(store);
  AppendSegments(*log, 8);
  store.AddFault({.call = StoreCall::kDeleteMany});
  EXPECT_FALSE(log->Compact().ok());
  store.ClearFaults();
  const std::string merged = LogKeys("trials").ForSegment({.first = 1, .last = 7, .merged = true});
  std::string bytes = *store.Get(merged);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(store.Put(merged, bytes).ok());
  log = OpenLog(store);
  EXPECT_EQ(log->Compact().code(), StatusCode::kInternal);
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 8));
  EXPECT_TRUE(log->Compact().ok());
  EXPECT_EQ(ReadAll(*OpenLog(store)), ExpectedRecords(1, 8));
  EXPECT_EQ(log->stats().segments, 2u);
}

// Its key would still claim the numbers that it lacks.
TEST(AppendLogDamageTest, ATornMergedSegmentAtTheEndDoesNotHideWhatFollows) {
  const std::string& bytes = Intact().at(KeyAt(0));
  const auto store = StoreOf({{KeyAt(0), bytes.substr(0, bytes.size() / 2)}});
  const auto log = OpenLog(*store);
  const Records found = ReadAll(*log);
  EXPECT_EQ(found, ExpectedRecords(1, found.size()));
  EXPECT_GT(found.size(), 3u);
  const auto number = log->AppendDurable("new");
  ASSERT_TRUE(number.ok());
  EXPECT_GT(*number, 12u);
  EXPECT_EQ(ReadAll(*OpenLog(*store)).at(*number), "new");
}

// Segments that are good by themselves and do not belong together show that somebody has meddled.
// Which of them is right cannot be told, so nothing is moved.
TEST(AppendLogDamageTest, SegmentsThatContradictEachOtherAreReportedEveryTime) {
  FaultyStore other(NewMemoryStore());
  const auto log = OpenLog(other);
  for (int i = 1; i <= 15; ++i) {
    ASSERT_TRUE(log->Append("forged " + std::to_string(i)).ok());
    const Status flushed = i % 3 == 0 ? log->Flush() : OkStatus();
    ASSERT_TRUE(flushed.ok());
  }
  auto store = StoreOf(Intact());
  ASSERT_TRUE(store->Put(KeyAt(1), *other.Get(KeyAt(1))).ok());
  const ObjectMap objects = Objects(*store);
  const auto meddled = OpenLog(*store);
  for (int i = 0; i < 3; ++i) {
    Records records;
    EXPECT_EQ(ReadInto(*meddled, 1, records).code(), StatusCode::kInternal);
    EXPECT_EQ(records, ExpectedRecords(1, 12));
  }
  EXPECT_EQ(meddled->Compact().code(), StatusCode::kInternal);
  EXPECT_EQ(Objects(*store), objects);
}

// Writes that are damaged on their way into storage, and acknowledged.
TEST(AppendLogDamageTest, NothingIsDeletedForAMergeThatWasNotStoredWell) {
  class DamagingStore : public FaultyStore {
   public:
    using FaultyStore::FaultyStore;
    bool damages = false;
    Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                           const PutCondition& condition) override {
      std::string stored(bytes);
      if (damages) stored[stored.size() / 2] ^= 1;
      return FaultyStore::Put(key, stored, condition);
    }
  };
  DamagingStore store(NewMemoryStore());
  auto log = OpenLog(store);
  AppendSegments(*log, 8);
  store.damages = true;
  EXPECT_FALSE(log->Compact().ok());
  store.damages = false;
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 8));
  EXPECT_EQ(store.calls(StoreCall::kDeleteMany), 0u);
  log = OpenLog(store);
  EXPECT_EQ(log->Compact().code(), StatusCode::kInternal) << "the damaged merge is moved away";
  EXPECT_TRUE(log->Compact().ok());
  EXPECT_EQ(ReadAll(*OpenLog(store)), ExpectedRecords(1, 8));
}

TEST(AppendLogDamageTest, DamageThatCannotBeMovedStaysWhereItIs) {
  auto store = StoreOf(Intact());
  std::string damaged = Intact().at(KeyAt(1));
  damaged[100] ^= 1;
  ASSERT_TRUE(store->Put(KeyAt(1), damaged).ok());
  const auto log = OpenLog(*store);
  for (const StoreCall call : {StoreCall::kPut, StoreCall::kDelete}) {
    store->AddFault({.call = call, .repeat = UINT64_MAX});
    for (int i = 0; i < 3; ++i) {
      Records records;
      EXPECT_EQ(ReadInto(*log, 1, records).code(), StatusCode::kInternal);
      EXPECT_EQ(*store->Get(KeyAt(1)), damaged);
    }
    store->ClearFaults();
  }
  CheckDamaged(*store);
}

// Damage that only one of two reads shows is not damage in storage.
TEST(AppendLogDamageTest, NothingIsMovedAwayBecauseOfABadRead) {
  class FlippingStore : public FaultyStore {
   public:
    using FaultyStore::FaultyStore;
    Result<std::string> Get(std::string_view key, ByteRange range) const override {
      ASSIGN_OR_RETURN(std::string bytes, FaultyStore::Get(key, range));
      if (++gets_ % 2 == 1) bytes[bytes.size() / 2] ^= 1;
      return bytes;
    }

   private:
    mutable int gets_ = 0;
  };
  const auto store = std::make_unique<FlippingStore>(StoreOf(Intact()));
  EXPECT_EQ(AppendLog::Open(*store, "trials", QuietOptions()).status().code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(store->calls(StoreCall::kPut), 0u);
  EXPECT_EQ(store->calls(StoreCall::kDelete), 0u);
}

TEST(AppendLogDamageTest, ForeignObjectsAreLeftAlone) {
  ObjectMap objects = Intact();
  objects["_journal/trials/notes.txt"] = "keep";
  objects["_journal/trials/damaged/notes.txt"] = "keep";
  objects["_journal/trials/00000000000000000099.log"] = std::string(kMaxSegmentBytes + 1, 'x');
  const auto store = StoreOf(objects);
  const auto log = OpenLog(*store);
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, kLast));
  AppendSegments(*log, 3);
  EXPECT_TRUE(log->Compact(1).ok());
  EXPECT_EQ(*store->Get("_journal/trials/notes.txt"), "keep");
  EXPECT_EQ(*store->Get("_journal/trials/damaged/notes.txt"), "keep");
}

}  // namespace

}  // namespace lakehouse::storage
