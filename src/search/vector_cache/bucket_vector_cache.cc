#include "search/vector_cache/bucket_vector_cache.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace lakehouse::search {

namespace {

// Vectors beyond it that wait for a bucket are forgotten.
constexpr uint64_t kMaxUnwrittenBytes = 64 << 20;

constexpr int64_t kFirstOffMicros = 1'000'000;
constexpr int64_t kMaxOffMicros = 60'000'000;

// Another process may merge segments while they are looked into.
constexpr int kLookupAttempts = 3;

constexpr std::string_view kHitsHelp = "Vectors that the embedding cache had.";

}  // namespace

struct BucketVectorCache::Lookup {
  const std::string& space_id;
  const size_t dimensions;
  std::vector<std::optional<VectorKey>> keys;
  std::vector<std::optional<Vector>> results;

  bool IsMissing(size_t i) const { return keys[i].has_value() && !results[i].has_value(); }
};

std::unique_ptr<BucketVectorCache> BucketVectorCache::Open(
    const BucketVectorCacheOptions& options) {
  CHECK(options.store != nullptr && options.metrics != nullptr);
  std::unique_ptr<BucketVectorCache> cache(new BucketVectorCache(options));
  if (cache->has_segments()) {
    cache->worker_ = std::thread([raw = cache.get()] { raw->RunWorker(); });
  }
  return cache;
}

BucketVectorCache::BucketVectorCache(const BucketVectorCacheOptions& options)
    : options_(options),
      segments_({.store = options.store,
                 .budget_bytes = options.disk_bytes,
                 .read_only = options.read_only,
                 .clock = options.clock}),
      memory_hits_(options.metrics->GetCounter("lakehouse_embedding_cache_hits_total", kHitsHelp,
                                               {{"tier", "memory"}})),
      bucket_hits_(options.metrics->GetCounter("lakehouse_embedding_cache_hits_total", kHitsHelp,
                                               {{"tier", "bucket"}})),
      misses_(options.metrics->GetCounter("lakehouse_embedding_cache_misses_total",
                                          "Vectors that the embedding cache did not have.")),
      forgotten_(options.metrics->GetCounter(
          "lakehouse_embedding_cache_forgotten_total",
          "New vectors that were not kept because the bucket takes nothing.")),
      memory_gauge_(options.metrics->GetGauge("lakehouse_embedding_cache_memory_bytes",
                                              "Memory of cached vectors.")),
      bucket_gauge_(options.metrics->GetGauge("lakehouse_embedding_cache_bucket_bytes",
                                              "Cached vectors in the primary bucket.")),
      recent_(options.memory_bytes) {}

BucketVectorCache::~BucketVectorCache() { Shutdown(); }

uint32_t BucketVectorCache::NumberOf(const std::string& space_id) {
  return spaces_.emplace(space_id, static_cast<uint32_t>(spaces_.size())).first->second;
}

std::vector<std::optional<BucketVectorCache::Vector>> BucketVectorCache::Find(
    const std::string& space_id, size_t dimensions, std::span<const std::string> keys) {
  Lookup lookup{.space_id = space_id, .dimensions = dimensions};
  lookup.results.resize(keys.size());
  for (const std::string& key : keys) lookup.keys.push_back(ParseVectorKey(key));
  if (!ParseVectorKey(space_id).has_value()) return lookup.results;

  FindInMemory(lookup);
  const auto count = [&] {
    return static_cast<uint64_t>(std::ranges::count_if(
        lookup.results, [](const auto& result) { return result.has_value(); }));
  };
  const uint64_t in_memory = count();
  if (in_memory < keys.size() && has_segments()) FindInSegments(lookup);
  const uint64_t found = count();
  memory_hits_.Add(in_memory);
  bucket_hits_.Add(found - in_memory);
  misses_.Add(keys.size() - found);
  return std::move(lookup.results);
}

void BucketVectorCache::FindInMemory(Lookup& lookup) {
  MutexLock lock(mutex_);
  const uint32_t space = NumberOf(lookup.space_id);
  for (size_t i = 0; i < lookup.keys.size(); ++i) {
    if (!lookup.keys[i].has_value()) continue;
    const Vector* vector = recent_.Find({space, *lookup.keys[i]});
    for (const Batches* batches : {&unwritten_, &being_written_}) {
      if (vector != nullptr) break;
      const auto batch = batches->find(lookup.space_id);
      if (batch == batches->end()) continue;
      const auto row = batch->second.rows.find(*lookup.keys[i]);
      if (row != batch->second.rows.end()) vector = &batch->second.records[row->second].vector;
    }
    if (vector != nullptr && vector->size() == lookup.dimensions) lookup.results[i] = *vector;
  }
}

