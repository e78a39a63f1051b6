#include "storage/cached_blocks.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kMinBlockBytes = 4 << 10;
constexpr size_t kMaxBlockBytes = 64 << 20;
constexpr uint64_t kDiskBlockBytes = 4096;
constexpr uint64_t kSmallestShare = 16;
constexpr int64_t kFirstPauseMicros = 1'000'000;
constexpr int64_t kLongestPauseMicros = 60'000'000;

BlockIdRange Only(const BlockId& id) { return {id, id}; }

uint64_t TotalBytes(const std::vector<BlockIndex::Block>& blocks) {
  uint64_t bytes = 0;
  for (const BlockIndex::Block& block : blocks) bytes += block.bytes;
  return bytes;
}

Gauge* BytesGauge(const BlockCacheOptions& options) {
  if (options.metrics == nullptr) return nullptr;
  options.metrics
      ->GetGauge("lakehouse_block_cache_capacity_bytes", "Disk that cached blocks may take.")
      .Set(static_cast<int64_t>(options.capacity_bytes));
  return &options.metrics->GetGauge("lakehouse_block_cache_bytes", "Disk that cached blocks take.");
}

}  // namespace

CacheCounter::CacheCounter(MetricsRegistry* metrics, std::string_view name, std::string_view help)
    : exported_(metrics == nullptr ? nullptr : &metrics->GetCounter(name, help)) {}

void CacheCounter::Add(uint64_t amount) {
  since_open_.Add(amount);
  if (exported_ != nullptr) exported_->Add(amount);
}

Result<std::unique_ptr<CachedBlocks>> CachedBlocks::Open(const BlockCacheOptions& options,
                                                         FileOps& ops, const Clock& clock) {
  if (options.block_bytes < kMinBlockBytes || options.block_bytes > kMaxBlockBytes) {
    return InvalidArgument("a cached block must have ", kMinBlockBytes, " to ", kMaxBlockBytes,
                           " bytes, not ", options.block_bytes);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<BlockDirectory> directory,
                   BlockDirectory::Open(options.directory, ops));
  std::unique_ptr<CachedBlocks> blocks(new CachedBlocks(options, std::move(directory), clock));
  blocks->Restore();
  return blocks;
}

CachedBlocks::CachedBlocks(const BlockCacheOptions& options,
                           std::unique_ptr<BlockDirectory> directory, const Clock& clock)
    : block_bytes_(options.block_bytes),
      clock_(clock),
      directory_(std::move(directory)),
      hits_(options.metrics, "lakehouse_block_cache_hits_total", "Blocks read from the cache."),
      misses_(options.metrics, "lakehouse_block_cache_misses_total",
              "Blocks that were wanted and not in the cache."),
      evictions_(options.metrics, "lakehouse_block_cache_evictions_total",
                 "Blocks that made room for others."),
      damaged_(options.metrics, "lakehouse_block_cache_damaged_total",
               "Blocks that did not verify and were dropped."),
      disk_errors_(options.metrics, "lakehouse_block_cache_disk_errors_total",
                   "Calls of the cache that its disk refused."),
      bytes_gauge_(BytesGauge(options)),
      index_(options.capacity_bytes, options.capacity_bytes / options.block_bytes) {}

void CachedBlocks::Restore() {
  // From the last used on, so that what no longer fits is the oldest.
  std::vector<BlockDirectory::Found> found = directory_->Scan();
  auto kept = found.rbegin();
  {
    MutexLock lock(mutex_);
    while (kept != found.rend() && index_.Reserve(Cost(kept->file_bytes))) ++kept;
    for (auto block = kept.base(); block != found.end(); ++block) {
      index_.Insert({block->id, Cost(block->file_bytes)});
    }
    ShowBytes();
  }
  for (; kept != found.rend(); ++kept) directory_->Remove(kept->id);
}

uint64_t CachedBlocks::Cost(uint64_t file_bytes) const {
  const uint64_t on_disk = (file_bytes + kDiskBlockBytes - 1) / kDiskBlockBytes * kDiskBlockBytes;
  return std::max<uint64_t>(on_disk, block_bytes_ / kSmallestShare);
}

std::vector<CachedBlocks::Claim> CachedBlocks::Request(const std::vector<Want>& wants) {
  std::vector<Claim> claims;
  claims.reserve(wants.size());
  MutexLock lock(mutex_);
  for (const Want& want : wants) claims.push_back(RequestOne(want));
  return claims;
}

CachedBlocks::Claim CachedBlocks::RequestOne(const Want& want) {
  if (!want.refuses_disk && index_.Request(want.id)) return {};
  misses_.Add();
  const auto [found, is_new] = flights_.try_emplace(want.id);
  if (!is_new) {
    ++found->second->waiters;
    return {Claim::kWait, found->second};
  }
  found->second = std::make_shared<Flight>();
  found->second->drops = drops_;
  return {Claim::kFetch, found->second};
}

