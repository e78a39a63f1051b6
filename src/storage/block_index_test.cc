#include "storage/block_index.h"

#include <iostream>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kBlocks = 64;

BlockId Id(uint64_t table, uint64_t number) {
  return {.bucket = 1, .key = {table, 0}, .version = {1, 1}, .number = number};
}

// A cache of blocks of one byte each, used as CachedBlocks uses the index.
class BlockIndexTest : public ::testing::Test {
 protected:
  // Reads one block; true when it was here.
  bool Read(const BlockId& id) {
    if (index_->Request(id)) return true;
    while (!index_->Reserve(1)) {
      const auto evicted = index_->Evict(1);
      EXPECT_EQ(evicted.size(), 1u);
      for (const auto& block : evicted) EXPECT_FALSE(index_->Contains(block.id));
      index_->Release(1);
    }
    index_->Insert({id, 1});
    return false;
  }

  // Reads blocks [0, count) of a table in order, each in `pieces`; returns how many were here.
  uint64_t Scan(uint64_t table, uint64_t count, int pieces = 1) {
    uint64_t hits = 0;
    for (uint64_t number = 0; number < count; ++number) {
      if (Read(Id(table, number))) ++hits;
      for (int piece = 1; piece < pieces; ++piece) EXPECT_TRUE(Read(Id(table, number)));
    }
    return hits;
  }

  std::unique_ptr<BlockIndex> index_ = std::make_unique<BlockIndex>(kBlocks, kBlocks);
};

TEST_F(BlockIndexTest, FirstInIsFirstOutWhenNothingIsUsedAgain) {
  Scan(1, kBlocks + 3);
  for (uint64_t number = 0; number < kBlocks + 3; ++number) {
    EXPECT_EQ(index_->Contains(Id(1, number)), number >= 3) << number;
  }
}

TEST_F(BlockIndexTest, WhatWasUsedLaterStaysLonger) {
  Scan(1, kBlocks);
  EXPECT_TRUE(Read(Id(1, 0)));
  Read(Id(2, 0));
  EXPECT_TRUE(index_->Contains(Id(1, 0)));
  EXPECT_FALSE(index_->Contains(Id(1, 1)));
}

TEST_F(BlockIndexTest, ALargeScanLeavesWhatIsUsedAgainAndAgain) {
  constexpr uint64_t kHot = kBlocks / 4;
  for (int round = 0; round < 3; ++round) Scan(1, kHot);
  Scan(2, 2 * kBlocks, 4);
  EXPECT_EQ(Scan(1, kHot), kHot);
}

TEST_F(BlockIndexTest, ATableLargerThanTheCacheKeepsMostOfItsShare) {
  for (const uint64_t size : {kBlocks * 5 / 4, kBlocks * 2, kBlocks * 3}) {
    for (const int pieces : {1, 5}) {
      index_ = std::make_unique<BlockIndex>(kBlocks, kBlocks);
      for (int round = 0; round < 3; ++round) Scan(size, size, pieces);
      for (int round = 0; round < 3; ++round) {
        EXPECT_GE(Scan(size, size, pieces), kBlocks * 3 / 4) << size << " in " << pieces;
      }
    }
  }
}

TEST_F(BlockIndexTest, FollowsTheReadersToAnotherTable) {
  for (int round = 0; round < 10; ++round) Scan(1, kBlocks);
  for (int round = 0; round < 3; ++round) Scan(2, kBlocks * 3 / 4);
  EXPECT_EQ(Scan(2, kBlocks * 3 / 4), kBlocks * 3 / 4);
}

TEST_F(BlockIndexTest, ATableThatIsReadOnceIsHereTheSecondTime) {
  Scan(1, kBlocks);
  Scan(2, kBlocks);
  EXPECT_EQ(Scan(2, kBlocks), kBlocks);
}

TEST_F(BlockIndexTest, ErasesRanges) {
  for (uint64_t key = 1; key <= 3; ++key) Scan(key, 10);
  const auto erased = index_->Erase({Id(2, 0), Id(2, UINT64_MAX)});
  EXPECT_EQ(erased.size(), 10u);
  EXPECT_EQ(index_->bytes(), 30u) << "room is free only once the files are gone";
  index_->Release(10);
  EXPECT_EQ(Scan(2, 10), 0u);
  EXPECT_EQ(Scan(1, 10), 10u);
  EXPECT_EQ(Scan(3, 10), 10u);
}

TEST_F(BlockIndexTest, NeverHoldsMoreThanTheCapacity) {
  const uint64_t seed = Rng::FromSystem().Next();
  std::cout << "seed " << seed << "\n";
  Rng rng(seed);
  constexpr uint64_t kCapacity = 1000;
  BlockIndex index(kCapacity, 20);
  std::map<BlockId, uint64_t> here;  // What the index must hold.
  for (int step = 0; step < 100'000; ++step) {
    const BlockId id = Id(rng.Below(3), rng.Below(60));
    const bool resident = index.Request(id);
    ASSERT_EQ(resident, here.contains(id));
    if (resident && rng.Below(50) == 0) {
      const auto erased = index.Erase({id, id});
      ASSERT_EQ(erased.size(), 1u);
      ASSERT_EQ(erased[0].bytes, here[id]);
      index.Release(erased[0].bytes);
      here.erase(id);
    }
    if (resident) continue;
    const uint64_t bytes = 1 + rng.Below(100);
    if (!index.Reserve(bytes)) {
      uint64_t left = 0;
      for (const auto& block : index.Evict(bytes)) {
        ASSERT_EQ(here.at(block.id), block.bytes);
        here.erase(block.id);
        left += block.bytes;
      }
      index.Release(left);
      ASSERT_TRUE(index.Reserve(bytes));
    }
    index.Insert({id, bytes});
    here[id] = bytes;
    uint64_t total = 0;
    for (const auto& [known, size] : here) total += size;
    ASSERT_EQ(index.bytes(), total);
    ASSERT_LE(total, kCapacity);
  }
}

}  // namespace

}  // namespace lakehouse::storage
