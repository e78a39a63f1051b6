// The datasets of this lakehouse: rebuilt from the buckets at start, changed by atomic commits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "catalog/bucket_loader.h"
#include "catalog/dataset.h"
#include "catalog/document_directory.h"
#include "catalog/file_manifest.h"
#include "catalog/loaded_buckets.h"
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

struct CatalogOptions {
  const Clock* clock = &Clock::System();  // Outlives the catalog.
  // Below the data directory: keeps which datasets each bucket was last known to hold. "": nothing
  // is remembered between runs.
  std::string state_dir;
  // How long Open waits for buckets; what takes longer is loaded in the background.
  int64_t start_wait_micros = 5'000'000;
  BucketLoader::Options loading;
};

struct MoveProgress {
  std::string_view stage;  // "copying", "publishing"
  uint64_t files_done = 0;
  uint64_t files_total = 0;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
};

struct MoveRequest {
  DatasetName name;
  BucketName bucket;     // Where to.
  std::string work_dir;  // For files on their way; created.
  CancelToken cancel;
  // Called on the moving thread, at times while the dataset is locked: it must not change it.
  std::function<void(const MoveProgress&)> report = {};
};

// Thread-safe. Readers never wait for storage. Changes of one dataset come one after the other,
// changes of different datasets side by side. Invariants:
// 1. Every dataset that Get returns has been read from or written to storage as a whole document.
// 2. A commit is acknowledged only after its document is durable.
// 3. A file is deleted only when no version names it that is published or was until a grace period
//    ago.
// 4. The documents of a bucket are changed under the lock of the dataset's name.
// 5. A bucket that cannot be reached stops nothing but its own datasets: they answer kUnavailable
//    and are loaded as soon as it answers. No file of a bucket is deleted before it was loaded.
// 6. At every moment one bucket holds the truth about a dataset; its version only ever grows, also
//    when the dataset moves.
class Catalog {
 public:
  // Reads every dataset document of every bucket. `buckets` outlives this. A damaged document is
  // logged and its previous version used; one that cannot be read at all is logged and left out.
  // Of a dataset in two buckets, the one that was updated last counts. A bucket that cannot be read
  // is logged and tried again in the background.
  static Result<std::unique_ptr<Catalog>> Open(storage::BucketRegistry& buckets,
                                               const CatalogOptions& options);
  static Result<std::unique_ptr<Catalog>> Open(storage::BucketRegistry& buckets,
                                               const Clock& clock = Clock::System()) {
    return Open(buckets, CatalogOptions{.clock = &clock});
  }
  ~Catalog();

  std::vector<DatasetPtr> List() const;  // Sorted by name; of the buckets that were loaded.
  // kNotFound names the nearest dataset. kUnavailable when the dataset is, or may be, in a bucket
  // that could not be loaded yet.
  Result<DatasetPtr> Get(const DatasetName& name) const;
  // As Get, but null when a new dataset may take the name. kUnavailable only when a bucket that
  // could not be loaded was last known to hold it.
  Result<DatasetPtr> GetOrNull(const DatasetName& name) const;
  // The object key prefix for a dataset's data files: "data/<dataset>/data/".
  static std::string DataPrefix(const DatasetName& name);

  // The buckets that could not be loaded yet.
  std::vector<MissingBucket> Missing() const { return loaded_->Missing(); }
  // Reads a bucket now: after BucketRegistry::Add, or to hurry up after an outage.
  Status LoadBucket(const BucketName& bucket) { return loader_->LoadNow(bucket); }
  // Tries every missing bucket now. The background does the same by itself.
  Status LoadMissing() { return loader_->LoadMissing(); }
  // As LoadBucket, unless it was read before. kUnavailable when it cannot be; kNotFound.
  Status PrepareBucket(const BucketName& bucket);
  // To be called after BucketRegistry::Remove.
  void ForgetBucket(const BucketName& bucket);
  // The names of the datasets in `bucket`; of one that is missing, those it was last known to hold.
  std::vector<std::string> NamesIn(const BucketName& bucket) const;

  // Publishes a change. kConflict when somebody else committed since `expected_version`; nothing is
  // changed then. kInvalidArgument when the commit cannot be right: a file that is not stored as it
  // says or is not below DataPrefix, or columns that do not fit. kUnavailable when the dataset may
  // exist in a bucket that cannot be reached. kCommitStateUnknown when it may have happened: commit
  // the same again. A commit whose files the dataset names already has happened, and is answered
  // with the dataset as it is.
  Result<DatasetPtr> Commit(const DatasetCommit& commit);
  // Removes the dataset from the catalog; its files become garbage.
  Status Drop(const DatasetName& name);
  // Records that an index covers the dataset's rows as of `version`; clears the stale mark only
  // when nothing newer was committed. Ok and without effect when the dataset is gone.
  Status MarkEmbedded(const DatasetName& name, uint64_t version);

