#include "storage/append_log_index.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"

namespace lakehouse::storage {

namespace {

LogSegment Plain(uint64_t first, uint64_t size_bytes = 100) {
  return {.first = first, .last = 0, .merged = false, .size_bytes = size_bytes};
}

LogSegment Merged(uint64_t first, uint64_t last, uint64_t size_bytes = 100) {
  return {.first = first, .last = last, .merged = true, .size_bytes = size_bytes};
}

using Ranges = std::vector<std::pair<uint64_t, uint64_t>>;

Ranges RangesOf(const std::vector<LogSegment>& segments) {
  Ranges ranges;
  for (const LogSegment& segment : segments) ranges.emplace_back(segment.first, segment.last);
  return ranges;
}

TEST(AppendLogIndexTest, ConcludesWhereSegmentsEnd) {
  const SegmentIndex index = BuildIndex({Plain(7), Plain(1), Plain(4)}, {});
  EXPECT_EQ(RangesOf(index.live), (Ranges{{1, 3}, {4, 6}, {7, 0}}));
  EXPECT_TRUE(index.superseded.empty());
}

TEST(AppendLogIndexTest, KnownGapsEndSegmentsToo) {
  const SegmentIndex index =
      BuildIndex({Plain(1), Plain(4), Plain(20)}, {{10, 20}, {4, 4}, {8, 9}});
  EXPECT_EQ(RangesOf(index.live), (Ranges{{1, 3}, {4, 7}, {20, 0}}));
}

TEST(AppendLogIndexTest, MergedSegmentsReplaceWhatTheyCover) {
  const SegmentIndex index =
      BuildIndex({Plain(1), Plain(2), Merged(1, 6), Plain(4), Merged(2, 4), Plain(7)}, {});
  EXPECT_EQ(RangesOf(index.live), (Ranges{{1, 6}, {7, 0}}));
  EXPECT_EQ(index.superseded.size(), 4u);
}

TEST(AppendLogIndexTest, KeepsWhatReachesBeyondAMergedSegment) {
  const SegmentIndex index = BuildIndex({Merged(1, 7), Plain(5), Plain(10), Plain(12)}, {});
  EXPECT_EQ(RangesOf(index.live), (Ranges{{1, 7}, {5, 9}, {10, 11}, {12, 0}}));
}

TEST(AppendLogIndexTest, PutsTwoListingsTogether) {
  const std::vector<LogSegment> twice = {Plain(1), Merged(2, 3), Plain(4),
                                         Plain(1), Merged(2, 3), Plain(4)};
  EXPECT_EQ(RangesOf(BuildIndex(twice, {}).live), (Ranges{{1, 1}, {2, 3}, {4, 0}}));
}

TEST(AppendLogIndexTest, SupersedesWhatWasMerged) {
  SegmentIndex index = BuildIndex({Plain(1), Plain(2), Plain(3), Plain(4)}, {{9, 9}});
  index.next = 6;
  const SegmentIndex after = Supersede(index, Merged(2, 3));
  EXPECT_EQ(RangesOf(after.live), (Ranges{{1, 1}, {2, 3}, {4, 0}}));
  EXPECT_EQ(RangesOf(after.superseded), (Ranges{{2, 2}, {3, 3}}));
  EXPECT_EQ(after.next, 6u);
  EXPECT_EQ(after.damaged.size(), 1u);
}

TEST(AppendLogIndexTest, ExplainsWhatDamagedRangesCover) {
  const std::vector<NumberRange> damaged = {{5, 8}, {1, 3}, {8, 10}, {20, 20}};
  EXPECT_TRUE(Explains(damaged, {5, 10}));
  EXPECT_TRUE(Explains(damaged, {6, 9}));
  EXPECT_TRUE(Explains(damaged, {4, 4}));
  EXPECT_FALSE(Explains(damaged, {4, 10}));
  EXPECT_FALSE(Explains(damaged, {5, 11}));
  EXPECT_FALSE(Explains(damaged, {20, 21}));
}

std::vector<LogSegment> LiveOf(const std::vector<uint64_t>& sizes) {
  std::vector<LogSegment> live;
  for (const uint64_t size : sizes) {
    const uint64_t number = live.size() + 1;
    live.push_back({.first = number, .last = number, .merged = false, .size_bytes = size});
  }
  return live;
}

std::vector<std::pair<size_t, size_t>> PlanFor(const std::vector<uint64_t>& sizes) {
  std::vector<std::pair<size_t, size_t>> plan;
  for (const SegmentRun& run : PlanMerges(LiveOf(sizes))) plan.emplace_back(run.begin, run.end);
  return plan;
}

TEST(AppendLogIndexTest, PlansMergesOfSmallNeighbours) {
  using Plan = std::vector<std::pair<size_t, size_t>>;
  EXPECT_EQ(PlanFor({}), Plan{});
  EXPECT_EQ(PlanFor({1}), Plan{});
  EXPECT_EQ(PlanFor({1, 1}), Plan{});
  EXPECT_EQ(PlanFor({1, 1, 1}), (Plan{{0, 2}}));
  EXPECT_EQ(PlanFor({9, 1, 1, 1}), (Plan{{1, 3}}));
  EXPECT_EQ(PlanFor({3, 2, 1, 1}), (Plan{{0, 3}}));
  EXPECT_EQ(PlanFor({kMaxSegmentBytes, 1, 1, kMaxSegmentBytes, 5, 5, 1}), (Plan{{1, 3}, {4, 6}}));
  std::vector<LogSegment> apart = LiveOf({1, 1, 1, 1, 1});
  apart[2].first = apart[2].last = 30;
  apart[3].first = apart[3].last = 31;
  apart[4].first = apart[4].last = 32;
  const std::vector<SegmentRun> runs = PlanMerges(apart);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].end, 2u);
  EXPECT_EQ(runs[1].begin, 2u);
}

