// What a block costs from the cache, beside what the page cache and the checksum take of that.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <fcntl.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/rng.h"
#include "storage/block_cache.h"
#include "storage/file_ops.h"

namespace lakehouse::storage {
namespace {

constexpr size_t kBlock = 1 << 20;
constexpr uint64_t kBlocks = 64;

const std::string& Content() {
  static const std::string content = [] {
    std::string bytes(kBlocks * kBlock, '\0');
    Rng rng(1);
    for (char& byte : bytes) byte = static_cast<char>(rng.Next());
    return bytes;
  }();
  return content;
}

std::string Scratch(const std::string& name) {
  return std::filesystem::temp_directory_path() / ("lakehouse_block_cache_bench_" + name);
}

// A bucket in memory behind a cache that holds `blocks` blocks.
class Cached {
 public:
  explicit Cached(uint64_t blocks) {
    std::filesystem::remove_all(directory_);
    auto cache = BlockCache::Open(
        {.directory = directory_, .capacity_bytes = blocks * (kBlock + (64 << 10))});
    CHECK(cache.ok());
    cache_ = *std::move(cache);
    auto bucket = NewMemoryStore();
    object_ = *bucket->Put("k", Content());
    store_ = NewCachingStore(std::move(bucket), "bucket", *cache_);
  }
  ~Cached() { std::filesystem::remove_all(directory_); }

  void Read(uint64_t offset, std::string& buffer) {
    CHECK(store_->ReadAt(object_, offset, buffer.data(), buffer.size()).ok());
  }
  const BlockCache& cache() const { return *cache_; }

 private:
  const std::string directory_ = Scratch("cache");
  std::unique_ptr<BlockCache> cache_;
  std::unique_ptr<ObjectStore> store_;
  ObjectInfo object_;
};

void CountBytes(benchmark::State& state, size_t size) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * size));
}

void ReadFromCache(benchmark::State& state) {
  std::string buffer(static_cast<size_t>(state.range(0)), '\0');
  Cached cached(2 * kBlocks);
  std::string all(kBlocks * kBlock, '\0');
  cached.Read(0, all);
  uint64_t number = 0;
  for (auto _ : state) cached.Read(number++ % kBlocks * kBlock, buffer);
  CHECK(cached.cache().stats().misses == kBlocks);
  CountBytes(state, buffer.size());
}
BENCHMARK(ReadFromCache)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);

void ReadFromAFile(benchmark::State& state) {
  std::string buffer(static_cast<size_t>(state.range(0)), '\0');
  const std::string path = Scratch("file");
  std::ofstream(path, std::ios::binary) << Content();
  uint64_t number = 0;
  for (auto _ : state) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const uint64_t offset = number++ % kBlocks * kBlock;
    CHECK(ReadFully(file.get(), buffer.data(), buffer.size(), offset) > 0);
  }
  std::filesystem::remove(path);
  CountBytes(state, buffer.size());
}
BENCHMARK(ReadFromAFile)->Arg(4 << 10)->Arg(64 << 10)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);

void Checksum(benchmark::State& state) {
  uint64_t number = 0;
  for (auto _ : state) {
    const std::string_view block(Content().data() + number++ % kBlocks * kBlock, kBlock);
    benchmark::DoNotOptimize(Crc32c(block));
  }
  CountBytes(state, kBlock);
}
BENCHMARK(Checksum)->Unit(benchmark::kMicrosecond);

// What keeping a fetched block adds to the fetch: every block pushes another one out.
void Miss(benchmark::State& state) {
  std::string buffer(kBlock, '\0');
  Cached cached(4);
  uint64_t number = 0;
  for (auto _ : state) cached.Read(number++ % kBlocks * kBlock, buffer);
  CountBytes(state, kBlock);
}
BENCHMARK(Miss)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace lakehouse::storage
