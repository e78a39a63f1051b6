#include "search/vector_cache/vector_segments.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "base/rng.h"

namespace lakehouse::search {

namespace {

constexpr std::string_view kPrefix = "_cache/embeddings/";
constexpr std::string_view kSuffix = ".vectors";
constexpr size_t kSpaceIdDigits = 64;
constexpr size_t kUuidDigits = 36;

// A merge reads its segments into memory and writes them anew; what an eviction takes goes at once.
constexpr uint64_t kMaxSegmentBytes = 64 << 20;
constexpr uint64_t kSegmentsInBudget = 16;
// So many segments of one size become one: each vector is rewritten once for every eightfold
// growth, and a lookup looks into few segments.
constexpr size_t kMergeWidth = 8;

std::string SpacePrefix(const std::string& space_id) { return StrCat(kPrefix, space_id, "/"); }

// The space that a key belongs to; "" when it is not one of ours.
std::string SpaceOf(const std::string& key) {
  const size_t name_begin = kPrefix.size() + kSpaceIdDigits + 1;
  if (key.size() != name_begin + kUuidDigits + kSuffix.size() || !key.starts_with(kPrefix) ||
      !key.ends_with(kSuffix) || key[name_begin - 1] != '/') {
    return "";
  }
  std::string space_id = key.substr(kPrefix.size(), kSpaceIdDigits);
  return ParseVectorKey(space_id).has_value() ? space_id : "";
}

// The part of a key that orders segments of all spaces by age.
std::string_view AgeOf(std::string_view key) {
  return key.substr(kPrefix.size() + kSpaceIdDigits + 1);
}

int SizeClass(uint64_t records) {
  int size_class = 0;
  for (; records >= kMergeWidth; records /= kMergeWidth) ++size_class;
  return size_class;
}

bool IsGone(const Status& why) {
  return why.code() == StatusCode::kNotFound || why.code() == StatusCode::kConflict;
}

}  // namespace

VectorSegments::VectorSegments(const Options& options)
    : options_(options),
      max_segment_bytes_(std::min(kMaxSegmentBytes, options.budget_bytes / kSegmentsInBudget)) {}

bool VectorSegments::IsLost(const Status& why) {
  return IsGone(why) || why.code() == StatusCode::kInternal;
}

std::vector<VectorSegmentPtr> VectorSegments::Segments(const std::string& space_id) const {
  MutexLock lock(mutex_);
  const auto found = spaces_.find(space_id);
  if (found == spaces_.end()) return {};
  return {found->second.segments.rbegin(), found->second.segments.rend()};
}

bool VectorSegments::IsLoaded(const std::string& space_id) const {
  MutexLock lock(mutex_);
  const auto found = spaces_.find(space_id);
  return found != spaces_.end() && found->second.loaded;
}

uint64_t VectorSegments::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

size_t VectorSegments::segments() const {
  MutexLock lock(mutex_);
  return objects_.size();
}

void VectorSegments::Forget(const std::string& space_id, const VectorSegment& segment,
                            const Status& why) {
  const std::string& key = segment.object().key;
  LogWarning("cached vectors are left out", {{"object", key}, {"why", why.message()}});
  MutexLock lock(mutex_);
  Space& space = spaces_[space_id];
  std::erase_if(space.segments,
                [&](const VectorSegmentPtr& other) { return other->object().key == key; });
  if (IsGone(why)) {
    space.loaded = false;
    listed_ = false;
  } else if (objects_.contains(key)) {
    damaged_.insert(key);
  }
}

Status VectorSegments::ListObjects() {
  {
    MutexLock lock(mutex_);
    if (listed_) return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<storage::ObjectInfo> objects, options_.store->List(kPrefix));
  MutexLock lock(mutex_);
  listed_ = true;
  objects_.clear();
  bytes_ = 0;
  for (const storage::ObjectInfo& object : objects) {
    if (SpaceOf(object.key).empty()) continue;
    objects_.emplace(object.key, object);
    bytes_ += object.size_bytes;
  }
  return OkStatus();
}

Status VectorSegments::Load(const std::string& space_id) {
  TRY(ListObjects());
  std::vector<storage::ObjectInfo> missing;
  {
    MutexLock lock(mutex_);
    Space& space = spaces_[space_id];
    if (space.loaded) return OkStatus();
    std::set<std::string> open;
    for (const VectorSegmentPtr& segment : space.segments) open.insert(segment->object().key);
    const std::string prefix = SpacePrefix(space_id);
    for (auto object = objects_.lower_bound(prefix);
         object != objects_.end() && object->first.starts_with(prefix); ++object) {
      if (!open.contains(object->first)) missing.push_back(object->second);
    }
  }
  std::vector<VectorSegmentPtr> opened;
  for (const storage::ObjectInfo& object : missing) {
    Result<VectorSegmentPtr> segment = VectorSegment::Open(*options_.store, object, space_id);
    if (segment.ok()) {
      opened.push_back(*std::move(segment));
      continue;
    }
    // What another process has merged meanwhile is in a segment that the next process will see.
    if (IsGone(segment.status())) continue;
    if (segment.status().code() != StatusCode::kInternal) return segment.status();
    LogWarning("cached vectors are left out",
               {{"object", object.key}, {"why", segment.status().message()}});
    MutexLock lock(mutex_);
    damaged_.insert(object.key);
  }
  MutexLock lock(mutex_);
  Space& space = spaces_[space_id];
  space.segments.insert(space.segments.end(), opened.begin(), opened.end());
  std::ranges::sort(space.segments, {},
                    [](const VectorSegmentPtr& segment) { return segment->object().key; });
  space.loaded = true;
  return OkStatus();
}

Status VectorSegments::Write(const std::string& space_id, size_t dimensions,
                             std::span<const VectorRecord> records) {
  if (options_.read_only) return OkStatus();
  TRY(ListObjects());
  const std::string key = StrCat(SpacePrefix(space_id), NewUuid(*options_.clock), kSuffix);
  const std::string bytes = EncodeVectorSegment(space_id, dimensions, records);
  ASSIGN_OR_RETURN(storage::ObjectInfo object,
                   options_.store->Put(key, bytes, {.if_absent = true}));
  object.key = key;
  object.size_bytes = bytes.size();
  ASSIGN_OR_RETURN(VectorSegmentPtr segment,
                   VectorSegment::Open(*options_.store, object, space_id));
  MutexLock lock(mutex_);
  objects_.emplace(key, std::move(object));
  bytes_ += bytes.size();
  spaces_[space_id].segments.push_back(std::move(segment));
  return OkStatus();
}

std::vector<VectorSegmentPtr> VectorSegments::ChooseMerge(const std::string& space_id) const {
  std::map<int, std::vector<VectorSegmentPtr>> by_size;
  for (const VectorSegmentPtr& segment : Segments(space_id)) {
    if (segment->object().size_bytes * 2 > max_segment_bytes_) continue;
    std::vector<VectorSegmentPtr>& same = by_size[SizeClass(segment->records())];
    same.push_back(segment);
  }
  for (auto& [size_class, same] : by_size) {
    if (same.size() < kMergeWidth) continue;
    std::ranges::reverse(same);  // Oldest first.
    std::vector<VectorSegmentPtr> chosen;
    uint64_t bytes = 0;
    for (const VectorSegmentPtr& segment : same) {
      bytes += segment->object().size_bytes;
      if (bytes > max_segment_bytes_) break;
      chosen.push_back(segment);
    }
    if (chosen.size() >= 2) return chosen;
  }
  return {};
}

Status VectorSegments::Merge(const std::string& space_id) {
  if (options_.read_only) return OkStatus();
  while (true) {
    const std::vector<VectorSegmentPtr> chosen = ChooseMerge(space_id);
    if (chosen.empty()) return OkStatus();
    std::vector<VectorRecord> merged;
    std::set<VectorKey> keys;
    bool complete = true;
    for (const VectorSegmentPtr& segment : chosen) {
      Result<std::vector<VectorRecord>> records = segment->ReadAll(*options_.store);
      if (!records.ok()) {
        if (!IsLost(records.status())) return records.status();
        Forget(space_id, *segment, records.status());
        complete = false;
        break;
      }
      for (VectorRecord& record : *records) {
        if (keys.insert(record.key).second) merged.push_back(std::move(record));
      }
    }
    if (!complete) continue;
    TRY(Write(space_id, chosen[0]->dimensions(), merged));
    // From here on a crash leaves vectors twice, which the next merge mends.
    for (const VectorSegmentPtr& segment : chosen) TRY(Delete(segment->object().key));
  }
}

Status VectorSegments::Delete(const std::string& key) {
  const std::string space_id = SpaceOf(key);
  {
    MutexLock lock(mutex_);
    std::erase_if(spaces_[space_id].segments,
                  [&](const VectorSegmentPtr& segment) { return segment->object().key == key; });
  }
  TRY(options_.store->Delete(key));
  MutexLock lock(mutex_);
  const auto object = objects_.find(key);
  if (object != objects_.end()) {
    bytes_ -= object->second.size_bytes;
    objects_.erase(object);
  }
  damaged_.erase(key);
  return OkStatus();
}

Status VectorSegments::Clean() {
  if (options_.read_only) return OkStatus();
  while (true) {
    std::string key;
    {
      MutexLock lock(mutex_);
      if (!damaged_.empty()) {
        key = *damaged_.begin();
      } else if (bytes_ > options_.budget_bytes && !objects_.empty()) {
        key = std::ranges::min_element(objects_, {}, [](const auto& object) {
                return AgeOf(object.first);
              })->first;
      } else {
        return OkStatus();
      }
    }
    TRY(Delete(key));
  }
}

}  // namespace lakehouse::search
