#include "storage/block_cache.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "base/strings.h"
#include "storage/faulty_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 4096;
constexpr uint64_t kOnDisk = 2 * kBlock;  // A block with its header.

std::string RandomBytes(Rng& rng, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.Next());
  return bytes;
}

// Everything the disk holds for the cache.
std::vector<fs::path> BlockFiles(const std::string& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().filename() != "lock") files.push_back(entry);
  }
  std::sort(files.begin(), files.end());
  return files;
}

uint64_t BytesOnDisk(const std::string& directory) {
  uint64_t bytes = 0;
  for (const fs::path& file : BlockFiles(directory)) {
    bytes += (fs::file_size(file) + kBlock - 1) / kBlock * kBlock;
  }
  return bytes;
}

class BlockCacheTest : public ::testing::Test {
 protected:
  BlockCacheTest() { Open(100 * kOnDisk); }

  // Opens the cache anew, as a restart does; the bucket stays.
  void Open(uint64_t capacity_bytes, FileOps& ops = FileOps::System()) {
    store_.reset();
    cache_.reset();
    auto cache = BlockCache::Open(
        {.directory = path_, .capacity_bytes = capacity_bytes, .block_bytes = kBlock}, ops, clock_);
    ASSERT_TRUE(cache.ok()) << cache.status().ToString();
    cache_ = *std::move(cache);
    store_ = NewCachingStore(std::make_unique<Forward>(*bucket_), "bucket", *cache_);
  }

  ObjectInfo Put(const std::string& key, const std::string& bytes) {
    const auto info = bucket_->Put(key, bytes);
    EXPECT_TRUE(info.ok());
    return *info;
  }

  std::string Read(const ObjectInfo& object, uint64_t offset = 0, size_t size = SIZE_MAX) {
    std::string bytes(std::min<uint64_t>(size, object.size_bytes + kBlock), '#');
    const auto count = store_->ReadAt(object, offset, bytes.data(), bytes.size());
    EXPECT_TRUE(count.ok()) << count.status().ToString();
    bytes.resize(count.value_or(0));
    return bytes;
  }

  // How often the bucket was read while `action` ran.
  uint64_t Fetches(const std::function<void()>& action) {
    const uint64_t before = bucket_->calls(StoreCall::kReadAt);
    action();
    return bucket_->calls(StoreCall::kReadAt) - before;
  }

  // Lets a bucket outlive the store that caches it.
  class Forward : public FaultyStore {
   public:
    explicit Forward(FaultyStore& bucket) : FaultyStore(NewMemoryStore()), bucket_(bucket) {}
    Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                          size_t size) const override {
      return bucket_.ReadAt(object, offset, buffer, size);
    }
    Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                           const PutCondition& condition) override {
      return bucket_.Put(key, bytes, condition);
    }
    Status Delete(std::string_view key) override { return bucket_.Delete(key); }

   private:
    FaultyStore& bucket_;
  };

  testing::TempDir directory_;
  const std::string path_ = directory_.Join("cache");
  Rng rng_{Rng::FromSystem()};
  ManualClock clock_;
  std::unique_ptr<FaultyStore> bucket_ = std::make_unique<FaultyStore>(NewMemoryStore());
  std::unique_ptr<BlockCache> cache_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(BlockCacheTest, FetchesOnceAndReadsAnyPart) {
  const std::string bytes = RandomBytes(rng_, 10 * kBlock + 100);
  const ObjectInfo object = Put("k", bytes);
  EXPECT_EQ(Fetches([&] { EXPECT_TRUE(Read(object) == bytes); }), 1u);
  EXPECT_EQ(cache_->stats().misses, 11u);
  EXPECT_EQ(Fetches([&] {
              EXPECT_TRUE(Read(object) == bytes);
              for (int i = 0; i < 200; ++i) {
                const uint64_t offset = rng_.Below(bytes.size() + 1);
                const size_t size = rng_.Below(3 * kBlock);
                if (size == 0 || offset == bytes.size()) continue;
                ASSERT_TRUE(Read(object, offset, size) == bytes.substr(offset, size));
              }
            }),
            0u);
  EXPECT_GE(cache_->stats().hits, 11u);
  EXPECT_EQ(cache_->stats().misses, 11u);
  EXPECT_EQ(cache_->stats().bytes, 11 * kOnDisk);
  EXPECT_EQ(BytesOnDisk(path_), 11 * kOnDisk);
}