// Appends a small segment and merges, again and again, as the log does in the background.
TEST(AppendLogIndexTest, FewSegmentsStayAndFewBytesAreCopied) {
  constexpr uint64_t kSmall = 500;
  constexpr int kSegments = 100'000;
  std::vector<LogSegment> live;
  uint64_t copied = 0;
  for (int i = 1; i <= kSegments; ++i) {
    const auto number = static_cast<uint64_t>(i);
    live.push_back({.first = number, .last = number, .merged = false, .size_bytes = kSmall});
    if (i % 64 != 0) continue;
    SegmentIndex index;
    index.live = live;
    for (const SegmentRun& run : PlanMerges(live)) {
      LogSegment merged = Merged(live[run.begin].first, live[run.end - 1].last, 0);
      for (size_t k = run.begin; k < run.end; ++k) merged.size_bytes += live[k].size_bytes;
      ASSERT_LE(merged.size_bytes, kMaxSegmentBytes);
      copied += merged.size_bytes;
      index = Supersede(index, merged);
    }
    live = index.live;
  }
  EXPECT_LE(live.size(), kSegments * kSmall / (kMaxSegmentBytes / 2) + 64 + 8);
  EXPECT_LE(copied, 10 * kSegments * kSmall);
}

TEST(AppendLogIndexTest, RandomIndexesCoverEveryRecordThatWasListed) {
  Rng rng(testing::TestSeed());
  for (int round = 0; round < 2000; ++round) {
    std::vector<LogSegment> all;
    uint64_t next = 1;
    for (uint64_t i = 0, count = 1 + rng.Below(12); i < count; ++i) {
      all.push_back(Plain(next));
      next += 1 + rng.Below(3);
    }
    std::vector<LogSegment> listed = all;
    for (int merges = 0; merges < 4; ++merges) {
      const size_t begin = rng.Below(all.size());
      const size_t end = begin + 1 + rng.Below(all.size() - begin);
      const uint64_t last = end < all.size() ? all[end].first - 1 : next - 1;
      listed.push_back(Merged(all[begin].first, last));
    }
    const SegmentIndex index = BuildIndex(listed, {});
    uint64_t covered = 0;
    for (const LogSegment& segment : index.live) {
      ASSERT_LE(segment.first, covered + 1);
      ASSERT_TRUE(segment.last == 0 || segment.last > covered);
      covered = segment.last == 0 ? next - 1 : segment.last;
    }
    ASSERT_EQ(covered, next - 1);
  }
}

}  // namespace

}  // namespace lakehouse::storage
