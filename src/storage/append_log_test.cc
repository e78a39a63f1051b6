#include "storage/append_log.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/append_log_scenario.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

using Effect = StoreFault::Effect;

// Waits for what another thread is about to do.
template <typename Condition>
bool Eventually(const Condition& condition) {
  for (int i = 0; i < 30'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

// Runs on memory, and on disk when the parameter is true.
class AppendLogTest : public ::testing::TestWithParam<bool> {
 protected:
  AppendLogTest()
      : owned_(std::make_unique<HookedStore>(GetParam() ? *OpenLocalStore(directory_.Join("bucket"))
                                                        : NewMemoryStore())),
        store_(*owned_) {}

  size_t ObjectCount() const { return Objects(store_).size(); }

  testing::TempDir directory_;
  std::unique_ptr<HookedStore> owned_;
  HookedStore& store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, AppendLogTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Local" : "Memory"; });

TEST_P(AppendLogTest, NumbersRecordsFromOneAndGoesOnWhenOpenedAgain) {
  {
    const auto log = OpenLog(store_);
    EXPECT_EQ(ReadAll(*log), Records{});
    EXPECT_EQ(*log->AppendDurable("record 1"), 1u);
    EXPECT_EQ(*log->Append("record 2"), 2u);
    EXPECT_EQ(*log->Append("record 3"), 3u);
    EXPECT_TRUE(log->Flush().ok());
    EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 3));
  }
  const auto log = OpenLog(store_);
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 3));
  EXPECT_EQ(*log->AppendDurable("record 4"), 4u);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 4));
}

TEST_P(AppendLogTest, OpeningAndReadingWriteNothing) {
  {
    const auto log = OpenLog(store_);
    ReadAll(*log);
    EXPECT_TRUE(log->Flush().ok());
    EXPECT_TRUE(log->Compact().ok());
    EXPECT_TRUE(log->Compact(1).ok());
  }
  EXPECT_EQ(ObjectCount(), 0u);
}

TEST_P(AppendLogTest, ReadsAnyBytes) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<char>(i));
  const auto log = OpenLog(store_);
  ASSERT_TRUE(log->Append(bytes).ok());
  ASSERT_TRUE(log->AppendDurable(std::string(1, '\0')).ok());
  EXPECT_EQ(ReadAll(*OpenLog(store_)), (Records{{1, bytes}, {2, std::string(1, '\0')}}));
}

TEST_P(AppendLogTest, ReadsFromAnyNumberAlsoWhatIsBuffered) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 3);
  for (int i = 4; i <= 6; ++i) ASSERT_TRUE(log->Append(StrCat("record ", i)).ok());
  EXPECT_EQ(ReadAll(*log, 0), ExpectedRecords(1, 6));
  for (uint64_t first = 1; first <= 8; ++first) {
    EXPECT_EQ(ReadAll(*log, first), ExpectedRecords(first, 6)) << first;
  }
  EXPECT_EQ(ObjectCount(), 3u);
}

TEST_P(AppendLogTest, StopsReadingAtTheVisitorsError) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 3);
  ASSERT_TRUE(log->Append("record 4").ok());
  for (uint64_t last = 1; last <= 4; ++last) {
    uint64_t seen = 0;
    const Status status = log->Read(1, [&](uint64_t number, std::string_view) {
      seen = number;
      return number == last ? NotFound("enough") : OkStatus();
    });
    EXPECT_EQ(status.code(), StatusCode::kNotFound);
    EXPECT_EQ(seen, last);
  }
}

