// The published indexes by name.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/bucket_loader.h"
#include "catalog/document_directory.h"
#include "catalog/loaded_buckets.h"
#include "search/index.h"
#include "storage/bucket_registry.h"
#include "storage/document_store.h"

namespace lakehouse::search {

using IndexPtr = std::shared_ptr<const IndexInfo>;  // Shared with searches of older versions.

struct IndexRegistryOptions {
  std::string state_dir;  // As in SearchServiceOptions.
  // Not waited for at start: they are known not to answer.
  std::set<BucketName> unreachable;
  int64_t start_wait_micros = 5'000'000;
  catalog::BucketLoader::Options loading;
  // Called before a bucket's indexes are read, on any thread; an error means that they are not.
  std::function<Status(const BucketName&)> before_read = {};
};

// Reads every index document at start and keeps what is published since. Thread-safe. Invariants:
// 1. What Find returns has been read from or written to its home bucket as a whole document.
// 2. A bucket that cannot be reached stops nothing but its own indexes: they answer kUnavailable
//    and are read as soon as it answers.
class IndexRegistry {
 public:
  // Scans every bucket. A damaged document is logged and left out; of two indexes with one name in
  // two buckets the one that was updated last counts. `buckets` outlives the registry.
  static Result<std::unique_ptr<IndexRegistry>> Open(storage::BucketRegistry& buckets,
                                                     const IndexRegistryOptions& options = {});
  ~IndexRegistry();

  std::vector<IndexPtr> List() const;  // Sorted by name.
  // Null when there is none in the buckets that were read.
  IndexPtr Find(const IndexName& name) const { return directory_.Find(name); }
  // True when there is one, or when a bucket that could not be read was last known to hold it.
  bool IsTaken(const IndexName& name) const {
    return Find(name) != nullptr || !loaded_->CheckNotInMissing(name.str()).ok();
  }
  // kNotFound names the nearest index; kUnavailable when it is, or may be, in a bucket that could
  // not be read yet.
  Result<IndexPtr> Get(const IndexName& name) const;

  // As in Catalog.
  std::vector<catalog::MissingBucket> Missing() const { return loaded_->Missing(); }
  Status LoadBucket(const BucketName& bucket) { return loader_->LoadNow(bucket); }
  Status LoadMissing() { return loader_->LoadMissing(); }
  void ForgetBucket(const BucketName& bucket);
  std::vector<std::string> NamesIn(const BucketName& bucket) const;
  bool IsLoaded(const BucketName& bucket) const { return loaded_->IsLoaded(bucket); }

  // Replaces version index.version (0: the index is new) and returns what is published now.
  // kConflict when somebody else was first. kUnavailable when an index of that name may be in a
  // bucket that cannot be reached. After any error memory agrees with storage again, as far as
  // storage can be read.
  Result<IndexPtr> Publish(IndexInfo index);
  // Removes the document. REQUIRES: nobody publishes the index meanwhile.
  Status Remove(const IndexInfo& index);
  // Makes `bucket`, which holds every part of `index`, its home; errors as of MoveDocument. Ok when
  // it is there already. REQUIRES: nobody publishes or removes the index meanwhile.
  Result<IndexPtr> Move(const IndexInfo& index, const BucketName& bucket, Timestamp now);
  // kUnavailable unless the bucket was read; kNotFound.
  Status PrepareBucket(const BucketName& bucket);

  // Keys of the parts that versions of the index in `bucket` name which were published at some time
  // since `since`.
  Result<std::set<std::string>> PartsNamedSince(const BucketName& bucket, const IndexName& name,
                                                Timestamp since) const;

  // Deletes the marked copy of a move to `bucket` that came to nothing, if there is one that cannot
  // count any more. REQUIRES: nobody works on the index meanwhile.
  Status RemoveLeftover(const BucketName& bucket, const IndexName& name, Timestamp since);

 private:
  using Directory = catalog::DocumentDirectory<IndexName, IndexInfo>;

  IndexRegistry(storage::BucketRegistry& buckets, const IndexRegistryOptions& options);

  Status ReadBucket(const BucketName& bucket);
  static Result<Directory::Place> Decode(const BucketName& bucket,
                                         const storage::Document& document);
  // Takes over what `bucket` holds.
  Status Reload(const BucketName& bucket, const IndexName& name);
  // kUnavailable when an index that Find does not know may exist all the same.
  Status CheckNotOnItsWay(const IndexName& name) const;
  // Deletes a document that does not count.
  Status DeleteCopy(const Directory::Place& copy, const IndexName& name);
  void Retire(const IndexName& name, const BucketName& bucket, uint64_t version);

  storage::BucketRegistry& buckets_;
  const std::function<Status(const BucketName&)> before_read_;
  std::unique_ptr<storage::ObjectStore> state_;  // Null: nothing is remembered.
  std::unique_ptr<catalog::LoadedBuckets> loaded_;
  Directory directory_;
  std::unique_ptr<catalog::BucketLoader> loader_;  // Destroyed first: its threads use the rest.
};

}  // namespace lakehouse::search