TEST_F(BlockCacheTest, FetchesMissingNeighboursInOneRead) {
  const std::string bytes = RandomBytes(rng_, 10 * kBlock);
  const ObjectInfo object = Put("k", bytes);
  EXPECT_EQ(Fetches([&] { Read(object, 2 * kBlock, 1); }), 1u);
  EXPECT_EQ(Fetches([&] { Read(object, 6 * kBlock + 5, kBlock); }), 1u);  // Blocks 6 and 7.
  // What is left are blocks 0 to 1, 3 to 5 and 8 to 9.
  EXPECT_EQ(Fetches([&] { EXPECT_TRUE(Read(object) == bytes); }), 3u);
  EXPECT_EQ(Fetches([&] { EXPECT_TRUE(Read(object) == bytes); }), 0u);
}

TEST_F(BlockCacheTest, BoundsOneRequestOfTheBucket) {
  constexpr uint64_t kCapacity = 10 << 20;
  auto cache = BlockCache::Open(
      {.directory = directory_.Join("large"), .capacity_bytes = kCapacity, .block_bytes = 1 << 20});
  ASSERT_TRUE(cache.ok());
  const auto store = NewCachingStore(std::make_unique<Forward>(*bucket_), "b", **cache);
  const std::string bytes((33 << 20) + 5, 'x');
  const ObjectInfo object = Put("k", bytes);
  std::string read(bytes.size(), '#');
  EXPECT_EQ(Fetches([&] { EXPECT_TRUE(store->ReadAt(object, 0, read.data(), read.size()).ok()); }),
            3u);
  EXPECT_TRUE(read == bytes);
  EXPECT_LE(BytesOnDisk(directory_.Join("large")), kCapacity);
}

TEST_F(BlockCacheTest, NeverServesAReplacedObject) {
  const ObjectInfo first = Put("k", std::string(3 * kBlock, 'a'));
  EXPECT_EQ(Read(first), std::string(3 * kBlock, 'a'));
  const ObjectInfo second = Put("k", std::string(3 * kBlock, 'b'));
  EXPECT_EQ(Read(second), std::string(3 * kBlock, 'b'));
  EXPECT_EQ(Read(first), std::string(3 * kBlock, 'a')) << "this version was asked for";
  Open(100 * kOnDisk);
  EXPECT_EQ(Read(second), std::string(3 * kBlock, 'b'));
}

TEST_F(BlockCacheTest, ForgetsWhatIsReplacedThroughIt) {
  const ObjectInfo first = Put("k", std::string(3 * kBlock, 'a'));
  Read(first);
  const auto second = store_->Put("k", std::string(3 * kBlock, 'b'), {});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(cache_->stats().bytes, 0u);
  EXPECT_TRUE(BlockFiles(path_).empty());
  char byte = 0;
  EXPECT_EQ(store_->ReadAt(first, 0, &byte, 1).status().code(), StatusCode::kConflict);
  Read(*second);
  ASSERT_TRUE(store_->Delete("k").ok());
  EXPECT_TRUE(BlockFiles(path_).empty());
  EXPECT_EQ(store_->ReadAt(*second, 0, &byte, 1).status().code(), StatusCode::kNotFound);
}

