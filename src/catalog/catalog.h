// The datasets of this lakehouse: rebuilt from the buckets at start, changed by atomic commits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "catalog/dataset.h"
#include "catalog/file_manifest.h"
#include "catalog/name_locks.h"
#include "storage/bucket_registry.h"
#include "storage/document_store.h"

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

// Thread-safe. Readers never wait for storage. Changes of one dataset come one after the other,
// changes of different datasets side by side. Invariants:
// 1. Every dataset that Get returns has been read from or written to storage as a whole document.
// 2. A commit is acknowledged only after its document is durable.
// 3. A file is deleted only when no version names it that is published or was until a grace period
//    ago.
// 4. The documents of a bucket are changed under the lock of the dataset's name.
class Catalog {
 public:
  // Reads every dataset document of every bucket. `buckets` and `clock` outlive this. A damaged
  // document is logged and its previous version used; one that cannot be read at all is logged and
  // left out. Of a dataset in two buckets, the one that was updated last counts.
  static Result<std::unique_ptr<Catalog>> Open(storage::BucketRegistry& buckets,
                                               const Clock& clock = Clock::System());

  std::vector<DatasetPtr> List() const;  // Sorted by name.
  // kNotFound names the nearest dataset.
  Result<DatasetPtr> Get(const DatasetName& name) const;
  // The object key prefix for a dataset's data files: "data/<dataset>/data/".
  static std::string DataPrefix(const DatasetName& name);

  // Publishes a change. kConflict when somebody else committed since `expected_version`; nothing is
  // changed then. kInvalidArgument when the commit cannot be right: a file that is not stored as it
  // says or is not below DataPrefix, or columns that do not fit. kCommitStateUnknown when it may
  // have happened: commit the same again. A commit whose files the dataset names already has
  // happened, and is answered with the dataset as it is.
  Result<DatasetPtr> Commit(const DatasetCommit& commit);
  // Removes the dataset from the catalog; its files become garbage.
  Status Drop(const DatasetName& name);
  // Records that an index covers the dataset's rows as of `version`; clears the stale mark only
  // when nothing newer was committed. Ok and without effect when the dataset is gone.
  Status MarkEmbedded(const DatasetName& name, uint64_t version);

  // Deletes data files that are older than `grace_micros` and that no dataset has named since.
  // Returns how many bytes were freed. Deletes nothing after a failed listing, and stops at the
  // first error. Objects that are no data files of ours are never touched.
  Result<uint64_t> CollectGarbage(int64_t grace_micros);

  // Called after every published commit and drop, on the committing thread. REQUIRES: before
  // threads start.
  void Subscribe(std::function<void(const DatasetName&)> listener);

 private:
  Catalog(storage::BucketRegistry& buckets, const Clock& clock)
      : buckets_(buckets), clock_(clock), manifest_(InlineManifest()) {}

  static constexpr std::string_view kDocumentKind = "dataset";

  Status LoadBucket(const BucketName& bucket);
  Result<Dataset> Decode(const BucketName& bucket, const storage::Document& document) const;
  // Null when the dataset does not exist.
  DatasetPtr Current(const DatasetName& name) const;
  void SetCurrent(const DatasetName& name, DatasetPtr dataset);
  Result<DatasetPtr> CommitAlone(const DatasetCommit& commit);
  Status CheckStored(const DatasetCommit& commit) const;
  Status DropAlone(const DatasetName& name);
  // Ok when there is none.
  Status DeleteDocument(const DatasetName& name, const BucketName& bucket);
  // Writes `next` as the document after `next.version` and makes it current. REQUIRES: the name is
  // locked.
  Result<DatasetPtr> Publish(Dataset next);
  // Makes current what storage says. REQUIRES: the name is locked.
  void Reload(const DatasetName& name, const BucketName& bucket);
  Result<uint64_t> CollectDataset(const BucketName& bucket, const DatasetName& name,
                                  const std::vector<storage::ObjectInfo>& files, Timestamp since);
  void Announce(const DatasetName& name) const;

  storage::BucketRegistry& buckets_;
  const Clock& clock_;
  const FileManifest& manifest_;
  std::vector<std::function<void(const DatasetName&)>> listeners_;
  NameLocks names_;
  mutable Mutex mutex_;
  std::map<DatasetName, DatasetPtr> datasets_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::catalog
