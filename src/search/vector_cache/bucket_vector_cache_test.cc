#include "search/vector_cache/bucket_vector_cache.h"

#include <algorithm>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/rng.h"
#include "storage/faulty_store.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::search {
namespace {

using storage::StoreCall;
using storage::StoreFault;

const std::string kSpace = Sha256Hex("a space");
constexpr size_t kDimensions = 16;
constexpr uint64_t kMebibyte = 1 << 20;

// The one vector that belongs to a text in a space.
std::vector<float> VectorOf(const std::string& space, const std::string& text) {
  Rng rng(Crc32c(space + text));
  std::vector<float> vector;
  for (size_t i = 0; i < kDimensions; ++i) vector.push_back(static_cast<float>(rng.NextDouble()));
  return vector;
}

class BucketVectorCacheTest : public ::testing::Test {
 protected:
  BucketVectorCacheOptions Options() {
    return {.store = &store_,
            .memory_bytes = 0,
            .disk_bytes = 64 * kMebibyte,
            .metrics = &metrics_,
            .clock = &clock_};
  }
  std::unique_ptr<BucketVectorCache> Open() { return BucketVectorCache::Open(Options()); }

  static void Put(BucketVectorCache& cache, const std::vector<std::string>& texts,
                  const std::string& space = kSpace) {
    std::vector<std::string> keys;
    std::vector<std::vector<float>> vectors;
    for (const std::string& text : texts) {
      keys.push_back(Sha256Hex(text));
      vectors.push_back(VectorOf(space, text));
    }
    cache.Put(space, keys, vectors);
  }
  // How many of the texts the cache knows; a wrong vector fails the test.
  static size_t Count(BucketVectorCache& cache, const std::vector<std::string>& texts,
                      const std::string& space = kSpace) {
    std::vector<std::string> keys;
    for (const std::string& text : texts) keys.push_back(Sha256Hex(text));
    const auto found = cache.Find(space, kDimensions, keys);
    EXPECT_EQ(found.size(), texts.size());
    size_t count = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      if (!found[i].has_value()) continue;
      ++count;
      EXPECT_EQ(*found[i], VectorOf(space, texts[i])) << texts[i];
    }
    return count;
  }
  static std::vector<std::string> Texts(size_t begin, size_t end) {
    std::vector<std::string> texts;
    for (size_t i = begin; i < end; ++i) texts.push_back(StrCat("text ", i));
    return texts;
  }
  std::vector<storage::ObjectInfo> Objects() { return *store_.List("_cache/embeddings/"); }