TEST_P(AppendLogTest, AVisitorMayUseTheLog) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 3);
  uint64_t seen = 0;
  const Status status = log->Read(1, [&](uint64_t number, std::string_view) {
    seen = number;
    EXPECT_TRUE(log->AppendDurable("more").ok());
    EXPECT_FALSE(ReadAll(*log).empty());
    return log->Compact();
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(seen, 3u);
}

TEST_P(AppendLogTest, RefusesRecordsOfImpossibleSize) {
  const auto log = OpenLog(store_);
  EXPECT_EQ(log->Append("").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(log->AppendDurable(std::string(kMaxRecordBytes + 1, 'x')).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(*log->AppendDurable(std::string(kMaxRecordBytes, 'x')), 1u);
}

TEST_P(AppendLogTest, SplitsWhatIsTooLargeForOneSegment) {
  const auto log = OpenLog(store_);
  Records expected;
  for (uint64_t number = 1; number <= 7; ++number) {
    expected[number] = std::string(kMaxRecordBytes - number, static_cast<char>('a' + number));
    ASSERT_EQ(*log->Append(expected[number]), number);
  }
  EXPECT_EQ(ReadAll(*log), expected);
  EXPECT_TRUE(log->Flush().ok());
  EXPECT_EQ(log->stats().segments, 3u);
  for (const auto& [key, bytes] : Objects(store_)) EXPECT_LE(bytes.size(), kMaxSegmentBytes);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), expected);
}

TEST_P(AppendLogTest, WritesByItselfWhenTheBufferIsLarge) {
  AppendLogOptions options = QuietOptions();
  options.flush_bytes = 200;
  const auto log = OpenLog(store_, options);
  ASSERT_TRUE(log->Append("record 1").ok());
  EXPECT_EQ(ObjectCount(), 0u);
  ASSERT_TRUE(log->Append(std::string(200, 'x')).ok());
  EXPECT_TRUE(Eventually([&] { return log->stats().buffered_records == 0; }));
  EXPECT_EQ(ObjectCount(), 1u);
}

TEST_P(AppendLogTest, WritesByItselfAfterTheInterval) {
  AppendLogOptions options = QuietOptions();
  options.flush_interval_ms = 5;
  const auto log = OpenLog(store_, options);
  for (uint64_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(log->Append(StrCat("record ", round)).ok());
    EXPECT_TRUE(Eventually([&] { return log->stats().buffered_records == 0; }));
  }
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 3));
}

TEST_P(AppendLogTest, TriesAgainByItself) {
  ManualClock clock;
  AppendLogOptions options = QuietOptions();
  options.flush_interval_ms = 5;
  options.clock = &clock;
  const auto log = OpenLog(store_, options);
  store_.AddFault({.call = StoreCall::kPut});
  ASSERT_TRUE(log->Append("record 1").ok());
  EXPECT_TRUE(Eventually([&] {
    clock.AdvanceMicros(10'000);
    return log->stats().buffered_records == 0;
  }));
  EXPECT_EQ(store_.calls(StoreCall::kPut), 2u);
}

TEST_P(AppendLogTest, WritesWhatIsBufferedAtTheEnd) {
  ASSERT_TRUE(OpenLog(store_)->Append("record 1").ok());
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 1));
}

TEST_P(AppendLogTest, TriesOnceAtTheEnd) {
  auto log = OpenLog(store_);
  ASSERT_TRUE(log->Append("record 1").ok());
  store_.AddFault({.call = StoreCall::kPut, .repeat = UINT64_MAX});
  log.reset();
  EXPECT_EQ(store_.calls(StoreCall::kPut), 1u);
}

TEST_P(AppendLogTest, ConcurrentCallersShareWrites) {
  constexpr int kCallers = 16;
  std::atomic<bool> open = false;
  store_.before_put = [&] { ASSERT_TRUE(Eventually([&] { return open.load(); })); };
  const auto log = OpenLog(store_);
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(log->AppendDurable("x").ok()); });
  }
  EXPECT_TRUE(Eventually([&] { return log->stats().buffered_records == kCallers; }));
  open = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_LE(store_.calls(StoreCall::kPut), 2u);
  EXPECT_EQ(ReadAll(*OpenLog(store_)).size(), kCallers);
}

TEST_P(AppendLogTest, AllWaitingCallersLearnOfAFailure) {
  constexpr int kCallers = 8;
  std::atomic<bool> open = false;
  store_.before_put = [&] { ASSERT_TRUE(Eventually([&] { return open.load(); })); };
  store_.AddFault({.call = StoreCall::kPut, .repeat = UINT64_MAX});
  const auto log = OpenLog(store_);
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back(
        [&] { EXPECT_EQ(log->AppendDurable("x").status().code(), StatusCode::kUnavailable); });
  }
  EXPECT_TRUE(Eventually([&] { return log->stats().buffered_records == kCallers; }));
  open = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_LE(store_.calls(StoreCall::kPut), 2u);
  store_.ClearFaults();
  EXPECT_TRUE(log->Flush().ok());
  EXPECT_EQ(ReadAll(*OpenLog(store_)).size(), kCallers);
}

