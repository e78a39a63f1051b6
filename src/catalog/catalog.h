// The datasets of this lakehouse: rebuilt from the buckets at start, changed by atomic commits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "catalog/dataset.h"
#include "catalog/file_manifest.h"
#include "storage/bucket_registry.h"

namespace lakehouse::catalog {

using DatasetPtr = std::shared_ptr<const Dataset>;  // Shared with readers of older versions.

enum class CommitMode {
  kCreate,   // kConflict when the dataset exists.
  kAppend,   // Creates the dataset when it does not exist; else the columns must be equal.
  kReplace,  // The new files become all of the dataset; creates it when it does not exist.
};

struct DatasetCommit {
  DatasetName name;
  BucketName bucket;  // Where the files are. An existing dataset keeps its bucket.
  CommitMode mode = CommitMode::kCreate;
  uint64_t expected_version = 0;  // Version the caller looked at; 0: it did not exist.
  std::vector<Column> columns;
  std::vector<DataFile> files;  // Already durable in `bucket`.
  SourceRecord source;
};

// Thread-safe. Invariants:
// 1. Every dataset that Get returns has been read from or written to storage as a whole document.
// 2. A commit is acknowledged only after its document is durable.
// 3. Files are deleted only when no published version that can still be read names them.
class Catalog {
 public:
  // Reads every dataset document of every bucket. `buckets` and `clock` outlive this. A damaged
  // document is logged and its previous version used.
  static Result<std::unique_ptr<Catalog>> Open(storage::BucketRegistry& buckets,
                                               const Clock& clock = Clock::System());

  std::vector<DatasetPtr> List() const;  // Sorted by name.
  // kNotFound names the nearest dataset.
  Result<DatasetPtr> Get(const DatasetName& name) const;
  // The object key prefix for a dataset's data files: "data/<dataset>/data/".
  static std::string DataPrefix(const DatasetName& name);

  // Publishes a change. kConflict when somebody else committed since `expected_version`.
  Result<DatasetPtr> Commit(const DatasetCommit& commit);
  // Removes the dataset from the catalog; its files become garbage.
  Status Drop(const DatasetName& name);
  // Records that an index covers the dataset's rows as of `version`; clears the stale mark only
  // when nothing newer was committed.
  // Ok and without effect when the dataset is gone.
  Status MarkEmbedded(const DatasetName& name, uint64_t version);

  // Deletes data files that no dataset names and that are older than `grace_micros`. Returns how
  // many bytes were freed. Never runs after a failed listing.
  Result<uint64_t> CollectGarbage(int64_t grace_micros);

  // Called after every published commit and drop, on the committing thread. REQUIRES: before
  // threads start.
  void Subscribe(std::function<void(const DatasetName&)> listener);

 private:
  Catalog(storage::BucketRegistry& buckets, const Clock& clock)
      : buckets_(buckets), clock_(clock), manifest_(InlineManifest()) {}

  Status LoadBucket(const BucketName& name);
  // Null when the dataset does not exist.
  DatasetPtr Current(const DatasetName& name) const;
  // Writes `next` as the document after `next.version` and makes it current.
  Result<DatasetPtr> Publish(Dataset next);
  Result<uint64_t> CollectBucket(const BucketName& name, Timestamp modified_before);
  void Announce(const DatasetName& name) const;

  storage::BucketRegistry& buckets_;
  const Clock& clock_;
  const FileManifest& manifest_;
  std::vector<std::function<void(const DatasetName&)>> listeners_;
  mutable Mutex mutex_;
  std::map<DatasetName, DatasetPtr> datasets_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::catalog