  Rng rng_{testing::TestSeed()};
  MetricsRegistry metrics_;
  ManualClock clock_{{1'763'918'717'000'000}};
  storage::FaultyStore store_{storage::NewMemoryStore()};
};

TEST_F(BucketVectorCacheTest, AnswersLikeANaiveMapAcrossRestarts) {
  const std::vector<std::string> spaces = {kSpace, Sha256Hex("another space")};
  std::map<std::string, std::map<std::string, bool>> known;
  for (int restart = 0; restart < 6; ++restart) {
    BucketVectorCacheOptions options = Options();
    if (restart % 2 == 1) options.memory_bytes = 20'000;
    const auto cache = BucketVectorCache::Open(options);
    for (int step = 0; step < 150; ++step) {
      const std::string& space = spaces[rng_.Below(2)];
      std::vector<std::string> texts;
      for (uint64_t i = rng_.Below(20); i > 0; --i) texts.push_back(StrCat(rng_.Below(2'000)));
      switch (rng_.Below(4)) {
        case 0:
          cache->Flush();
          break;
        case 1:
          Put(*cache, texts, space);
          for (const std::string& text : texts) known[space][text] = true;
          break;
        default:
          for (const std::string& text : texts) {
            EXPECT_EQ(Count(*cache, {text}, space), known[space].contains(text) ? 1u : 0u) << text;
          }
      }
    }
    for (const std::string& space : spaces) {
      std::vector<std::string> all;
      for (const auto& [text, put] : known[space]) all.push_back(text);
      EXPECT_EQ(Count(*cache, all, space), all.size());
    }
  }
  EXPECT_LT(Objects().size(), 40u) << "small segments are merged";
}

TEST_F(BucketVectorCacheTest, WritesByItselfSoon) {
  BucketVectorCacheOptions options = Options();
  options.clock = &Clock::System();
  options.flush_interval_micros = 1'000;
  const auto cache = BucketVectorCache::Open(options);
  Put(*cache, Texts(0, 10));
  while (Objects().empty()) std::this_thread::yield();
  EXPECT_EQ(Count(*Open(), Texts(0, 10)), 10u);
}

TEST_F(BucketVectorCacheTest, WritesWhenThereAreMany) {
  BucketVectorCacheOptions options = Options();
  options.flush_vectors = 10;
  const auto cache = BucketVectorCache::Open(options);
  Put(*cache, Texts(0, 10));
  while (Objects().empty()) std::this_thread::yield();
}

TEST_F(BucketVectorCacheTest, ShutdownWritesWhatIsLeft) {
  const auto cache = Open();
  Put(*cache, Texts(0, 10));
  cache->Shutdown();
  cache->Shutdown();
  EXPECT_EQ(Objects().size(), 1u);
  EXPECT_EQ(Count(*Open(), Texts(0, 10)), 10u);
  Put(*cache, Texts(20, 30));
  cache->Flush();
  EXPECT_EQ(Objects().size(), 1u) << "nothing is written after the end";
}

TEST_F(BucketVectorCacheTest, NothingIsWrittenTwice) {
  const auto cache = Open();
  Put(*cache, Texts(0, 10));
  Put(*cache, Texts(0, 10));
  cache->Flush();
  Put(*cache, Texts(0, 10));
  cache->Flush();
  EXPECT_EQ(Objects().size(), 1u);
}

TEST_F(BucketVectorCacheTest, MemoryAloneNeedsNoBucket) {
  BucketVectorCacheOptions options = Options();
  options.memory_bytes = kMebibyte;
  options.disk_bytes = 0;
  const auto cache = BucketVectorCache::Open(options);
  Put(*cache, Texts(0, 10));
  cache->Flush();
  EXPECT_EQ(Count(*cache, Texts(0, 20)), 10u);
  EXPECT_EQ(store_.calls(), 0u);
}

TEST_F(BucketVectorCacheTest, HitInMemoryDoesNotReadTheBucket) {
  BucketVectorCacheOptions options = Options();
  {
    const auto cache = BucketVectorCache::Open(options);
    Put(*cache, Texts(0, 10));
  }
  options.memory_bytes = kMebibyte;
  const auto cache = BucketVectorCache::Open(options);
  EXPECT_EQ(Count(*cache, Texts(0, 10)), 10u);
  const uint64_t reads = store_.calls(StoreCall::kReadAt);
  EXPECT_EQ(Count(*cache, Texts(0, 10)), 10u);
  EXPECT_EQ(store_.calls(StoreCall::kReadAt), reads);
}

TEST_F(BucketVectorCacheTest, ReadOnlyUsesTheBucketAndLeavesItAlone) {
  {
    const auto cache = Open();
    Put(*cache, Texts(0, 10));
  }
  BucketVectorCacheOptions options = Options();
  options.read_only = true;
  const auto cache = BucketVectorCache::Open(options);
  EXPECT_EQ(Count(*cache, Texts(0, 10)), 10u);
  const uint64_t puts = store_.calls(StoreCall::kPut);
  Put(*cache, Texts(10, 20));
  cache->Flush();
  EXPECT_EQ(store_.calls(StoreCall::kPut), puts);
  EXPECT_EQ(store_.calls(StoreCall::kDelete), 0u);
}

TEST_F(BucketVectorCacheTest, OldestSegmentsGoWhenTheBudgetIsReached) {
  BucketVectorCacheOptions options = Options();
  options.disk_bytes = 200'000;
  const auto cache = BucketVectorCache::Open(options);
  for (size_t i = 0; i < 40; ++i) {
    clock_.AdvanceMicros(1'000'000);
    Put(*cache, Texts(i * 100, i * 100 + 100));
    cache->Flush();
    uint64_t bytes = 0;
    for (const storage::ObjectInfo& object : Objects()) bytes += object.size_bytes;
    EXPECT_LE(bytes, 200'000u);
  }
  EXPECT_EQ(Count(*cache, Texts(3'900, 4'000)), 100u);
  EXPECT_EQ(Count(*cache, Texts(0, 1'000)), 0u);
  const size_t kept = Count(*cache, Texts(0, 4'000));
  EXPECT_GT(kept, 900u);
  EXPECT_EQ(Count(*Open(), Texts(0, 4'000)), kept);
}

TEST_F(BucketVectorCacheTest, BudgetCountsSpacesThatNobodyAskedFor) {
  {
    const auto cache = Open();
    Put(*cache, Texts(0, 1'000), Sha256Hex("an old space"));
  }
  BucketVectorCacheOptions options = Options();
  options.disk_bytes = 100'000;
  const auto cache = BucketVectorCache::Open(options);
  Put(*cache, Texts(0, 10));
  cache->Flush();
  EXPECT_EQ(Objects().size(), 1u);
  EXPECT_EQ(Count(*cache, Texts(0, 10)), 10u);
}

TEST_F(BucketVectorCacheTest, DamagedSegmentIsDroppedWhereverTheDamageIs) {
  {
    const auto cache = Open();
    Put(*cache, Texts(0, 4));
  }
  const std::string key = Objects()[0].key;
  const std::string bytes = *store_.Get(key);
  for (size_t position = 0; position < bytes.size(); ++position) {
    SCOPED_TRACE(position);
    std::string damaged = bytes;
    damaged[position] = static_cast<char>(damaged[position] ^ 0x10);
    ASSERT_TRUE(store_.Put(key, damaged).ok());
    const auto cache = Open();
    size_t found = 0;
    for (const std::string& text : Texts(0, 4)) found += Count(*cache, {text});
    EXPECT_LT(found, 4u);
    cache->Flush();
    EXPECT_TRUE(Objects().empty()) << "it is of no use any more";
    Put(*cache, Texts(0, 4));
    cache->Flush();
    EXPECT_EQ(Count(*Open(), Texts(0, 4)), 4u);
    ASSERT_TRUE(store_.Delete(Objects()[0].key).ok());
  }
  for (size_t size = 0; size < bytes.size(); size += 7) {
    ASSERT_TRUE(store_.Put(key, bytes.substr(0, size)).ok());
    EXPECT_EQ(Count(*Open(), Texts(0, 4)), 0u) << size;
    for (const storage::ObjectInfo& object : Objects()) {
      ASSERT_TRUE(store_.Delete(object.key).ok());
    }
  }
}

TEST_F(BucketVectorCacheTest, ForeignObjectsAreLeftAlone) {
  for (const std::string& key :
       {std::string("_cache/embeddings/notes.txt"),
        StrCat("_cache/embeddings/", kSpace, "/x.vectors"),
        StrCat("_cache/embeddings/", kSpace, "/", std::string(36, 'a'), ".tmp")}) {
    ASSERT_TRUE(store_.Put(key, std::string(1'000, 'x')).ok());
  }
  BucketVectorCacheOptions options = Options();
  options.disk_bytes = 2'000;
  const auto cache = BucketVectorCache::Open(options);
  Put(*cache, Texts(0, 100));
  cache->Flush();
  EXPECT_EQ(Objects().size(), 3u) << "the segment was beyond the budget, the rest is not ours";
}

TEST_F(BucketVectorCacheTest, TwoProcessesShareABucket) {
  const auto first = Open(), second = Open();
  for (size_t i = 0; i < 40; ++i) {
    Put(*first, Texts(i * 10, i * 10 + 10));
    first->Flush();
    Put(*second, Texts(1'000 + i * 10, 1'000 + i * 10 + 10));
    second->Flush();
    // Each knows its own; what the other has merged away under it is no error.
    EXPECT_EQ(Count(*first, Texts(0, i * 10 + 10)), i * 10 + 10);
    EXPECT_EQ(Count(*second, Texts(1'000, 1'000 + i * 10 + 10)), i * 10 + 10);
  }
  EXPECT_EQ(Count(*Open(), Texts(0, 400)), 400u);
  EXPECT_EQ(Count(*Open(), Texts(1'000, 1'400)), 400u);
}

TEST_F(BucketVectorCacheTest, SegmentsThatAnotherProcessMergedAreFoundAgain) {
  const auto first = Open();
  for (size_t i = 0; i < 7; ++i) {
    Put(*first, Texts(i, i + 1));
    first->Flush();
  }
  const auto second = Open();
  EXPECT_EQ(Count(*second, Texts(0, 7)), 7u);
  Put(*first, Texts(7, 8));
  first->Flush();
  ASSERT_EQ(Objects().size(), 1u);
  EXPECT_EQ(Count(*second, Texts(0, 8)), 8u);
}

// Effects of one failing call, wherever it is.
class BucketVectorCacheFaultTest : public BucketVectorCacheTest,
                                   public ::testing::WithParamInterface<StoreFault::Effect> {};

TEST_P(BucketVectorCacheFaultTest, FaultAtEveryCallGivesNoWrongVectorAndPasses) {
  uint64_t ordinal = 1;
  for (;; ++ordinal) {
    SCOPED_TRACE(ordinal);
    for (const storage::ObjectInfo& object : Objects()) {
      ASSERT_TRUE(store_.Delete(object.key).ok());
    }
    const uint64_t calls = store_.calls();
    store_.AddFault({.ordinal = ordinal,
                     .effect = GetParam(),
                     .status = GetParam() == StoreFault::Effect::kAfter
                                   ? CommitStateUnknown("the answer was lost")
                                   : Unavailable("it is down")});
    {
      const auto cache = Open();
      for (size_t i = 0; i < 10; ++i) {
        Put(*cache, Texts(i, i + 1));
        cache->Flush();
        Count(*cache, Texts(0, 10));
        clock_.AdvanceMicros(2'000'000);
      }
    }
    {
      const auto cache = Open();
      Count(*cache, Texts(0, 10));
    }
    const bool beyond_the_end = store_.calls() - calls < ordinal;
    store_.ClearFaults();
    const auto cache = Open();
    const size_t kept = Count(*cache, Texts(0, 10));
    Put(*cache, Texts(0, 10));
    EXPECT_EQ(Count(*cache, Texts(0, 10)), 10u);
    cache->Flush();
    EXPECT_EQ(Count(*Open(), Texts(0, 10)), 10u);
    if (beyond_the_end) {
      EXPECT_EQ(kept, 10u);
      break;
    }
  }
  EXPECT_GT(ordinal, 20u);
}

INSTANTIATE_TEST_SUITE_P(Effects, BucketVectorCacheFaultTest,
                         ::testing::Values(StoreFault::Effect::kBefore, StoreFault::Effect::kAfter,
                                           StoreFault::Effect::kShortRead),
                         [](const auto& param) {
                           return param.param == StoreFault::Effect::kBefore  ? "Down"
                                  : param.param == StoreFault::Effect::kAfter ? "AnswerLost"
                                                                              : "ShortRead";
                         });

TEST_F(BucketVectorCacheTest, UnreachableBucketIsLeftAloneForAWhile) {
  store_.AddFault({.repeat = UINT64_MAX, .status = Unavailable("it is down")});
  const auto cache = Open();
  Put(*cache, Texts(0, 10));
  EXPECT_EQ(Count(*cache, Texts(0, 20)), 10u) << "what waits to be written is known";
  cache->Flush();
  const uint64_t calls = store_.calls();
  EXPECT_EQ(Count(*cache, Texts(0, 20)), 10u);
  cache->Flush();
  EXPECT_EQ(store_.calls(), calls) << "it is not asked again yet";
  store_.ClearFaults();
  clock_.AdvanceMicros(120'000'000);
  cache->Flush();
  EXPECT_EQ(Count(*Open(), Texts(0, 10)), 10u) << "what waited was written";
}

TEST_F(BucketVectorCacheTest, MemoryOfADeadBucketIsBounded) {
  store_.AddFault({.repeat = UINT64_MAX, .status = Unavailable("it is down")});
  BucketVectorCacheOptions options = Options();
  const auto cache = BucketVectorCache::Open(options);
  const std::vector<float> huge(1 << 20);
  for (int i = 0; i < 40; ++i) {
    const std::string key = Sha256Hex(StrCat(i));
    cache->Put(kSpace, {&key, 1}, {&huge, 1});
  }
  EXPECT_GT(metrics_
                .GetCounter("lakehouse_embedding_cache_forgotten_total",
                            "New vectors that were not kept because the bucket takes nothing.")
                .value(),
            20u);
}

TEST_F(BucketVectorCacheTest, OtherWidthsAndOddKeysAreAbsent) {
  const auto cache = Open();
  Put(*cache, Texts(0, 2));
  cache->Flush();
  const std::vector<std::string> keys = {Sha256Hex("text 0"), "", "odd", Sha256Hex("text 1")};
  const auto other = cache->Find(kSpace, kDimensions + 1, keys);
  EXPECT_TRUE(std::ranges::none_of(other, [](const auto& found) { return found.has_value(); }));
  const auto found = cache->Find(kSpace, kDimensions, keys);
  EXPECT_TRUE(found[0].has_value() && found[3].has_value());
  EXPECT_FALSE(found[1].has_value() || found[2].has_value());
  EXPECT_FALSE(cache->Find("no space", kDimensions, keys)[0].has_value());
}

TEST_F(BucketVectorCacheTest, ManyThreadsUseItWhileItWritesMergesAndEvicts) {
  BucketVectorCacheOptions options = Options();
  options.memory_bytes = 30'000;
  options.disk_bytes = 300'000;
  options.flush_vectors = 16;
  options.clock = &Clock::System();
  options.flush_interval_micros = 500;
  const auto cache = BucketVectorCache::Open(options);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      Rng rng(thread + 1);
      for (int step = 0; step < 300; ++step) {
        std::vector<std::string> texts;
        for (int i = 0; i < 8; ++i) texts.push_back(StrCat(rng.Below(3'000)));
        if (rng.Below(2) == 0) {
          Put(*cache, texts);
        } else {
          Count(*cache, texts);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(BucketVectorCacheLocalTest, SurvivesInALocalBucket) {
  testing::TempDir directory;
  MetricsRegistry metrics;
  for (int round = 0; round < 2; ++round) {
    const auto store = *storage::OpenLocalStore(directory.path());
    const auto cache = BucketVectorCache::Open(
        {.store = store.get(), .disk_bytes = kMebibyte, .metrics = &metrics});
    const std::string key = Sha256Hex("text");
    const std::vector<float> vector = VectorOf(kSpace, "text");
    const auto found = cache->Find(kSpace, kDimensions, {&key, 1});
    EXPECT_EQ(found[0].has_value(), round == 1);
    if (found[0].has_value()) {
      EXPECT_EQ(*found[0], vector);
    }
    cache->Put(kSpace, {&key, 1}, {&vector, 1});
  }
}

}  // namespace
}  // namespace lakehouse::search
