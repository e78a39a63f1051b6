#include "search/resident_indexes.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace lakehouse::search {

namespace {

// How often a caller that waits for another's load looks at its own cancellation.
constexpr std::chrono::milliseconds kWaitStep(20);

// What an index takes in memory, before its parts have been read: exact for the vectors; texts are
// compressed in the object, so its size stands for them only roughly.
uint64_t EstimateBytes(const IndexInfo& index) {
  uint64_t bytes = 0;
  for (const EmbeddingPart& part : index.parts) {
    bytes += part.chunks * static_cast<uint64_t>(index.space.dimensions) * sizeof(float);
  }
  return bytes;
}

}  // namespace

Result<std::vector<SearchHit>> ResidentIndex::Search(const std::vector<float>& query, size_t k,
                                                     const CancelToken& cancel) const {
  struct Candidate {
    size_t part = 0;
    vector::Hit hit;
  };
  const auto precedes = [](const Candidate& a, const Candidate& b) {
    if (a.part == b.part) return vector::Precedes(a.hit, b.hit);
    return a.hit.score > b.hit.score || (a.hit.score == b.hit.score && a.part < b.part);
  };
  std::vector<Candidate> best;
  for (size_t part = 0; part < parts.size(); ++part) {
    TRY(cancel.Check());
    ASSIGN_OR_RETURN(const std::vector<vector::Hit> hits, parts[part]->vectors().Search(query, k));
    const auto middle = static_cast<std::ptrdiff_t>(best.size());
    for (const vector::Hit& hit : hits) best.push_back({part, hit});
    std::inplace_merge(best.begin(), best.begin() + middle, best.end(), precedes);
    if (best.size() > k) best.resize(k);
  }
  std::vector<SearchHit> results;
  results.reserve(best.size());
  for (const Candidate& candidate : best) {
    results.push_back(parts[candidate.part]->HitAt(candidate.hit.row, candidate.hit.score));
  }
  return results;
}

std::vector<SearchHit> ResidentIndex::DocumentChunks(const std::string& doc_id) const {
  std::vector<SearchHit> chunks;
  for (const auto& part : parts) {
    for (size_t i = 0; i < part->chunks(); ++i) {
      if (part->doc_id(i) == doc_id) chunks.push_back(part->HitAt(i, 0));
    }
  }
  return chunks;
}

ResidentIndexes::ResidentIndexes(EmbeddingStore& store, uint64_t budget_bytes,
                                 MetricsRegistry& metrics)
    : store_(store),
      budget_bytes_(budget_bytes),
      resident_gauge_(metrics.GetGauge("lakehouse_index_resident_bytes",
                                       "Memory of the indexes that are loaded.")) {}

Result<ResidentIndexPtr> ResidentIndexes::Get(const IndexPtr& index, const CancelToken& cancel) {
  std::shared_ptr<Entry> entry;
  ResidentIndexPtr previous;
  {
    MutexLock lock(mutex_);
    while (true) {
      std::shared_ptr<Entry>& slot = entries_[index->name];
      if (slot == nullptr) slot = std::make_shared<Entry>();
      entry = slot;
      entry->last_use = ++uses_;
      if (entry->current != nullptr && entry->current->info == index) return entry->current;
      if (!entry->loading) break;
      TRY(cancel.Check());
      loaded_.WaitFor(mutex_, kWaitStep);
    }
    TRY(MakeRoom(index->name, *entry, EstimateBytes(*index)));
    entry->loading = true;
    entry->reserved_bytes = EstimateBytes(*index);
    previous = entry->current;
  }

  Result<ResidentIndexPtr> loaded = Load(index, previous, cancel);

  MutexLock lock(mutex_);
  entry->loading = false;
  entry->reserved_bytes = 0;
  loaded_.NotifyAll();
  if (!loaded.ok()) return loaded;
  TRY(MakeRoom(index->name, *entry, (*loaded)->bytes));
  entry->current = *loaded;
  resident_gauge_.Set(static_cast<int64_t>(CountBytes(nullptr)));
  return loaded;
}

Result<ResidentIndexPtr> ResidentIndexes::Load(const IndexPtr& index,
                                               const ResidentIndexPtr& previous,
                                               const CancelToken& cancel) const {
  auto resident = std::make_shared<ResidentIndex>();
  resident->info = index;
  std::map<std::string_view, std::shared_ptr<const ResidentPart>> known;
  if (previous != nullptr) {
    for (size_t i = 0; i < previous->parts.size(); ++i) {
      known.emplace(previous->info->parts[i].key, previous->parts[i]);
    }
  }
  for (const EmbeddingPart& part : index->parts) {
    TRY(cancel.Check());
    std::shared_ptr<const ResidentPart> loaded;
    if (const auto found = known.find(part.key); found != known.end()) {
      loaded = found->second;
    } else {
      ASSIGN_OR_RETURN(loaded, store_.LoadPart(*index, part, cancel));
    }
    resident->bytes += loaded->resident_bytes();
    resident->parts.push_back(std::move(loaded));
  }
  return ResidentIndexPtr(std::move(resident));
}

Status ResidentIndexes::MakeRoom(const IndexName& name, Entry& entry, uint64_t bytes) {
  if (bytes > budget_bytes_) {
    return ResourceExhausted("index ", name, " needs ", FormatBytes(bytes),
                             " of memory, but search.max_resident_bytes allows ",
                             FormatBytes(budget_bytes_), "; raise it or index less");
  }
  while (CountBytes(&entry) + bytes > budget_bytes_) {
    Entry* oldest = nullptr;
    for (const auto& [other_name, other] : entries_) {
      if (other.get() == &entry || other->current == nullptr) continue;
      if (oldest == nullptr || other->last_use < oldest->last_use) oldest = other.get();
    }
    if (oldest == nullptr) {
      return ResourceExhausted("index ", name, " needs ", FormatBytes(bytes),
                               " of memory while others are being loaded, but "
                               "search.max_resident_bytes allows ",
                               FormatBytes(budget_bytes_), " in all; retry");
    }
    oldest->current = nullptr;
  }
  return OkStatus();
}

uint64_t ResidentIndexes::CountBytes(const Entry* except) const {
  uint64_t bytes = 0;
  for (const auto& [name, entry] : entries_) {
    if (entry.get() == except) continue;
    const uint64_t held = entry->current == nullptr ? 0 : entry->current->bytes;
    bytes += std::max(held, entry->reserved_bytes);
  }
  return bytes;
}

void ResidentIndexes::Drop(const IndexName& name) {
  MutexLock lock(mutex_);
  entries_.erase(name);
  resident_gauge_.Set(static_cast<int64_t>(CountBytes(nullptr)));
}

uint64_t ResidentIndexes::resident_bytes() const {
  MutexLock lock(mutex_);
  return CountBytes(nullptr);
}

}  // namespace lakehouse::search