TEST_F(BlockCacheTest, KeepsBucketsApart) {
  const ObjectInfo object = Put("k", "mine");
  FaultyStore* theirs = new FaultyStore(NewMemoryStore());
  const auto other = NewCachingStore(std::unique_ptr<ObjectStore>(theirs), "other", *cache_);
  const auto same_version = theirs->Put("k", "your", {});
  ASSERT_EQ(same_version->version, object.version);
  EXPECT_EQ(Read(object), "mine");
  char bytes[4];
  ASSERT_EQ(other->ReadAt(*same_version, 0, bytes, 4).value_or(0), 4u);
  EXPECT_EQ(std::string(bytes, 4), "your");

  cache_->Drop("bucket");
  EXPECT_EQ(Fetches([&] { EXPECT_EQ(Read(object), "mine"); }), 1u);
  const uint64_t before = theirs->calls(StoreCall::kReadAt);
  EXPECT_TRUE(other->ReadAt(*same_version, 0, bytes, 4).ok());
  EXPECT_EQ(theirs->calls(StoreCall::kReadAt), before) << "the other bucket was not dropped";
}

TEST_F(BlockCacheTest, SurvivesARestartInTheOrderOfUse) {
  std::vector<ObjectInfo> objects;
  for (int i = 0; i < 8; ++i) {
    objects.push_back(Put(StrCat("k", i), RandomBytes(rng_, kBlock)));
    Read(objects.back());
  }
  // The time of use is kept to the minute: say that the files are an hour old, but for one read.
  for (const fs::path& file : BlockFiles(path_)) {
    const timespec old[2] = {{::time(nullptr) - 3600, 0}, {::time(nullptr) - 3600, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), old, 0), 0);
  }
  Read(objects[3]);
  Open(100 * kOnDisk);
  EXPECT_EQ(cache_->stats().bytes, 8 * kOnDisk);
  EXPECT_EQ(Fetches([&] {
              for (const ObjectInfo& object : objects) Read(object);
            }),
            0u);
  Open(kOnDisk);  // A smaller cache keeps what was used last.
  EXPECT_EQ(BytesOnDisk(path_), kOnDisk);
}

TEST_F(BlockCacheTest, ASmallerCapacityKeepsWhatWasUsedLast) {
  std::vector<ObjectInfo> objects;
  for (int i = 0; i < 8; ++i) {
    objects.push_back(Put(StrCat("k", i), RandomBytes(rng_, kBlock)));
    Read(objects.back());
    for (const fs::path& file : BlockFiles(path_)) {
      struct stat info {};
      ASSERT_EQ(::stat(file.c_str(), &info), 0);
      const timespec older[2] = {{info.st_atim.tv_sec - 600, 0}, {info.st_mtim.tv_sec - 600, 0}};
      ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), older, 0), 0);
    }
  }
  Read(objects[2]);
  Open(3 * kOnDisk);
  EXPECT_EQ(BytesOnDisk(path_), 3 * kOnDisk);
  for (const int i : {2, 6, 7}) EXPECT_EQ(Fetches([&] { Read(objects[i]); }), 0u) << i;
}

TEST_F(BlockCacheTest, OneProcessAtATime) {
  const auto second = BlockCache::Open({.directory = path_, .capacity_bytes = kOnDisk});
  EXPECT_EQ(second.status().code(), StatusCode::kConflict) << second.status().ToString();
}