bool CachedBlocks::Read(const BlockId& id, const BlockAddress& address, size_t begin, size_t size,
                        char* buffer) {
  const FileDescriptor file = directory_->OpenBlock(id);
  if (!file.valid()) {
    // A missing file is no error: anybody may empty the directory.
    const bool is_gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    if (!is_gone) disk_errors_.Add();
    if (is_gone) Discard(id);
    return false;
  }
  const BlockRead read = ReadBlock(file.get(), address, begin, size, buffer);
  if (read == BlockRead::kOk) {
    hits_.Add();
    return true;
  }
  if (read == BlockRead::kFailed) disk_errors_.Add();
  if (Discard(id) && read == BlockRead::kDamaged) {
    // A power loss may have damaged thousands.
    if (damaged_.value() == 0) {
      LogWarning("A cached block is damaged and is fetched again; more of them are only counted.",
                 {{"key", address.object->key}, {"block", address.number}});
    }
    damaged_.Add();
  }
  return false;
}

bool CachedBlocks::Reserve(uint64_t bytes) {
  while (true) {
    std::vector<BlockIndex::Block> evicted;
    {
      MutexLock lock(mutex_);
      if (bytes > index_.capacity_bytes()) return false;
      if (index_.Reserve(bytes)) return true;
      evicted = index_.Evict(bytes);
    }
    if (evicted.empty()) return false;  // All the room is being written to.
    evictions_.Add(evicted.size());
    RemoveFiles(evicted);
  }
}

void CachedBlocks::RemoveFiles(const std::vector<BlockIndex::Block>& blocks) {
  for (const BlockIndex::Block& block : blocks) directory_->Remove(block.id);
  MutexLock lock(mutex_);
  index_.Release(TotalBytes(blocks));
  ShowBytes();
}

void CachedBlocks::ShowBytes() {
  if (bytes_gauge_ != nullptr) bytes_gauge_->Set(static_cast<int64_t>(index_.bytes()));
}

bool CachedBlocks::Discard(const BlockId& id) {
  std::vector<BlockIndex::Block> discarded;
  {
    MutexLock lock(mutex_);
    discarded = index_.Erase(Only(id));
  }
  RemoveFiles(discarded);
  return !discarded.empty();
}

void CachedBlocks::Store(const BlockId& id, const BlockAddress& address, std::string_view data,
                         uint64_t drops) {
  if (!MayWrite()) return;
  const std::optional<std::string> header = EncodeBlockHeader(address, data);
  const uint64_t cost = Cost(kBlockHeaderBytes + data.size());
  if (!header || !Reserve(cost)) return;
  const int error = directory_->Write(id, *header, data);
  NoteWrite(error);
  {
    MutexLock lock(mutex_);
    const bool is_wanted = error == 0 && drops == drops_;
    // A block that could not be opened is still known when it is written again.
    if (is_wanted && !index_.Contains(id)) {
      index_.Insert({id, cost});
      ShowBytes();
      return;
    }
    if (is_wanted || error != 0) {
      index_.Release(cost);
      return;
    }
  }
  RemoveFiles({{id, cost}});
}

void CachedBlocks::Land(const BlockId& id, const BlockAddress& address, Flight& flight,
                        std::string_view data) {
  Store(id, address, data, flight.drops);
  {
    MutexLock lock(mutex_);
    EndFlight(id, flight);
    if (flight.waiters == 0) return;
  }
  flight.bytes = data;
  MutexLock lock(mutex_);
  flight.done = true;
  flight.landed.NotifyAll();
}

void CachedBlocks::LandFailed(const BlockId& id, Flight& flight, const Status& status) {
  MutexLock lock(mutex_);
  EndFlight(id, flight);
  flight.status = status;
  flight.done = true;
  flight.landed.NotifyAll();
}

void CachedBlocks::EndFlight(const BlockId& id, const Flight& flight) {
  const auto found = flights_.find(id);
  if (found != flights_.end() && found->second.get() == &flight) flights_.erase(found);
}

Status CachedBlocks::Wait(Flight& flight) {
  MutexLock lock(mutex_);
  while (!flight.done) flight.landed.Wait(mutex_);
  return flight.status;
}

bool CachedBlocks::MayWrite() const {
  MutexLock lock(mutex_);
  return clock_.MonotonicMicros() >= no_write_before_micros_;
}

void CachedBlocks::NoteWrite(int error) {
  if (error != 0) disk_errors_.Add();
  MutexLock lock(mutex_);
  if (error == 0) {
    pause_micros_ = 0;
    return;
  }
  const int64_t now = clock_.MonotonicMicros();
  if (now < no_write_before_micros_) return;  // Another writer has just seen the same.
  pause_micros_ = std::clamp(2 * pause_micros_, kFirstPauseMicros, kLongestPauseMicros);
  no_write_before_micros_ = now + pause_micros_;
  LogWarning(
      "The block cache cannot write; reads go on without it.",
      {{"error", std::generic_category().message(error)}, {"pause_ms", pause_micros_ / 1000}});
}

void CachedBlocks::Drop(const BlockIdRange& range, bool in_flight) {
  std::vector<BlockIndex::Block> dropped;
  {
    MutexLock lock(mutex_);
    if (in_flight) ++drops_;
    dropped = index_.Erase(range);
  }
  RemoveFiles(dropped);
}

BlockCacheStats CachedBlocks::stats() const {
  BlockCacheStats stats{.hits = hits_.value(),
                        .misses = misses_.value(),
                        .evictions = evictions_.value(),
                        .damaged = damaged_.value(),
                        .disk_errors = disk_errors_.value()};
  MutexLock lock(mutex_);
  stats.bytes = index_.bytes();
  stats.capacity_bytes = index_.capacity_bytes();
  return stats;
}

}  // namespace lakehouse::storage