TEST_P(AppendLogTest, TheBufferIsBounded) {
  AppendLogOptions options = QuietOptions();
  options.max_buffered_bytes = 1000;
  const auto log = OpenLog(store_, options);
  store_.AddFault({.call = StoreCall::kPut, .repeat = UINT64_MAX});
  Status status;
  uint64_t last = 0;
  while (status.ok() && last < 100) {
    const auto number = log->Append(StrCat("record ", last + 1));
    status = number.status();
    if (number.ok()) last = *number;
  }
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(last, 20u);
  EXPECT_EQ(log->AppendDurable("x").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, last));
  store_.ClearFaults();
  EXPECT_EQ(*log->AppendDurable(StrCat("record ", last + 1)), last + 1);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, last + 1));
  EXPECT_TRUE(log->Append(std::string(5000, 'x')).ok()) << "one record always fits";
}

TEST_P(AppendLogTest, AFailedRecordStaysForALaterFlush) {
  const auto log = OpenLog(store_);
  for (const StatusCode code :
       {StatusCode::kUnavailable, StatusCode::kResourceExhausted, StatusCode::kInternal,
        StatusCode::kPermissionDenied, StatusCode::kDeadlineExceeded}) {
    store_.AddFault({.call = StoreCall::kPut, .status = Status(code, "an injected fault")});
    const uint64_t number = log->stats().last_number + 1;
    EXPECT_EQ(log->AppendDurable(StrCat("record ", number)).status().code(), code);
    EXPECT_EQ(log->stats().buffered_records, 1u);
    EXPECT_TRUE(log->Flush().ok());
  }
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 5));
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 5));
}

TEST_P(AppendLogTest, SettlesALostAnswerByReadingBack) {
  const auto log = OpenLog(store_);
  store_.AddFault(
      {.call = StoreCall::kPut, .effect = Effect::kAfter, .status = CommitStateUnknown("lost")});
  EXPECT_EQ(*log->AppendDurable("record 1"), 1u);
  store_.ClearFaults();
  store_.AddFault({.call = StoreCall::kPut, .status = CommitStateUnknown("lost")});
  EXPECT_EQ(log->AppendDurable("record 2").status().code(), StatusCode::kUnavailable);
  store_.ClearFaults();
  store_.AddFault(
      {.call = StoreCall::kPut, .effect = Effect::kAfter, .status = CommitStateUnknown("lost")});
  store_.AddFault({.call = StoreCall::kGet});
  EXPECT_EQ(log->AppendDurable("record 3").status().code(), StatusCode::kCommitStateUnknown);
  EXPECT_EQ(*log->AppendDurable("record 4"), 4u);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 4));
}

TEST_P(AppendLogTest, ABadAnswerDoesNotLookLikeAnotherWriter) {
  const auto log = OpenLog(store_);
  store_.AddFault({.call = StoreCall::kPut, .effect = Effect::kAfter});
  store_.AddFault({.call = StoreCall::kGet, .effect = Effect::kShortRead});
  EXPECT_FALSE(log->AppendDurable("record 1").ok());
  EXPECT_EQ(log->Flush().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(log->Flush().ok());
  EXPECT_EQ(*log->AppendDurable("record 2"), 2u);
}

TEST_P(AppendLogTest, ASecondWriterLosesTheRace) {
  const auto first = OpenLog(store_);
  AppendSegments(*first, 2);
  const auto second = OpenLog(store_);
  AppendSegments(*first, 1);
  EXPECT_EQ(second->AppendDurable("lost").status().code(), StatusCode::kConflict);
  EXPECT_EQ(second->Append("x").status().code(), StatusCode::kConflict);
  EXPECT_EQ(second->AppendDurable("x").status().code(), StatusCode::kConflict);
  EXPECT_EQ(second->Flush().code(), StatusCode::kConflict);
  EXPECT_EQ(second->Compact().code(), StatusCode::kConflict);
  AppendSegments(*first, 1);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 4));
}

TEST_P(AppendLogTest, ASecondWriterLosesTheRaceWithTheSameRecords) {
  const auto first = OpenLog(store_);
  const auto second = OpenLog(store_);
  EXPECT_TRUE(first->AppendDurable("equal").ok());
  EXPECT_EQ(second->AppendDurable("equal").status().code(), StatusCode::kConflict);
}

TEST_P(AppendLogTest, AnOvertakenWriterCannotWriteWhereAMergeMadeRoom) {
  const auto late = OpenLog(store_);
  AppendSegments(*late, 3);
  const auto log = OpenLog(store_);
  AppendSegments(*log, 9);
  ASSERT_TRUE(log->Compact().ok());
  ASSERT_EQ(store_.Head(LogKeys("trials").ForSegment({.first = 4})).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(late->AppendDurable("late").status().code(), StatusCode::kConflict);
  EXPECT_EQ(late->AppendDurable("late").status().code(), StatusCode::kConflict);
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 12));
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 12));
  EXPECT_EQ(ObjectCount(), 2u);
}

