// Random lives of an append log against a model that is a vector.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "storage/append_log_scenario.h"
#include "support/test_seed.h"

namespace lakehouse::storage {

namespace {

using Effect = StoreFault::Effect;

class RandomLife {
 public:
  explicit RandomLife(uint64_t seed)
      : rng_(seed), store_(NewMemoryStore()), log_(OpenLog(store_)) {}

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE(StrCat("step ", step));
      if (rng_.Below(4) == 0) Disturb();
      Step();
      store_.ClearFaults();
    }
    Restart(false);
    CheckAll();
  }

 private:
  // One of the next calls fails somehow.
  void Disturb() {
    StoreFault fault;
    fault.ordinal = 1 + rng_.Below(6);
    fault.repeat = 1 + rng_.Below(3);
    fault.effect = static_cast<Effect>(rng_.Below(3));
    static constexpr StatusCode kCodes[] = {StatusCode::kUnavailable,
                                            StatusCode::kCommitStateUnknown,
                                            StatusCode::kDeadlineExceeded, StatusCode::kInternal};
    fault.status = Status(kCodes[rng_.Below(std::size(kCodes))], "an injected fault");
    store_.AddFault(fault);
  }

  void Step() {
    switch (rng_.Below(12)) {
      case 0:
      case 1:
      case 2:
        return Append();
      case 3:
      case 4:
      case 5:
        return AppendDurably();
      case 6:
        return Flush();
      case 7:
        return Compact(0);
      case 8:
        return Compact(1 + rng_.Below(60));
      case 9:
        return Restart(false);
      case 10:
        return Restart(true);
      default:
        return CheckFrom(1 + rng_.Below(records_.size() + 2));
    }
  }

  std::string MakeRecord() {
    static constexpr size_t kSizes[] = {20, 300, 5'000, 200'000};
    const size_t size = 1 + rng_.Below(kSizes[rng_.Below(std::size(kSizes))]);
    std::string record(size, static_cast<char>(rng_.Next()));
    for (size_t i = 0; i < std::min<size_t>(size, 8); ++i) {
      record[i] = static_cast<char>(rng_.Next());
    }
    return record;
  }

  void Append() {
    std::string record = MakeRecord();
    const auto number = log_->Append(record);
    if (!number.ok()) {
      EXPECT_EQ(number.status().code(), StatusCode::kResourceExhausted);
      return;
    }
    records_.push_back(std::move(record));
    EXPECT_EQ(*number, records_.size());
  }

  void AppendDurably() {
    std::string record = MakeRecord();
    const uint64_t before = log_->stats().last_number;
    const auto number = log_->AppendDurable(record);
    if (log_->stats().last_number > before) records_.push_back(std::move(record));
    if (!number.ok()) return;
    EXPECT_EQ(*number, records_.size());
    durable_ = records_.size();
  }

  void Flush() {
    if (log_->Flush().ok()) durable_ = records_.size();
  }

  void Compact(uint64_t keep) {
    const AppendLogStats stats = log_->stats();
    const uint64_t stored = stats.last_number - stats.buffered_records;
    if (keep > 0 && stored > keep) kept_from_ = std::max(kept_from_, stored - keep + 1);
    static_cast<void>(log_->Compact(keep));
  }

  // A process that dies writes nothing at its end. What was not durable may be there or not.
  void Restart(bool dies) {
    if (dies) store_.AddFault({.call = StoreCall::kPut, .repeat = UINT64_MAX});
    log_.reset();
    store_.ClearFaults();
    log_ = OpenLog(store_);
    ASSERT_TRUE(log_ != nullptr);
    const uint64_t last = log_->stats().last_number;
    ASSERT_GE(last, durable_);
    ASSERT_LE(last, records_.size());
    records_.resize(last);
    durable_ = last;
    CheckAll();
  }

  void CheckFrom(uint64_t first) {
    Records found;
    const Status status = ReadInto(*log_, first, found);
    for (const auto& [number, record] : found) {
      ASSERT_GE(number, first);
      ASSERT_LE(number, records_.size());
      ASSERT_TRUE(record == records_[number - 1]) << number;
    }
    if (!status.ok()) return;
    const uint64_t start = std::max(first, kept_from_);
    for (uint64_t number = start; number <= records_.size(); ++number) {
      ASSERT_TRUE(found.contains(number)) << number;
    }
  }

  void CheckAll() {
    Records found;
    const Status status = ReadInto(*log_, 1, found);
    ASSERT_TRUE(status.ok()) << status.ToString();
    CheckFrom(1);
    EXPECT_EQ(log_->stats().quarantined_segments, 0u);
    if (found.empty()) return;
    ASSERT_EQ(found.rbegin()->first - found.begin()->first + 1, found.size());
    EXPECT_EQ(log_->stats().records, found.size());
  }

  Rng rng_;
  FaultyStore store_;
  std::unique_ptr<AppendLog> log_;
  std::vector<std::string> records_;  // Record n at n - 1.
  uint64_t durable_ = 0;              // Acknowledged.
  uint64_t kept_from_ = 1;            // Older ones may have been dropped.
};

TEST(AppendLogRandomTest, EqualsItsModel) {
  const uint64_t seed = testing::TestSeed();
  for (uint64_t run = 0; run < 12 && !HasFailure(); ++run) {
    SCOPED_TRACE(StrCat("run ", run));
    RandomLife(seed + run).Run(400);
  }
}

}  // namespace

}  // namespace lakehouse::storage
