// The versions of one document as they lie in a bucket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "storage/document_format.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// A version that a listing showed.
struct ListedVersion {
  uint64_t version = 0;
  uint64_t size_bytes = 0;
  Timestamp modified;
};

// What a listing of `kind` says of one object; nullopt when it is foreign.
std::optional<ListedVersion> ParseListedVersion(std::string_view kind, const ObjectInfo& info);

// A version whose checksum holds.
struct LoadedVersion {
  DocumentVersion document;
  std::string sha256;  // Of its bytes; what its successor records.
};

// Reads versions and publishes the next one. Borrows the store. Not thread-safe; cheap to make.
class DocumentChain {
 public:
  DocumentChain(ObjectStore& store, std::string_view kind, std::string_view name)
      : store_(store), kind_(kind), name_(name) {}

  // Lists the versions and finds the newest that verifies; false when there are none. kInternal
  // when none verifies.
  Result<bool> Open();
  // As Open, with versions that the caller has listed, in ascending order.
  Result<bool> OpenListed(std::vector<ListedVersion> versions);

  // REQUIRES for the rest: Open returned true, except where said otherwise.

  // Every listed version, ascending.
  const std::vector<ListedVersion>& versions() const { return versions_; }
  // The truth: what `versions()[newest_index()]` holds.
  const LoadedVersion& newest() const { return newest_; }
  size_t newest_index() const { return newest_index_; }

  // Nullopt when the version is damaged, which is logged. kNotFound when it is gone. Does not need
  // Open.
  Result<std::optional<LoadedVersion>> Load(const ListedVersion& listed) const;

  // Creates a version; kConflict when somebody else has. Settles lost answers by reading back. Does
  // not need Open.
  Status Publish(const DocumentVersion& document);
  // Deletes the oldest versions but `keep`, where one more than the listed was just published.
  // Failures are logged: what stays is deleted by a later write.
  void Prune(size_t keep);

 private:
  Result<std::vector<ListedVersion>> List() const;
  // False when a version vanished, so that the listing is out of date.
  Result<bool> FindNewest();
  Status PutOnce(const std::string& key, const std::string& bytes, bool& absent);
  Status ConfirmInChain(const std::string& key, const std::string& sha256) const;

  ObjectStore& store_;
  const std::string kind_;
  const std::string name_;
  std::vector<ListedVersion> versions_;
  LoadedVersion newest_;
  size_t newest_index_ = 0;
};

}  // namespace lakehouse::storage