TEST_P(AppendLogTest, AnOvertakenWriterCannotWriteWhereOldRecordsWereDropped) {
  const auto late = OpenLog(store_);
  AppendSegments(*late, 3);
  const auto log = OpenLog(store_);
  AppendSegments(*log, 9);
  ASSERT_TRUE(log->Compact(2).ok());
  EXPECT_EQ(late->AppendDurable("late").status().code(), StatusCode::kConflict);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(11, 12));
}

TEST_P(AppendLogTest, AWriterWhoseRecordWasContinuedLearnsThatItIsThere) {
  const auto first = OpenLog(store_);
  std::unique_ptr<AppendLog> second;
  bool is_first_list = true;
  store_.before_list = [&] {
    if (!std::exchange(is_first_list, false)) return;
    second = OpenLog(store_);
    EXPECT_EQ(*second->AppendDurable("record 2"), 2u);
  };
  EXPECT_EQ(*first->AppendDurable("record 1"), 1u);
  EXPECT_EQ(first->AppendDurable("lost").status().code(), StatusCode::kConflict);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 2));
}

TEST_P(AppendLogTest, TellsWhatItIs) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 3);
  ASSERT_TRUE(log->Append("x").ok());
  const AppendLogStats stats = log->stats();
  EXPECT_EQ(stats.records, 4u);
  EXPECT_EQ(stats.last_number, 4u);
  EXPECT_EQ(stats.segments, 3u);
  EXPECT_EQ(stats.buffered_records, 1u);
  EXPECT_EQ(stats.quarantined_segments, 0u);
  uint64_t bytes = 0;
  for (const auto& [key, object] : Objects(store_)) bytes += object.size();
  EXPECT_EQ(stats.bytes, bytes);
}

TEST_P(AppendLogTest, MergesSegmentsButNotTheNewest) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 10);
  const auto before = Objects(store_);
  EXPECT_TRUE(log->Compact().ok());
  const auto after = Objects(store_);
  EXPECT_EQ(after.size(), 2u);
  EXPECT_TRUE(
      after.contains(LogKeys("trials").ForSegment({.first = 1, .last = 9, .merged = true})));
  EXPECT_EQ(*after.rbegin(), *before.rbegin());
  EXPECT_EQ(log->stats().segments, 2u);
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 10));
  EXPECT_EQ(ReadAll(*log, 5), ExpectedRecords(5, 10));
  AppendSegments(*log, 10);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 20));
  EXPECT_TRUE(log->Compact().ok());
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 20));
  EXPECT_EQ(ObjectCount(), 2u);
}

TEST_P(AppendLogTest, CompactingTwiceWritesOnce) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 10);
  ASSERT_TRUE(log->Compact(5).ok());
  const auto once = Objects(store_);
  EXPECT_TRUE(log->Compact(5).ok());
  EXPECT_TRUE(OpenLog(store_)->Compact(5).ok());
  EXPECT_EQ(Objects(store_), once);
}

TEST_P(AppendLogTest, DropsWholeOldSegments) {
  const auto log = OpenLog(store_);
  for (int segment = 0; segment < 5; ++segment) {
    for (int i = 1; i <= 4; ++i) ASSERT_TRUE(log->Append(StrCat("record ", 4 * segment + i)).ok());
    ASSERT_TRUE(log->Flush().ok());
  }
  EXPECT_TRUE(log->Compact(20).ok());
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 20));
  AppendSegments(*log, 1);
  EXPECT_TRUE(log->Compact(6).ok());
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 21)) << "record 16 is in the merged segment";
  EXPECT_TRUE(log->Compact(5).ok());
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(17, 21));
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(17, 21));
  EXPECT_EQ(log->stats().records, 5u);
  EXPECT_EQ(*log->AppendDurable("record 22"), 22u);
}

TEST_P(AppendLogTest, MergesInTheBackground) {
  AppendLogOptions options = QuietOptions();
  options.merge_after_segments = 8;
  const auto log = OpenLog(store_, options);
  AppendSegments(*log, 100);
  EXPECT_TRUE(Eventually([&] { return log->stats().segments < 16; }));
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 100));
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 100));
}

TEST_P(AppendLogTest, ACompactionDuringAWriteLeavesTheNewSegmentToItsWriter) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 1);
  bool is_first_list = true;
  store_.before_list = [&] {  // The segment is stored, and its writer is not told yet.
    if (!std::exchange(is_first_list, false)) return;
    EXPECT_TRUE(log->Compact().ok());
  };
  AppendSegments(*log, 1);
  EXPECT_EQ(log->stats().segments, ObjectCount());
  AppendSegments(*log, 1);
  EXPECT_TRUE(log->Compact().ok());
  EXPECT_EQ(log->stats().segments, ObjectCount());
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, 3));
}

