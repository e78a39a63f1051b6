// Where the documents of one kind lie, and which of several with one name counts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "catalog/document_move.h"
#include "catalog/loaded_buckets.h"

namespace lakehouse::catalog {

// Values of type `T` by name, each in its bucket. Thread-safe. Of several with one name, the one
// that was updated last counts, with equal times the one with the higher version, else the first in
// order of bucket names. One that is on
// its way into its bucket (MovingFrom) counts only when there is no other, and only once the bucket
// it comes from has been read.
template <typename Name, typename T>
class DocumentDirectory {
 public:
  using ValuePtr = std::shared_ptr<const T>;  // Shared with readers of older versions.

  // One document as it was read or written.
  struct Place {
    BucketName bucket;
    uint64_t version = 0;
    Timestamp updated_at;
    std::optional<MovingFrom> moving_from = std::nullopt;
    ValuePtr value;
  };

  // `loaded` outlives the directory.
  explicit DocumentDirectory(const LoadedBuckets& loaded) : loaded_(loaded) {}

  // Takes over what a listing showed, unless something newer is known of that bucket. Returns the
  // buckets of other documents of this name.
  std::vector<BucketName> Offer(const Name& name, Place place) EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    const BucketName bucket = place.bucket;
    const auto retired = retired_.find({name, bucket});
    Places& places = entries_[name];
    Place* known = FindPlace(places, bucket);
    if (retired != retired_.end() && retired->second >= place.version) {
      if (places.empty()) entries_.erase(name);
      return {};
    }
    if (known == nullptr) {
      places.push_back(std::move(place));
    } else if (known->version < place.version) {
      *known = std::move(place);
    }
    std::vector<BucketName> others;
    for (const Place& other : places) {
      if (other.bucket != bucket) others.push_back(other.bucket);
    }
    return others;
  }

  // Takes over what was just written or read under the lock of the name.
  void Set(const Name& name, Place place) EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    SetPlace(name, std::move(place));
  }

  // `bucket` holds no document of this name any more, up to and including `version`.
  void Retire(const Name& name, const BucketName& bucket, uint64_t version) EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    RetirePlace(name, bucket, version);
  }

  // As Set and Retire of `from` in one step, so that no reader finds nothing in between.
  void Move(const Name& name, Place place, const BucketName& from, uint64_t version)
      EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    SetPlace(name, std::move(place));
    RetirePlace(name, from, version);
  }

  // The bucket left, with everything that is known of it.
  void Forget(const BucketName& bucket) EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    std::erase_if(retired_, [&](const auto& item) { return item.first.second == bucket; });
    for (auto& [name, places] : entries_) {
      std::erase_if(places, [&](const Place& place) { return place.bucket == bucket; });
    }
    std::erase_if(entries_, [](const auto& entry) { return entry.second.empty(); });
  }

  // Null when nothing of this name counts.
  ValuePtr Find(const Name& name) const EXCLUDES_LOCK(mutex_) {
    const std::optional<Place> place = FindPlace(name);
    return place.has_value() ? place->value : nullptr;
  }
  std::optional<Place> FindPlace(const Name& name) const EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    const auto entry = entries_.find(name);
    const Place* place = entry == entries_.end() ? nullptr : Winner(entry->second);
    return place != nullptr && Counts(*place) ? std::optional(*place) : std::nullopt;
  }
  // What is known of the name in one bucket, whether it counts or not.
  std::optional<Place> FindIn(const Name& name, const BucketName& bucket) const
      EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return std::nullopt;
    for (const Place& place : entry->second) {
      if (place.bucket == bucket) return place;
    }
    return std::nullopt;
  }
  // Every place of a name, whether it counts or not.
  std::vector<Place> FindAll(const Name& name) const EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    const auto entry = entries_.find(name);
    return entry == entries_.end() ? std::vector<Place>() : entry->second;
  }
  // The bucket that must be read before a document on its way may count; nullopt when none must.
  std::optional<BucketName> WaitsFor(const Name& name) const EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    const auto entry = entries_.find(name);
    const Place* place = entry == entries_.end() ? nullptr : Winner(entry->second);
    if (place == nullptr || Counts(*place)) return std::nullopt;
    return place->moving_from->bucket;
  }

  // Everything that counts, sorted by name.
  std::vector<ValuePtr> List() const EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    std::vector<ValuePtr> list;
    list.reserve(entries_.size());
    for (const auto& [name, places] : entries_) {
      if (const Place* place = Winner(places); Counts(*place)) list.push_back(place->value);
    }
    return list;
  }

  // The highest version that was retired of this name in any bucket; 0 for none.
  uint64_t HighestRetired(const Name& name) const EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    uint64_t highest = 0;
    for (const auto& [key, version] : retired_) {
      if (key.first == name) highest = std::max(highest, version);
    }
    return highest;
  }

 private:
  using Places = std::vector<Place>;

  static Place* FindPlace(Places& places, const BucketName& bucket) {
    const auto found = std::find_if(places.begin(), places.end(),
                                    [&](const Place& place) { return place.bucket == bucket; });
    return found == places.end() ? nullptr : &*found;
  }

  void SetPlace(const Name& name, Place place) REQUIRES_LOCK(mutex_) {
    Places& places = entries_[name];
    if (Place* known = FindPlace(places, place.bucket)) {
      *known = std::move(place);
    } else {
      places.push_back(std::move(place));
    }
  }

  void RetirePlace(const Name& name, const BucketName& bucket, uint64_t version)
      REQUIRES_LOCK(mutex_) {
    uint64_t& retired = retired_[{name, bucket}];
    retired = std::max(retired, version);
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return;
    std::erase_if(entry->second, [&](const Place& place) { return place.bucket == bucket; });
    if (entry->second.empty()) entries_.erase(entry);
  }

  // REQUIRES: !places.empty().
  static const Place* Winner(const Places& places) {
    const auto rank = [](const Place& place) {
      const bool settled = !place.moving_from.has_value();
      return std::tuple(settled, settled ? 0 : place.moving_from->version, place.updated_at,
                        place.version);
    };
    return &*std::max_element(places.begin(), places.end(), [&](const Place& a, const Place& b) {
      const auto order = rank(a) <=> rank(b);
      return order < 0 || (order == 0 && a.bucket > b.bucket);
    });
  }

  bool Counts(const Place& place) const {
    return !place.moving_from.has_value() || loaded_.CheckLoaded(place.moving_from->bucket).ok();
  }

  const LoadedBuckets& loaded_;
  mutable Mutex mutex_;
  std::map<Name, Places> entries_ GUARDED_BY(mutex_);  // Never empty ones.
  std::map<std::pair<Name, BucketName>, uint64_t> retired_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::catalog
