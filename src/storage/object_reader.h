// Reads one object, from the rescue bucket where its own fails.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "storage/bucket_registry.h"

namespace lakehouse::storage {

// Which buckets stood in for others while one answer was made. Thread-safe.
class RescueTrace {
 public:
  void Add(const BucketName& rescue) EXCLUDES_LOCK(mutex_);
  // What X-Lakehouse-Rescue-Used says; "" when every bucket answered for itself.
  std::string ToHeader() const EXCLUDES_LOCK(mutex_);

 private:
  mutable Mutex mutex_;
  std::set<BucketName> used_ GUARDED_BY(mutex_);
};

// One version of one object, opened for reading. When the bucket does not have it, has it in
// another size than it must have, or cannot be reached (kNotFound, kUnavailable,
// kDeadlineExceeded), the same key of the rescue bucket is read; the journal of storage errors and
// `trace` say so. Once opened, only an equally long object may take over, and once bytes have been
// read only one that is `write_once`: two versions are never mixed.
//
// For data files and raw objects. Documents of the catalog are never read this way: an old copy of
// them would be taken for the truth. Thread-safe.
class ObjectReader {
 public:
  struct Options {
    bool write_once = false;  // The key never gets other bytes.
    // What the object must have; another size is kInternal, a damaged object.
    std::optional<uint64_t> size_bytes = std::nullopt;
    RescueTrace* trace = nullptr;  // Outlives the reader.
  };
  // `buckets` outlives the reader. Errors are those of the object's own bucket.
  static Result<std::unique_ptr<ObjectReader>> Open(const BucketRegistry& buckets,
                                                    const BucketName& bucket, std::string_view key,
                                                    const Options& options);

  // Of the version that is read. When another bucket takes over before the first byte was read,
  // all but the size may change.
  ObjectInfo info() const EXCLUDES_LOCK(mutex_);
  // As ObjectStore::ReadAt.
  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) const EXCLUDES_LOCK(mutex_);
  // As ObjectStore::LocalPath, of the bucket that serves it.
  std::optional<std::string> LocalPath() const EXCLUDES_LOCK(mutex_);

 private:
  // One version of the object in one bucket. Immutable, so that reads need no lock.
  struct Source {
    const ObjectStore* store;
    ObjectInfo info;
    bool is_rescue;
  };
  using SourcePtr = std::shared_ptr<const Source>;  // Shared by the reads under way.

  ObjectReader(const BucketRegistry& buckets, BucketName bucket, const Options& options)
      : buckets_(buckets), bucket_(std::move(bucket)), options_(options) {}
  Result<SourcePtr> OpenOwn(const ObjectStore& store, std::string_view key) const;
  // Opens the object in the rescue bucket because of `error`, which comes back when that cannot
  // help. `size_bytes`: what it must have; nullopt: any.
  Result<SourcePtr> OpenRescue(std::string_view key, const Status& error,
                               std::optional<uint64_t> size_bytes) const;
  Status CheckSize(const ObjectInfo& info) const;
  SourcePtr source() const EXCLUDES_LOCK(mutex_);
  // Notes that bytes of `read` were read; false when another source took over before, so that they
  // may not be used.
  bool Accept(const SourcePtr& read) const EXCLUDES_LOCK(mutex_);
  // Replaces `failed`; ok when there is another source by now.
  Status TakeOver(const SourcePtr& failed, const Status& error) const EXCLUDES_LOCK(mutex_);

  const BucketRegistry& buckets_;
  const BucketName bucket_;
  const Options options_;
  mutable Mutex mutex_;
  mutable SourcePtr source_ GUARDED_BY(mutex_);
  mutable bool bytes_read_ GUARDED_BY(mutex_) = false;
};

}  // namespace lakehouse::storage