void BucketVectorCache::FindInSegments(Lookup& lookup) {
  std::vector<size_t> found;
  for (int attempt = 0; attempt < kLookupAttempts; ++attempt) {
    if (!AwaitLoaded(lookup.space_id) || ReadSegments(lookup, found)) break;
  }
  MutexLock lock(mutex_);
  const uint32_t space = NumberOf(lookup.space_id);
  for (const size_t i : found) recent_.Insert({space, *lookup.keys[i]}, *lookup.results[i]);
  memory_gauge_.Set(static_cast<int64_t>(recent_.bytes()));
}

bool BucketVectorCache::ReadSegments(Lookup& lookup, std::vector<size_t>& found) {
  bool complete = true;
  for (const VectorSegmentPtr& segment : segments_.Segments(lookup.space_id)) {
    if (segment->dimensions() != lookup.dimensions) continue;
    std::vector<VectorSegment::Wanted> wanted;
    for (size_t i = 0; i < lookup.keys.size(); ++i) {
      if (!lookup.IsMissing(i)) continue;
      const std::optional<uint32_t> row = segment->FindRow(*lookup.keys[i]);
      if (row.has_value()) wanted.push_back({.row = *row, .key = &*lookup.keys[i], .slot = i});
    }
    if (wanted.empty()) continue;
    const Status status =
        segment->ReadRows(*options_.store, wanted, [&](size_t slot, Vector vector) {
          lookup.results[slot] = std::move(vector);
          found.push_back(slot);
        });
    if (status.ok()) continue;
    if (!VectorSegments::IsLost(status)) {
      TurnOff(status);
      return true;
    }
    segments_.Forget(lookup.space_id, *segment, status);
    complete = false;
    MutexLock lock(mutex_);
    cleaning_wanted_ = true;
    work_.NotifyOne();
  }
  return complete;
}

bool BucketVectorCache::AwaitLoaded(const std::string& space_id) {
  MutexLock lock(mutex_);
  while (!IsOff() && !stopping_) {
    if (segments_.IsLoaded(space_id)) {
      wanted_spaces_.erase(space_id);
      return true;
    }
    const int64_t now = options_.clock->MonotonicMicros();
    const auto [wanted, is_new] = wanted_spaces_.emplace(space_id, now + kLoadWaitMicros);
    if (is_new) work_.NotifyOne();
    if (now >= wanted->second) return false;
    done_.WaitFor(mutex_, std::chrono::microseconds(wanted->second - now));
  }
  return false;
}

void BucketVectorCache::Put(const std::string& space_id, std::span<const std::string> keys,
                            std::span<const Vector> vectors) {
  CHECK(keys.size() == vectors.size());
  if (!ParseVectorKey(space_id).has_value() || keys.empty()) return;
  const std::vector<VectorSegmentPtr> segments = segments_.Segments(space_id);
  const auto is_written = [&](const VectorKey& key) {
    return std::ranges::any_of(segments, [&](const VectorSegmentPtr& segment) {
      return segment->FindRow(key).has_value();
    });
  };
  std::vector<std::optional<VectorKey>> parsed;
  std::vector<bool> writes;
  for (const std::string& key : keys) {
    parsed.push_back(ParseVectorKey(key));
    writes.push_back(has_segments() && !options_.read_only && parsed.back().has_value() &&
                     !is_written(*parsed.back()));
  }
  MutexLock lock(mutex_);
  const uint32_t space = NumberOf(space_id);
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::optional<VectorKey>& key = parsed[i];
    if (!key.has_value() || vectors[i].empty()) continue;
    recent_.Insert({space, *key}, vectors[i]);
    if (!writes[i] || stopping_) continue;
    if (unwritten_bytes_ >= kMaxUnwrittenBytes) {
      forgotten_.Add();
      continue;
    }
    Batch& batch = unwritten_[space_id];
    if (batch.records.empty()) batch.dimensions = vectors[i].size();
    if (batch.dimensions != vectors[i].size()) continue;
    if (!batch.rows.emplace(*key, batch.records.size()).second) continue;
    if (unwritten_since_micros_ == 0) {
      unwritten_since_micros_ = options_.clock->MonotonicMicros();
      work_.NotifyOne();
    }
    batch.records.push_back({.key = *key, .vector = vectors[i]});
    unwritten_bytes_ += BytesOf(batch);
    unwritten_count_ += 1;
  }
  memory_gauge_.Set(static_cast<int64_t>(recent_.bytes()));
  if (unwritten_count_ >= options_.flush_vectors) work_.NotifyOne();
}