TEST_P(AppendLogTest, AReaderGoesOnWhenItsSegmentsAreMerged) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 10);
  const auto other = OpenLog(store_);
  for (const AppendLog* reader : {log.get(), other.get()}) {
    Records records;
    const Status status = reader->Read(1, [&](uint64_t number, std::string_view record) {
      records[number] = std::string(record);
      return number == 4 ? log->Compact() : OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(records, ExpectedRecords(1, 10));
  }
  EXPECT_EQ(ObjectCount(), 2u);
  EXPECT_EQ(ReadAll(*other), ExpectedRecords(1, 10)) << "its index is old";
  EXPECT_EQ(log->stats().quarantined_segments, 0u);
}

TEST_P(AppendLogTest, AReaderGoesOnWhenItsSegmentsAreDropped) {
  const auto log = OpenLog(store_);
  AppendSegments(*log, 10);
  const auto other = OpenLog(store_);
  for (const AppendLog* reader : {log.get(), other.get()}) {
    Records records;
    const Status status = reader->Read(1, [&](uint64_t number, std::string_view record) {
      records[number] = std::string(record);
      return records.size() == 1 ? log->Compact(4) : OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    for (uint64_t number = 7; number <= 10; ++number) EXPECT_TRUE(records.contains(number));
  }
  EXPECT_EQ(log->stats().quarantined_segments, 0u);
}

TEST_P(AppendLogTest, ReadersAndWritersAndCompactionsGoTogether) {
  constexpr int kWriters = 4;
  constexpr uint64_t kEach = 100;
  AppendLogOptions options;
  options.flush_bytes = 500;
  options.flush_interval_ms = 1;
  options.merge_after_segments = 7;
  const auto log = OpenLog(store_, options);
  std::atomic<int> writing = kWriters;
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      for (uint64_t i = 0; i < kEach; ++i) {
        const std::string record = StrCat(writer, ":", i);
        const auto number = i % 3 == 0 ? log->AppendDurable(record) : log->Append(record);
        EXPECT_TRUE(number.ok()) << number.status().ToString();
      }
      --writing;
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&, reader] {
      while (writing > 0) {
        const uint64_t durable = log->stats().last_number;
        const Records records = ReadAll(*log, reader == 0 ? 1 : durable / 2 + 1);
        if (records.empty()) continue;
        EXPECT_GE(records.rbegin()->first, durable);
        EXPECT_EQ(records.rbegin()->first - records.begin()->first + 1, records.size());
      }
    });
  }
  threads.emplace_back([&] {
    while (writing > 0) EXPECT_TRUE(log->Compact().ok());
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(log->Flush().ok());
  const Records records = ReadAll(*log);
  EXPECT_EQ(records.size(), kWriters * kEach);
  EXPECT_EQ(records, ReadAll(*OpenLog(store_)));
  std::vector<uint64_t> next(kWriters, 0);
  for (const auto& [number, record] : records) {
    const auto writer = static_cast<size_t>(record[0] - '0');
    EXPECT_EQ(record, StrCat(writer, ":", next[writer]++)) << "out of order";
  }
}

TEST_P(AppendLogTest, LogsDoNotMix) {
  const auto log = OpenLog(store_);
  const auto other = AppendLog::Open(store_, "trials-2", QuietOptions());
  ASSERT_TRUE(other.ok());
  AppendSegments(*log, 2);
  EXPECT_EQ(*(*other)->AppendDurable("x"), 1u);
  EXPECT_EQ(ReadAll(*OpenLog(store_)), ExpectedRecords(1, 2));
}

TEST_P(AppendLogTest, TakesNoSegmentOfAnotherLog) {
  AppendSegments(*OpenLog(store_), 1);
  const auto [key, bytes] = *Objects(store_).begin();
  ASSERT_TRUE(store_.Put("_journal/audit/" + key.substr(key.rfind('/') + 1), bytes).ok());
  const auto audit = AppendLog::Open(store_, "audit", QuietOptions());
  ASSERT_TRUE(audit.ok());
  EXPECT_EQ(ReadAll(**audit), Records{});
  EXPECT_EQ((*audit)->stats().quarantined_segments, 1u);
}

}  // namespace

}  // namespace lakehouse::storage
