#include "storage/error_journal.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "storage/append_log_scenario.h"

namespace lakehouse::storage {

namespace {

constexpr int64_t kSecond = 1'000'000;

StorageError MakeError(int number) {
  return {.at = {1'000'000},
          .bucket = "s3:lake",
          .operation = "get",
          .key = StrCat("data/", number),
          .status = Unavailable("error ", number),
          .rescued_by = number % 2 == 0 ? "rescue" : ""};
}

class ErrorJournalTest : public ::testing::Test {
 protected:
  // Records errors that do not repeat each other.
  void RecordApart(ErrorJournal& journal, int count) {
    for (int i = 0; i < count; ++i) {
      clock_.AdvanceMicros(kSecond);
      journal.Record(MakeError(++recorded_));
    }
  }

  // The keys of a page, to compare with KeysOf.
  static std::vector<std::string> List(const ErrorJournal& journal, uint64_t before, size_t limit) {
    const auto errors = journal.List(before, limit);
    EXPECT_TRUE(errors.ok());
    std::vector<std::string> keys;
    uint64_t previous = before == 0 ? UINT64_MAX : before;
    for (const StorageError& error : *errors) {
      EXPECT_LT(error.number, previous);
      previous = error.number;
      keys.push_back(error.key);
    }
    return keys;
  }

  static std::vector<std::string> KeysOf(int newest, int oldest) {
    std::vector<std::string> keys;
    for (int number = newest; number >= oldest; --number) keys.push_back(StrCat("data/", number));
    return keys;
  }

