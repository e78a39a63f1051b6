// Many readers of one cache, and what it does when its disk fails or its process is killed.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mutex.h"
#include "base/rng.h"
#include "base/strings.h"
#include "storage/block_cache.h"
#include "storage/faulty_store.h"
#include "storage/object_store_conformance.h"

namespace lakehouse::storage {

namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 4096;
constexpr uint64_t kOnDisk = 2 * kBlock;

std::unique_ptr<ObjectStore> MakeCachingStore(const std::string& directory) {
  static std::vector<std::unique_ptr<BlockCache>> caches;  // They outlive the stores.
  auto cache = BlockCache::Open(
      {.directory = directory + "-cache", .capacity_bytes = 1 << 20, .block_bytes = kBlock});
  CHECK(cache.ok());
  caches.push_back(*std::move(cache));
  return NewCachingStore(NewMemoryStore(), "bucket", *caches.back());
}

INSTANTIATE_TEST_SUITE_P(Caching, ObjectStoreConformance, ::testing::Values(&MakeCachingStore));

std::string RandomBytes(uint64_t seed, size_t size) {
  Rng rng(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.Next());
  return bytes;
}

// A bucket whose reads wait until they are let through.
class GatedStore : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  void Open() {
    MutexLock lock(mutex_);
    is_open_ = true;
    opened_.NotifyAll();
  }
  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    {
      MutexLock lock(mutex_);
      while (!is_open_) opened_.Wait(mutex_);
    }
    return FaultyStore::ReadAt(object, offset, buffer, size);
  }

 private:
  mutable Mutex mutex_;
  mutable CondVar opened_;
  bool is_open_ GUARDED_BY(mutex_) = false;
};

// Fails the calls that a test names.
class FailingOps : public FileOps {
 public:
  std::atomic<int> create_error{0}, write_error{0}, rename_error{0}, unlink_error{0};
  std::atomic<int> creates{0};

  int Create(int directory, const std::string& name) override {
    ++creates;
    return Fails(create_error) ? -1 : FileOps::Create(directory, name);
  }
  ssize_t Write(int file, const char* bytes, size_t size) override {
    return Fails(write_error) ? -1 : FileOps::Write(file, bytes, size);
  }
  int Rename(int from_directory, const std::string& from, int to_directory,
             const std::string& to) override {
    return Fails(rename_error) ? -1 : FileOps::Rename(from_directory, from, to_directory, to);
  }
  int Unlink(int directory, const std::string& name) override {
    return Fails(unlink_error) ? -1 : FileOps::Unlink(directory, name);
  }

 private:
  static bool Fails(const std::atomic<int>& error) {
    if (error == 0) return false;
    errno = error;
    return true;
  }
};

class CachingStoreTest : public ::testing::Test {
 protected:
  void Open(uint64_t capacity_bytes = 1 << 20, FileOps& ops = FileOps::System(),
            const std::string& directory = "") {
    auto cache = BlockCache::Open({.directory = directory.empty() ? path_ : directory,
                                   .capacity_bytes = capacity_bytes,
                                   .block_bytes = kBlock},
                                  ops, clock_);
    ASSERT_TRUE(cache.ok()) << cache.status().ToString();
    cache_ = *std::move(cache);
    auto bucket = std::make_unique<GatedStore>(NewMemoryStore());
    bucket_ = bucket.get();
    store_ = NewCachingStore(std::move(bucket), "bucket", *cache_);
    object_ = *bucket_->Put("k", bytes_);
  }

  bool ReadsTruth() {
    std::string bytes(bytes_.size(), '#');
    const auto count = store_->ReadAt(object_, 0, bytes.data(), bytes.size());
    return count.ok() && *count == bytes.size() && bytes == bytes_;
  }
  uint64_t fetches() const { return bucket_->calls(StoreCall::kReadAt); }

  size_t FilesOnDisk() const {
    size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path_)) {
      if (entry.is_regular_file() && entry.path().filename() != "lock") ++files;
    }
    return files;
  }

  testing::TempDir directory_;
  const std::string path_ = directory_.Join("cache");
  ManualClock clock_{{1'000'000'000}};
  const std::string bytes_ = RandomBytes(7, 8 * kBlock);
  std::unique_ptr<BlockCache> cache_;
  std::unique_ptr<ObjectStore> store_;
  GatedStore* bucket_ = nullptr;  // Owned by the store.
  ObjectInfo object_;
};

TEST_F(CachingStoreTest, ManyReadersOfMissingBlocksFetchThemOnce) {
  Open();
  constexpr uint64_t kReaders = 16;
  std::atomic<int> right{0};
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] { right += ReadsTruth() ? 1 : 0; });
  }
  // Every reader has found its eight blocks missing before the first fetch is answered.
  while (cache_->stats().misses < kReaders * 8) std::this_thread::yield();
  bucket_->Open();
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(right, static_cast<int>(kReaders));
  EXPECT_EQ(fetches(), 1u);
}