uint64_t BucketVectorCache::BytesOf(const Batch& batch) {
  return batch.dimensions * sizeof(float) + sizeof(VectorRecord);
}

bool BucketVectorCache::IsOff() const {
  return options_.clock->MonotonicMicros() < off_until_micros_;
}

void BucketVectorCache::TurnOff(const Status& why) {
  MutexLock lock(mutex_);
  off_micros_ = std::clamp(2 * off_micros_, kFirstOffMicros, kMaxOffMicros);
  off_until_micros_ = options_.clock->MonotonicMicros() + off_micros_;
  LogWarning("the embedding cache leaves its bucket alone for a while",
             {{"seconds", off_micros_ / 1'000'000}, {"why", why.message()}});
  done_.NotifyAll();
}

void BucketVectorCache::Flush() {
  MutexLock lock(mutex_);
  if (!has_segments()) return;
  const uint64_t mine = ++flushes_wanted_;
  work_.NotifyOne();
  while (flushes_done_ < mine && !ended_) done_.Wait(mutex_);
}

void BucketVectorCache::Shutdown() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyOne();
    done_.NotifyAll();
  }
  if (worker_.joinable()) worker_.join();
}

bool BucketVectorCache::WantsWork() const {
  if (stopping_ || flushes_wanted_ > flushes_done_) return true;
  if (IsOff()) return false;
  const bool wants_load = std::ranges::any_of(
      wanted_spaces_, [&](const auto& wanted) { return !segments_.IsLoaded(wanted.first); });
  if (wants_load || cleaning_wanted_ || !being_written_.empty()) return true;
  if (unwritten_count_ >= options_.flush_vectors) return true;
  return unwritten_since_micros_ > 0 &&
         options_.clock->MonotonicMicros() >=
             unwritten_since_micros_ + options_.flush_interval_micros;
}

void BucketVectorCache::RunWorker() {
  while (true) {
    std::vector<std::string> to_load;
    uint64_t flushes = 0;
    bool last = false, off = false;
    {
      MutexLock lock(mutex_);
      while (!WantsWork()) {
        if (unwritten_since_micros_ > 0 || !being_written_.empty() || IsOff()) {
          work_.WaitFor(mutex_, std::chrono::microseconds(options_.flush_interval_micros));
        } else {
          work_.Wait(mutex_);
        }
      }
      for (const auto& [space_id, deadline] : wanted_spaces_) to_load.push_back(space_id);
      cleaning_wanted_ = false;
      flushes = flushes_wanted_;
      last = stopping_;
      off = IsOff();
    }
    const Status status = off ? OkStatus() : Work(to_load);
    if (!status.ok()) TurnOff(status);
    MutexLock lock(mutex_);
    if (status.ok() && !off) off_micros_ = 0;
    flushes_done_ = flushes;
    ended_ = last;
    bucket_gauge_.Set(static_cast<int64_t>(segments_.bytes()));
    done_.NotifyAll();
    if (last) return;
  }
}

Status BucketVectorCache::Work(const std::vector<std::string>& to_load) {
  for (const std::string& space_id : to_load) {
    TRY(segments_.Load(space_id));
    MutexLock lock(mutex_);
    done_.NotifyAll();
  }
  TRY(WriteBatches());
  return segments_.Clean();
}

Status BucketVectorCache::WriteBatches() {
  while (true) {
    const std::string* space_id = nullptr;
    const Batch* batch = nullptr;
    bool stopping = false;
    {
      MutexLock lock(mutex_);
      if (being_written_.empty()) {
        being_written_ = std::exchange(unwritten_, {});
        unwritten_since_micros_ = 0;
        unwritten_count_ = 0;
      }
      if (being_written_.empty()) return OkStatus();
      space_id = &being_written_.begin()->first;
      batch = &being_written_.begin()->second;
    }
    // Only this thread changes what is being written.
    TRY(segments_.Write(*space_id, batch->dimensions, batch->records));
    const std::string written = *space_id;
    {
      MutexLock lock(mutex_);
      stopping = stopping_;
      unwritten_bytes_ -= BytesOf(*batch) * batch->records.size();
      being_written_.erase(being_written_.begin());
    }
    if (!stopping) TRY(segments_.Merge(written));
  }
}

}  // namespace lakehouse::search