  // Copies the dataset's files to another bucket and makes that its home, while it can be read and
  // changed: what is committed meanwhile moves too, and readers of older versions find their files
  // until they are garbage. Ok and without work when it is there already; so a move that broke off
  // is finished by the same call again. After any error the dataset is where it was, except after
  // kCommitStateUnknown. kConflict: it is being moved already. kInternal: a file is damaged.
  Result<DatasetPtr> Move(const MoveRequest& request);

  // Deletes data files that are older than `grace_micros` and that no dataset has named since.
  // Returns how many bytes were freed. A bucket that could not be loaded yet keeps everything.
  // Deletes nothing after a failed listing, and stops at the first error. Objects that are no data
  // files of ours, and the copies in the rescue bucket, are never touched.
  Result<uint64_t> CollectGarbage(int64_t grace_micros);

  // Called after every published commit, move and drop, on the committing thread. REQUIRES: before
  // threads start.
  void Subscribe(std::function<void(const DatasetName&)> listener);

 private:
  using Directory = DocumentDirectory<DatasetName, Dataset>;
  class MoveHold;

  Catalog(storage::BucketRegistry& buckets, const CatalogOptions& options);

  static constexpr std::string_view kDocumentKind = "dataset";

  // loading: catalog_load.cc
  Status ReadBucket(const BucketName& bucket);
  Result<Directory::Place> Decode(const BucketName& bucket,
                                  const storage::Document& document) const;
  // Makes known what storage says. REQUIRES: the name is locked.
  void Reload(const DatasetName& name, const BucketName& bucket);
  // Reads what `bucket` holds of the name; false when it does not answer.
  bool ReloadFrom(const DatasetName& name, const BucketName& bucket);

  // Null when the dataset does not exist.
  DatasetPtr Current(const DatasetName& name) const { return directory_.Find(name); }
  // kUnavailable when a copy of the dataset may count, but where it comes from was not read yet.
  Status CheckNotOnItsWay(const DatasetName& name) const;
  Result<DatasetPtr> CommitAlone(const DatasetCommit& commit);
  Status CheckStored(const DatasetCommit& commit) const;
  Status DropAlone(const DatasetName& name);
  // Ok when there is none.
  Status DeleteDocument(const DatasetName& name, const BucketName& bucket);
  // What the document of a dataset says.
  Result<Json> Encode(const Dataset& dataset) const;
  // Writes `next` as the document after `next.version` and makes it current. REQUIRES: the name is
  // locked.
  Result<DatasetPtr> Publish(Dataset next);
  void Announce(const DatasetName& name) const;

  // moving: catalog_move.cc
  struct Moving;
  Result<DatasetPtr> MoveAway(const MoveRequest& request, DatasetPtr current);
  Status CopyMissing(Moving& moving, const Dataset& dataset) const;
  // REQUIRES: the name is locked.
  Result<DatasetPtr> PublishMoved(const Dataset& current, const BucketName& target);
  Result<DatasetPtr> Settle(const DatasetName& name);

  // collecting: garbage.cc
  Result<uint64_t> CollectDataset(const BucketName& bucket, const DatasetName& name,
                                  const std::vector<storage::ObjectInfo>& files, Timestamp since);
  // Deletes the marked copy of a move that came to nothing. REQUIRES: the name is locked.
  Status RemoveLeftover(const BucketName& bucket, const DatasetName& name, Timestamp since);
  bool IsMoving(const DatasetName& name, const BucketName& bucket) const;

  storage::BucketRegistry& buckets_;
  const Clock& clock_;
  const FileManifest& manifest_;
  std::unique_ptr<storage::ObjectStore> state_;  // Null: nothing is remembered.
  std::unique_ptr<LoadedBuckets> loaded_;
  Directory directory_;
  std::vector<std::function<void(const DatasetName&)>> listeners_;
  NameLocks names_;
  mutable Mutex mutex_;
  // Moves on their way, by where they lead to.
  std::set<std::pair<DatasetName, BucketName>> moving_ GUARDED_BY(mutex_);
  std::unique_ptr<BucketLoader> loader_;  // Destroyed first: its threads use the rest.
};

}  // namespace lakehouse::catalog