TEST_F(CachingStoreTest, ManyReadersFetchOnceEvenWithoutADisk) {
  FailingOps ops;
  ops.create_error = EROFS;
  Open(1 << 20, ops);
  constexpr uint64_t kReaders = 8;
  std::atomic<int> right{0};
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] { right += ReadsTruth() ? 1 : 0; });
  }
  while (cache_->stats().misses < kReaders * 8) std::this_thread::yield();
  bucket_->Open();
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(right, static_cast<int>(kReaders));
  EXPECT_EQ(fetches(), 1u);
}

TEST_F(CachingStoreTest, AFailedFetchFailsThoseWhoWaitAndNobodyElse) {
  Open();
  constexpr uint64_t kReaders = 6;
  bucket_->AddFault({.call = StoreCall::kReadAt, .status = PermissionDenied("no")});
  std::atomic<int> denied{0};
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      char byte = 0;
      const auto count = store_->ReadAt(object_, 0, &byte, 1);
      if (count.status().code() == StatusCode::kPermissionDenied) ++denied;
    });
  }
  while (cache_->stats().misses < kReaders) std::this_thread::yield();
  bucket_->Open();
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(denied, static_cast<int>(kReaders));
  EXPECT_TRUE(ReadsTruth());
}

TEST_F(CachingStoreTest, WhatIsFetchedWhileItsBucketIsDroppedIsNotKept) {
  Open();
  std::thread reader([&] { EXPECT_TRUE(ReadsTruth()); });
  while (cache_->stats().misses < 8) std::this_thread::yield();
  cache_->Drop("bucket");
  bucket_->Open();
  reader.join();
  EXPECT_EQ(cache_->stats().bytes, 0u);
  EXPECT_EQ(FilesOnDisk(), 0u);
}