TEST_F(BlockCacheTest, RefusesWhatCannotBeADirectory) {
  std::ofstream(directory_.Join("file")) << "x";
  for (const std::string& path : {directory_.Join("file"), directory_.Join("file/cache")}) {
    EXPECT_FALSE(BlockCache::Open({.directory = path, .capacity_bytes = 1}).ok());
  }
  EXPECT_EQ(BlockCache::Open({.directory = directory_.Join("c"), .block_bytes = 1}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(BlockCacheTest, DamageIsAMissAndTheBlockIsFetchedAgain) {
  const std::string bytes = RandomBytes(rng_, 3 * kBlock);
  const ObjectInfo object = Put("k", bytes);
  Read(object);
  const std::vector<std::function<void(const fs::path&)>> damages = {
      [&](const fs::path& file) {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(static_cast<std::streamoff>(kBlock + rng_.Below(kBlock)));
        const auto at = stream.tellp();
        stream.seekg(at);
        const char byte = static_cast<char>(stream.get() ^ (1 << rng_.Below(8)));
        stream.seekp(at);
        stream.put(byte);
      },
      [&](const fs::path& file) { fs::resize_file(file, rng_.Below(2 * kBlock)); },
      [&](const fs::path& file) { fs::resize_file(file, 2 * kBlock + 1 + rng_.Below(100)); },
      [&](const fs::path& file) {
        fs::copy_file(file == BlockFiles(path_)[0] ? BlockFiles(path_)[1] : BlockFiles(path_)[0],
                      file, fs::copy_options::overwrite_existing);
      },
      [&](const fs::path& file) {
        fs::remove(file);
        fs::create_symlink("/etc/hostname", file);
      },
      [&](const fs::path& file) { fs::remove(file); },
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    damages[i](BlockFiles(path_)[rng_.Below(3)]);
    EXPECT_EQ(Fetches([&] { ASSERT_TRUE(Read(object) == bytes); }), 1u) << i;
    EXPECT_EQ(Fetches([&] { ASSERT_TRUE(Read(object) == bytes); }), 0u) << i;
    EXPECT_EQ(cache_->stats().damaged, std::min<size_t>(i + 1, 4));
    EXPECT_EQ(cache_->stats().bytes, 3 * kOnDisk);
  }
}

TEST_F(BlockCacheTest, WorksWhenItsDirectoryIsDeleted) {
  const std::string bytes = RandomBytes(rng_, 5 * kBlock);
  const ObjectInfo object = Put("k", bytes);
  Read(object);
  fs::remove_all(path_);
  EXPECT_EQ(Fetches([&] { EXPECT_TRUE(Read(object) == bytes); }), 1u);
  EXPECT_EQ(Fetches([&] { EXPECT_TRUE(Read(object) == bytes); }), 0u);
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_all);
  EXPECT_EQ(cache_->stats().disk_errors, 0u);
}

TEST_F(BlockCacheTest, RemovesWhatAKilledProcessLeftAndNothingElse) {
  fs::create_directories(path_ + "/tmp");
  std::ofstream(path_ + "/tmp/17") << "half a block";
  std::ofstream(path_ + "/tmp/precious.txt") << "mine";
  std::ofstream(path_ + "/precious.txt") << "mine";
  Open(kOnDisk);
  EXPECT_FALSE(fs::exists(path_ + "/tmp/17"));
  EXPECT_TRUE(fs::exists(path_ + "/tmp/precious.txt"));
  EXPECT_TRUE(fs::exists(path_ + "/precious.txt"));
}

TEST_F(BlockCacheTest, HandsOnWhatTheBucketSays) {
  const ObjectInfo object = Put("k", std::string(3 * kBlock, 'x'));
  char buffer[16];
  bucket_->AddFault({.call = StoreCall::kReadAt, .status = PermissionDenied("no")});
  EXPECT_EQ(store_->ReadAt(object, 0, buffer, 16).status().code(), StatusCode::kPermissionDenied);
  bucket_->AddFault({.call = StoreCall::kReadAt, .effect = StoreFault::Effect::kShortRead});
  EXPECT_EQ(store_->ReadAt(object, 0, buffer, 16).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(BlockFiles(path_).empty()) << "an incomplete block was kept";
  EXPECT_EQ(Read(object), std::string(3 * kBlock, 'x'));
  EXPECT_EQ(store_->ReadAt(object, 3 * kBlock + 1, buffer, 1).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(BlockCacheTest, SmallObjectsCountForASixteenthOfABlock) {
  auto cache = BlockCache::Open(
      {.directory = directory_.Join("large"), .capacity_bytes = 1 << 20, .block_bytes = 1 << 20});
  ASSERT_TRUE(cache.ok());
  const auto store = NewCachingStore(std::make_unique<Forward>(*bucket_), "b", **cache);
  for (int i = 0; i < 40; ++i) {
    char byte = 0;
    ASSERT_TRUE(store->ReadAt(Put(StrCat("k", i), "x"), 0, &byte, 1).ok());
  }
  EXPECT_EQ((*cache)->stats().bytes, 1u << 20);
  EXPECT_EQ(BlockFiles(directory_.Join("large")).size(), 16u);
}

TEST_F(BlockCacheTest, ExportsMetrics) {
  MetricsRegistry metrics;
  auto cache = BlockCache::Open({.directory = directory_.Join("measured"),
                                 .capacity_bytes = 3 * kOnDisk,
                                 .block_bytes = kBlock,
                                 .metrics = &metrics});
  ASSERT_TRUE(cache.ok());
  const auto store = NewCachingStore(std::make_unique<Forward>(*bucket_), "b", **cache);
  const ObjectInfo object = Put("k", std::string(5 * kBlock, 'x'));
  char byte = 0;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->ReadAt(object, i * kBlock, &byte, 1).ok());
  ASSERT_TRUE(store->ReadAt(object, 4 * kBlock, &byte, 1).ok());
  const std::string text = metrics.PrometheusText();
  for (const char* line :
       {"lakehouse_block_cache_hits_total 1\n", "lakehouse_block_cache_misses_total 5\n",
        "lakehouse_block_cache_evictions_total 2\n", "lakehouse_block_cache_damaged_total 0\n",
        "lakehouse_block_cache_disk_errors_total 0\n", "lakehouse_block_cache_bytes 24576\n",
        "lakehouse_block_cache_capacity_bytes 24576\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

// Readers, writers, restarts and damage in any order against what the objects hold.
TEST_F(BlockCacheTest, HoldsItsCapacityAndServesTheTruth) {
  const uint64_t seed = Rng::FromSystem().Next();
  std::cout << "seed " << seed << "\n";
  Rng rng(seed);
  constexpr uint64_t kCapacity = 20 * kOnDisk;
  Open(kCapacity);
  std::map<std::string, std::pair<ObjectInfo, std::string>> objects;
  for (int step = 0; step < 2000; ++step) {
    const std::string key = StrCat("k", rng.Below(6));
    const uint64_t action = rng.Below(1000);
    if (!objects.contains(key) || action < 20) {
      const std::string bytes = RandomBytes(rng, 1 + rng.Below(12 * kBlock));
      objects[key] = {action % 2 == 0 ? Put(key, bytes) : *store_->Put(key, bytes, {}), bytes};
    } else if (action < 30) {
      Open(kCapacity);
    } else if (action < 32) {
      fs::remove_all(path_);
    } else if (action < 60 && fs::exists(path_)) {
      const std::vector<fs::path> files = BlockFiles(path_);
      if (!files.empty()) fs::resize_file(files[rng.Below(files.size())], rng.Below(3 * kBlock));
    } else {
      const auto& [info, bytes] = objects.at(key);
      const uint64_t offset = rng.Below(bytes.size());
      const size_t size = 1 + rng.Below(bytes.size());
      ASSERT_TRUE(Read(info, offset, size) == bytes.substr(offset, size)) << "step " << step;
    }
    ASSERT_LE(cache_->stats().bytes, kCapacity);
    // A file that was made longer behind the cache's back is not the cache's fault.
    if (step % 50 == 0 && fs::exists(path_)) {
      ASSERT_LE(BlockFiles(path_).size() * kBlock, kCapacity);
    }
  }
  EXPECT_GT(cache_->stats().hits, 0u);
}

}  // namespace

}  // namespace lakehouse::storage
