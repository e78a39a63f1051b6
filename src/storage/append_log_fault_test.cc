// What an append log does when its store fails: every call of a life in turn.
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/append_log_scenario.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

using Effect = StoreFault::Effect;

// What the callers of a log were told.
struct Life {
  Records acknowledged;  // Durable, as they were told.
  uint64_t appended = 0;
  uint64_t kept_from = 1;  // Older ones may have been dropped.

  // The records have numbers without a gap, hold what was acknowledged, and are what was appended.
  void Check(const Records& records) const {
    for (const auto& [number, record] : acknowledged) {
      if (number < kept_from) continue;
      const auto found = records.find(number);
      ASSERT_TRUE(found != records.end()) << number;
      EXPECT_EQ(found->second, record);
    }
    if (records.empty()) return;
    EXPECT_EQ(records.rbegin()->first - records.begin()->first + 1, records.size());
    uint64_t previous = 0;
    for (const auto& [number, record] : records) {
      ASSERT_EQ(record.rfind("attempt ", 0), 0u);
      const uint64_t attempt = std::stoull(record.substr(8));
      EXPECT_GT(attempt, previous) << "out of order or twice";
      EXPECT_LE(attempt, appended);
      previous = attempt;
    }
  }

  std::string NextRecord() { return StrCat("attempt ", ++appended); }

  void AppendDurably(AppendLog& log) {
    const std::string record = NextRecord();
    const auto number = log.AppendDurable(record);
    if (number.ok()) acknowledged[*number] = record;
  }

  void AppendAndFlush(AppendLog& log) {
    Records written;
    for (int i = 0; i < 3; ++i) {
      const std::string record = NextRecord();
      const auto number = log.Append(record);
      if (number.ok()) written[*number] = record;
    }
    if (log.Flush().ok()) acknowledged.merge(written);
  }

  void Compact(AppendLog& log, uint64_t keep) {
    if (keep > 0 && log.stats().last_number > keep) kept_from = log.stats().last_number - keep + 1;
    static_cast<void>(log.Compact(keep));
  }

  // Whatever the log then answers, nothing of it is an error of this test.
  std::unique_ptr<AppendLog> Open(ObjectStore& store) const {
    auto log = AppendLog::Open(store, "trials", QuietOptions());
    return log.ok() ? *std::move(log) : nullptr;
  }

  // Opens, writes, merges, drops, reads and opens again; returns the log that is open at the end.
  std::unique_ptr<AppendLog> Run(ObjectStore& store) {
    auto log = Open(store);
    if (log != nullptr) {
      for (int i = 0; i < 4; ++i) AppendDurably(*log);
      AppendAndFlush(*log);
      Compact(*log, 0);
      for (int i = 0; i < 3; ++i) AppendDurably(*log);
      Records seen;
      static_cast<void>(ReadInto(*log, 1, seen));
      CheckSeen(seen);
    }
    log.reset();
    log = Open(store);
    if (log == nullptr) return log;
    AppendAndFlush(*log);
    Compact(*log, 8);
    AppendDurably(*log);
    Compact(*log, 4);
    return log;
  }

 private:
  // A read that failed midway proves nothing about what it did not see.
  void CheckSeen(const Records& seen) const {
    for (const auto& [number, record] : seen) {
      const auto found = acknowledged.find(number);
      if (found == acknowledged.end()) continue;
      EXPECT_EQ(found->second, record);
    }
  }
};