TEST_F(CachingStoreTest, ReadersOfOverlappingRangesDoNotWaitForEachOtherForever) {
  constexpr int kReaders = 16;
  constexpr uint64_t kCapacity = 40 * kOnDisk;  // A third of the objects' blocks.
  const uint64_t seed = Rng::FromSystem().Next();
  std::cout << "seed " << seed << "\n";
  Open(kCapacity);
  bucket_->Open();
  std::vector<ObjectInfo> objects;
  std::vector<std::string> contents;
  for (uint64_t i = 0; i < 6; ++i) {
    contents.push_back(RandomBytes(seed + i, 20 * kBlock + i));
    objects.push_back(*bucket_->Put(StrCat("object", i), contents.back()));
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      Rng rng(seed + 1000 + i);
      for (int step = 0; step < 150; ++step) {
        const size_t which = rng.Below(objects.size());
        const std::string& truth = contents[which];
        const uint64_t offset = rng.Below(truth.size());
        std::string bytes(1 + rng.Below(12 * kBlock), '#');
        const auto count = store_->ReadAt(objects[which], offset, bytes.data(), bytes.size());
        bytes.resize(count.value_or(0));
        if (!count.ok() || bytes != truth.substr(offset, std::max<size_t>(bytes.size(), 1))) {
          ++wrong;
        }
        if (cache_->stats().bytes > kCapacity) ++wrong;
        if (step % 50 == 49) cache_->Drop("bucket");
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(cache_->stats().damaged, 0u);
  EXPECT_EQ(FilesOnDisk() * kOnDisk, cache_->stats().bytes);
}

TEST_F(CachingStoreTest, ADiskThatRefusesWritesIsLeftInPeaceForAWhile) {
  for (std::atomic<int> FailingOps::*call :
       {&FailingOps::create_error, &FailingOps::write_error, &FailingOps::rename_error}) {
    FailingOps ops;
    store_.reset();
    cache_.reset();
    fs::remove_all(path_);
    Open(1 << 20, ops);
    bucket_->Open();
    ops.*call = ENOSPC;
    EXPECT_TRUE(ReadsTruth());
    EXPECT_EQ(cache_->stats().disk_errors, 1u) << "the other blocks tried as well";
    EXPECT_EQ(cache_->stats().bytes, 0u);
    EXPECT_EQ(FilesOnDisk(), 0u);

    // The pauses become longer: one second, then two.
    clock_.AdvanceMicros(999'999);
    EXPECT_TRUE(ReadsTruth());
    EXPECT_EQ(cache_->stats().disk_errors, 1u);
    clock_.AdvanceMicros(1);
    EXPECT_TRUE(ReadsTruth());
    EXPECT_EQ(cache_->stats().disk_errors, 2u);
    clock_.AdvanceMicros(1'999'999);
    EXPECT_TRUE(ReadsTruth());
    EXPECT_EQ(cache_->stats().disk_errors, 2u);

    ops.*call = 0;
    clock_.AdvanceMicros(1);
    EXPECT_EQ(fetches(), 4u);
    EXPECT_TRUE(ReadsTruth());
    EXPECT_TRUE(ReadsTruth());
    EXPECT_EQ(fetches(), 5u) << "the disk is used again";
    EXPECT_EQ(FilesOnDisk(), 8u);
  }
}

TEST_F(CachingStoreTest, FilesThatCannotBeRemovedDoNotStopIt) {
  FailingOps ops;
  Open(4 * kOnDisk, ops);
  bucket_->Open();
  ops.unlink_error = EIO;
  EXPECT_TRUE(ReadsTruth());
  EXPECT_TRUE(ReadsTruth());
  EXPECT_EQ(cache_->stats().bytes, 4 * kOnDisk);
}

TEST_F(CachingStoreTest, AFullFilesystemMakesItMiss) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may mount a small filesystem";
  const std::string small = directory_.Join("small");
  fs::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=32k") != 0) {
    GTEST_SKIP() << "mounting is not allowed here: errno " << errno;
  }
  Open(1 << 20, FileOps::System(), small + "/cache");
  bucket_->Open();
  EXPECT_TRUE(ReadsTruth());
  EXPECT_GT(cache_->stats().disk_errors, 0u);
  EXPECT_GT(cache_->stats().bytes, 0u);
  EXPECT_LT(cache_->stats().bytes, 8 * kOnDisk);
  const uint64_t before = fetches();
  EXPECT_TRUE(ReadsTruth());
  EXPECT_GT(cache_->stats().hits, 0u);
  EXPECT_EQ(fetches(), before + 1);
  store_.reset();
  cache_.reset();
  EXPECT_EQ(::umount(small.c_str()), 0);
}

// Reads for ever what the parent knows, through a cache that is much too small.
[[noreturn]] void ReadForever(const std::string& path, uint64_t seed, int pipe) {
  const auto cache =
      BlockCache::Open({.directory = path, .capacity_bytes = 10 * kOnDisk, .block_bytes = kBlock});
  if (!cache.ok()) ::_exit(1);
  auto memory = NewMemoryStore();
  const std::string truth = RandomBytes(1, 30 * kBlock);
  const auto object = memory->Put("k", truth);
  if (!object.ok()) ::_exit(2);
  const auto store = NewCachingStore(std::move(memory), "bucket", **cache);
  Rng rng(seed);
  std::string bytes(4 * kBlock, '#');
  while (true) {
    const uint64_t offset = rng.Below(26 * kBlock);
    if (!store->ReadAt(*object, offset, bytes.data(), bytes.size()).ok()) ::_exit(3);
    if (bytes != truth.substr(offset, bytes.size())) ::_exit(4);
    if (::write(pipe, "r", 1) != 1) ::_exit(5);
  }
}

TEST_F(CachingStoreTest, AKilledProcessLeavesACacheThatServesTheTruth) {
  const uint64_t seed = Rng::FromSystem().Next();
  std::cout << "seed " << seed << "\n";
  Rng rng(seed);
  const std::string truth = RandomBytes(1, 30 * kBlock);
  uint64_t hits = 0;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ReadForever(path_, rng.Next(), ends[1]);
    ::close(ends[1]);
    char read = 0;
    for (int i = 0; i < 5; ++i) ASSERT_EQ(::read(ends[0], &read, 1), 1) << "the child failed";
    ::usleep(static_cast<useconds_t>(rng.Below(10'000)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
    ::close(ends[0]);

    const auto cache = BlockCache::Open(
        {.directory = path_, .capacity_bytes = 10 * kOnDisk, .block_bytes = kBlock});
    ASSERT_TRUE(cache.ok()) << cache.status().ToString();
    EXPECT_TRUE(fs::is_empty(path_ + "/tmp"));
    EXPECT_LE(FilesOnDisk(), 10u);
    // The memory store gives the same version to the same writes, so the blocks are found again.
    auto memory = NewMemoryStore();
    const auto object = memory->Put("k", truth);
    const auto store = NewCachingStore(std::move(memory), "bucket", **cache);
    std::string bytes(truth.size(), '#');
    ASSERT_EQ(store->ReadAt(*object, 0, bytes.data(), bytes.size()).value_or(0), truth.size());
    EXPECT_TRUE(bytes == truth);
    EXPECT_EQ((*cache)->stats().damaged, 0u);
    hits += (*cache)->stats().hits;
  }
  EXPECT_GT(hits, 0u) << "no block survived a kill";
}

}  // namespace

}  // namespace lakehouse::storage