  ManualClock clock_{{1'000'000'000}};
  HookedStore store_{NewMemoryStore()};
  int recorded_ = 0;
};

TEST_F(ErrorJournalTest, KeepsWhatItWasTold) {
  {
    ErrorJournal journal(store_, clock_);
    journal.Record(MakeError(7));
    StorageError second = MakeError(8);
    second.at = {2'000'000};
    second.key.clear();
    second.status = Internal("two");
    journal.Record(second);
    EXPECT_TRUE(journal.Flush().ok());
  }
  ErrorJournal journal(store_, clock_);
  const auto errors = journal.List(0, 10);
  ASSERT_TRUE(errors.ok());
  ASSERT_EQ(errors->size(), 2u);
  const StorageError& older = errors->at(1);
  EXPECT_EQ(older.number, 1u);
  EXPECT_EQ(older.at.micros, 1'000'000);
  EXPECT_EQ(older.bucket, "s3:lake");
  EXPECT_EQ(older.operation, "get");
  EXPECT_EQ(older.key, "data/7");
  EXPECT_EQ(older.status.ToString(), Unavailable("error 7").ToString());
  EXPECT_EQ(older.rescued_by, "");
  EXPECT_EQ(older.count, 1u);
  EXPECT_EQ(DumpJson(StorageErrorToJson(errors->at(0))),
            R"({"number":2,"at":"1970-01-01T00:00:02.000000Z","bucket":"s3:lake",)"
            R"("operation":"get","key":"","code":"internal","message":"two",)"
            R"("rescued_by":"rescue","count":1})");
}

TEST_F(ErrorJournalTest, KeepsEveryCodeAndAnyText) {
  std::string text(100'000, 'x');
  text[1] = '\xff';
  {
    ErrorJournal journal(store_, clock_);
    for (int code = 1; code <= static_cast<int>(StatusCode::kInternal); ++code) {
      StorageError error = MakeError(code);
      error.key = text;
      error.status = Status(static_cast<StatusCode>(code), text);
      journal.Record(error);
    }
  }
  ErrorJournal journal(store_, clock_);
  const auto errors = journal.List(0, 100);
  ASSERT_TRUE(errors.ok());
  ASSERT_EQ(errors->size(), static_cast<size_t>(StatusCode::kInternal));
  for (const StorageError& error : *errors) {
    EXPECT_EQ(static_cast<uint64_t>(error.status.code()), error.number);
    EXPECT_TRUE(IsValidUtf8(error.status.message()));
    EXPECT_LT(error.status.message().size(), 5000u);
  }
}

TEST_F(ErrorJournalTest, CountsWhatRepeatsWithinASecond) {
  ErrorJournal journal(store_, clock_);
  for (int i = 0; i < 5; ++i) journal.Record(MakeError(1));
  StorageError other = MakeError(1);
  other.operation = "put";
  journal.Record(other);
  other.operation = "get";
  other.bucket = "primary";
  journal.Record(other);
  other.bucket = "s3:lake";
  other.status = Internal("x");
  journal.Record(other);
  clock_.AdvanceMicros(kSecond - 1);
  journal.Record(MakeError(2));
  clock_.AdvanceMicros(1);
  journal.Record(MakeError(3));
  const auto errors = journal.List(0, 10);
  ASSERT_TRUE(errors.ok());
  std::vector<uint64_t> counts;
  for (const StorageError& error : *errors) counts.push_back(error.count);
  EXPECT_EQ(counts, (std::vector<uint64_t>{1, 1, 1, 1, 6}));
  EXPECT_TRUE(journal.Flush().ok());
  ErrorJournal later(store_, clock_);
  EXPECT_EQ(later.List(0, 10)->back().count, 6u);
}

TEST_F(ErrorJournalTest, ListsPagesAcrossWhatIsWrittenAndWhatIsNot) {
  ErrorJournal journal(store_, clock_);
  RecordApart(journal, 10);
  ASSERT_TRUE(journal.Flush().ok());
  RecordApart(journal, 10);
  for (int limit = 1; limit <= 21; ++limit) {
    uint64_t before = 0;
    std::vector<std::string> all;
    for (;;) {
      const auto page = journal.List(before, static_cast<size_t>(limit));
      ASSERT_TRUE(page.ok());
      if (page->empty()) break;
      EXPECT_LE(page->size(), static_cast<size_t>(limit));
      for (const StorageError& error : *page) all.push_back(error.key);
      before = page->back().number;
    }
    EXPECT_EQ(all, KeysOf(20, 1)) << limit;
  }
  EXPECT_TRUE(journal.List(0, 0)->empty());
  EXPECT_TRUE(journal.List(1, 5)->empty());
}

TEST_F(ErrorJournalTest, WritesByItself) {
  ErrorJournal journal(store_, Clock::System());
  journal.Record(MakeError(1));
  for (int i = 0; i < 30'000 && journal.stats().buffered_records > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(journal.stats().segments, 1u);
}

TEST_F(ErrorJournalTest, WritesAtItsEnd) {
  {
    ErrorJournal journal(store_, clock_);
    RecordApart(journal, 3);
  }
  EXPECT_EQ(List(ErrorJournal(store_, clock_), 0, 10), KeysOf(3, 1));
}

TEST_F(ErrorJournalTest, DoesNotTouchTheBucketWithoutAnError) {
  {
    ErrorJournal journal(store_, clock_);
    EXPECT_TRUE(journal.Flush().ok());
  }
  EXPECT_EQ(store_.calls(), 0u);
}

TEST_F(ErrorJournalTest, WaitsInMemoryWhileTheBucketCannotBeReached) {
  store_.AddFault({.repeat = UINT64_MAX});
  ErrorJournal journal(store_, clock_);
  RecordApart(journal, 12'000);
  EXPECT_EQ(journal.Flush().code(), StatusCode::kUnavailable);
  EXPECT_EQ(journal.Compact().code(), StatusCode::kUnavailable);
  EXPECT_EQ(journal.stats().buffered_records, 10'000u);
  EXPECT_EQ(List(journal, 0, 20'000), KeysOf(12'000, 2'001));
  store_.ClearFaults();
  EXPECT_TRUE(journal.Flush().ok());
  EXPECT_EQ(journal.stats().buffered_records, 0u);
  EXPECT_EQ(List(ErrorJournal(store_, clock_), 0, 20'000), KeysOf(12'000, 2'001));
}

TEST_F(ErrorJournalTest, CanBeReadAgainWhenTheBucketIsBack) {
  {
    ErrorJournal journal(store_, clock_);
    RecordApart(journal, 3);
  }
  store_.AddFault({.repeat = UINT64_MAX});
  ErrorJournal journal(store_, clock_);
  EXPECT_EQ(journal.List(0, 10).status().code(), StatusCode::kUnavailable);
  const uint64_t calls = store_.calls();
  EXPECT_EQ(journal.List(0, 10).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(store_.calls(), calls) << "it was not tried again at once";
  store_.ClearFaults();
  clock_.AdvanceMicros(10 * kSecond);
  EXPECT_EQ(List(journal, 0, 10), KeysOf(3, 1));
}

TEST_F(ErrorJournalTest, WaitsInMemoryWhenTheBucketGoesAway) {
  ErrorJournal journal(store_, clock_);
  RecordApart(journal, 5);
  ASSERT_TRUE(journal.Flush().ok());
  store_.AddFault({.repeat = UINT64_MAX});
  RecordApart(journal, 2'500);
  EXPECT_FALSE(journal.Flush().ok());
  RecordApart(journal, 15'000);
  EXPECT_FALSE(journal.Flush().ok());
  EXPECT_LE(journal.stats().buffered_records, 11'000u);
  EXPECT_EQ(List(journal, 0, 10'000), KeysOf(17'505, 7'506));
  EXPECT_GE(List(journal, 0, 30'000).size(), 10'000u) << "those in memory alone";
  store_.ClearFaults();
  ASSERT_TRUE(journal.Flush().ok());
  const auto all = List(ErrorJournal(store_, clock_), 0, 30'000);
  EXPECT_EQ(all, List(journal, 0, 30'000));
  EXPECT_EQ(all.back(), "data/1");
  EXPECT_GE(all.size(), 10'005u);
}

TEST_F(ErrorJournalTest, RecordingDoesNotWaitForStorage) {
  std::atomic<bool> open = false;
  store_.before_list = [&] {
    while (!open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  ErrorJournal journal(store_, clock_);
  RecordApart(journal, 1);
  std::thread flusher([&] { EXPECT_TRUE(journal.Flush().ok()); });
  while (store_.calls() == 0 && journal.stats().segments == 0 && recorded_ < 500) {
    RecordApart(journal, 1);
  }
  EXPECT_EQ(journal.stats().buffered_records, 500u);
  open = true;
  flusher.join();
  EXPECT_TRUE(journal.Flush().ok());
  EXPECT_EQ(List(journal, 0, 1000), KeysOf(500, 1));
}

TEST_F(ErrorJournalTest, EveryCallMayFail) {
  for (const StoreFault::Effect effect :
       {StoreFault::Effect::kBefore, StoreFault::Effect::kAfter, StoreFault::Effect::kShortRead}) {
    for (uint64_t ordinal = 1; ordinal <= 12; ++ordinal) {
      FaultyStore store(NewMemoryStore());
      store.AddFault({.ordinal = ordinal,
                      .effect = effect,
                      .status = CommitStateUnknown("an injected fault")});
      recorded_ = 0;
      {
        ErrorJournal journal(store, clock_);
        for (int round = 0; round < 3; ++round) {
          RecordApart(journal, 2);
          static_cast<void>(journal.Flush());
          const auto newest = journal.List(0, 1);
          if (!newest.ok()) continue;
          ASSERT_EQ(newest->size(), 1u);
          EXPECT_EQ(newest->at(0).key, StrCat("data/", recorded_));
        }
        store.ClearFaults();
        EXPECT_TRUE(journal.Flush().ok());
        EXPECT_EQ(List(journal, 0, 10), KeysOf(6, 1));
      }
      EXPECT_EQ(List(ErrorJournal(store, clock_), 0, 10), KeysOf(6, 1));
    }
  }
}

TEST_F(ErrorJournalTest, GoesOnBehindAnotherProcess) {
  ErrorJournal first(store_, clock_);
  RecordApart(first, 2);
  ASSERT_TRUE(first.Flush().ok());
  ErrorJournal second(store_, clock_);
  RecordApart(second, 2);
  ASSERT_TRUE(second.Flush().ok());
  RecordApart(first, 2);
  EXPECT_EQ(first.Flush().code(), StatusCode::kConflict);
  EXPECT_EQ(List(first, 0, 2), KeysOf(6, 5));
  EXPECT_TRUE(first.Flush().ok());
  EXPECT_EQ(List(first, 0, 10), KeysOf(6, 1));
}

TEST_F(ErrorJournalTest, ReadsBehindDamage) {
  ErrorJournal journal(store_, clock_);
  for (int i = 0; i < 3; ++i) {
    RecordApart(journal, 1);
    ASSERT_TRUE(journal.Flush().ok());
  }
  ASSERT_TRUE(store_.Put("_journal/storage-errors/00000000000000000002.log", "damaged").ok());
  EXPECT_EQ(List(ErrorJournal(store_, clock_), 0, 10),
            (std::vector<std::string>{"data/3", "data/1"}));
}

TEST_F(ErrorJournalTest, KeepsTheNewestHundredThousand) {
  ErrorJournal journal(store_, clock_);
  while (recorded_ < 153'000) {
    RecordApart(journal, 9'000);
    ASSERT_TRUE(journal.Flush().ok());
  }
  EXPECT_LT(journal.stats().records, 150'000u);
  EXPECT_GE(journal.stats().records, 100'000u);
  EXPECT_EQ(List(journal, 0, 3), KeysOf(153'000, 152'998));
  EXPECT_TRUE(journal.Compact().ok());
  EXPECT_LT(journal.stats().segments, 40u);
  EXPECT_GE(journal.stats().records, 100'000u);
}

}  // namespace

}  // namespace lakehouse::storage