class AppendLogFaultTest : public ::testing::Test {
 protected:
  static std::vector<StoreFault> Faults() {
    std::vector<StoreFault> faults;
    for (const Effect effect : {Effect::kBefore, Effect::kAfter, Effect::kShortRead}) {
      for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kCommitStateUnknown,
                                    StatusCode::kInternal, StatusCode::kResourceExhausted}) {
        if (effect == Effect::kShortRead && code != StatusCode::kUnavailable) continue;
        faults.push_back({.effect = effect, .status = Status(code, "an injected fault")});
      }
    }
    return faults;
  }

  // Runs a life with every call failing in turn; `dies` lets all later calls fail too.
  static void RunAll(StoreFault fault, bool dies,
                     const std::function<std::unique_ptr<ObjectStore>()>& make_store) {
    fault.repeat = dies ? UINT64_MAX : 1;
    bool fired = true;
    for (fault.ordinal = 1; fired && !HasFailure(); ++fault.ordinal) {
      SCOPED_TRACE(StrCat("call ", fault.ordinal, ", effect ", static_cast<int>(fault.effect), ", ",
                          fault.status.ToString(), dies ? ", for ever" : ""));
      FaultyStore store(make_store());
      store.AddFault(fault);
      Life life;
      auto log = life.Run(store);
      fired = store.calls() >= fault.ordinal;
      store.ClearFaults();
      if (log != nullptr && !dies) {
        EXPECT_TRUE(log->Flush().ok());
        life.Check(ReadAll(*log));
      }
      if (dies) store.AddFault({.repeat = UINT64_MAX});  // Also for what the destructor does.
      log.reset();
      store.ClearFaults();
      CheckRecovery(life, store);
    }
    EXPECT_GT(fault.ordinal, 40u);
  }

  static void CheckRecovery(Life& life, ObjectStore& store) {
    auto log = OpenLog(store);
    ASSERT_TRUE(log != nullptr);
    const Records records = ReadAll(*log);
    life.Check(records);
    EXPECT_EQ(ReadAll(*OpenLog(store)), records) << "a second restart changes nothing";
    EXPECT_EQ(log->stats().quarantined_segments, 0u) << "nothing was damaged";
    life.AppendDurably(*log);
    EXPECT_EQ(life.acknowledged.rbegin()->second, StrCat("attempt ", life.appended));
    EXPECT_TRUE(log->Compact().ok());
    life.Check(ReadAll(*OpenLog(store)));
    const auto objects = Objects(store);
    EXPECT_EQ(objects.size(), log->stats().segments) << "nothing superseded stays";
  }
};

TEST_F(AppendLogFaultTest, OneFailedCallLosesNothing) {
  for (const StoreFault& fault : Faults()) RunAll(fault, false, [] { return NewMemoryStore(); });
}

TEST_F(AppendLogFaultTest, AStoreThatDiesLosesNothing) {
  for (const StoreFault& fault : Faults()) {
    if (fault.effect == Effect::kShortRead) continue;
    RunAll(fault, true, [] { return NewMemoryStore(); });
  }
}

// A disk that is quick because it may lose what it says it keeps; here nothing does.
class UnsyncedOps : public FileOps {
 public:
  int Sync(int /*file_or_directory*/) override { return 0; }
};

TEST_F(AppendLogFaultTest, LosesNothingOnDiskEither) {
  testing::TempDir directory;
  UnsyncedOps ops;
  int buckets = 0;
  const auto make_store = [&] {
    return *OpenLocalStore(directory.Join(StrCat("bucket", ++buckets)), ops);
  };
  RunAll({.effect = Effect::kAfter, .status = CommitStateUnknown("an injected fault")}, true,
         make_store);
  RunAll({.effect = Effect::kBefore}, false, make_store);
}

// A compaction that is killed at any call leaves every record, and the next one tidies up.
TEST_F(AppendLogFaultTest, ACompactionMayBeKilledAtAnyCall) {
  for (const Effect effect : {Effect::kBefore, Effect::kAfter}) {
    for (const uint64_t keep : {uint64_t{0}, uint64_t{9}}) {
      bool fired = true;
      for (uint64_t ordinal = 1; fired || ordinal < 10; ++ordinal) {
        SCOPED_TRACE(StrCat("call ", ordinal, ", keep ", keep));
        FaultyStore store(NewMemoryStore());
        auto log = OpenLog(store);
        AppendSegments(*log, 12);
        ASSERT_TRUE(log->Compact().ok());
        AppendSegments(*log, 12);
        const uint64_t before = store.calls();
        store.AddFault({.ordinal = ordinal, .repeat = UINT64_MAX, .effect = effect});
        const Status status = log->Compact(keep);
        fired = store.calls() - before >= ordinal;
        EXPECT_EQ(status.ok(), !fired);
        store.ClearFaults();

        // The same process goes on, and another one after a restart.
        const uint64_t kept_from = keep == 0 ? 1 : 16;
        for (const bool restarts : {false, true}) {
          if (restarts) log = OpenLog(store);
          const Records records = ReadAll(*log);
          EXPECT_LE(records.begin()->first, kept_from);
          EXPECT_EQ(records, ExpectedRecords(records.begin()->first, 24));
        }
        EXPECT_TRUE(log->Compact(keep).ok());
        EXPECT_EQ(Objects(store).size(), log->stats().segments);
        EXPECT_EQ(log->stats().quarantined_segments, 0u);
        const Records records = ReadAll(*OpenLog(store));
        EXPECT_EQ(records, ExpectedRecords(records.begin()->first, 24));
      }
    }
  }
}

}  // namespace

}  // namespace lakehouse::storage
