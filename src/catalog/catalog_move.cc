// How a dataset moves to another bucket while it is read and changed.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "catalog/catalog.h"
#include "catalog/document_move.h"
#include "catalog/object_copier.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

namespace {

// How often files that were committed meanwhile are copied while more may come; after that, commits
// of the dataset wait for the rest.
constexpr int kFreeRounds = 4;
// How often another process may change the dataset at the last moment.
constexpr int kMaxRounds = 12;

}  // namespace

// Registers a move for its scope, so that a dataset moves once at a time and its copies are no
// garbage.
class Catalog::MoveHold {
 public:
  MoveHold(Catalog& catalog, const DatasetName& name, const BucketName& bucket)
      : catalog_(catalog), key_(name, bucket) {
    // Garbage collection looks at the register and deletes under the lock of the name.
    const auto name_hold = catalog_.names_.Lock(name);
    MutexLock lock(catalog_.mutex_);
    for (const auto& [moving, to] : catalog_.moving_) {
      if (moving != name) continue;
      status_ = Conflict("dataset ", name, " is being moved to bucket ", to, " already");
      return;
    }
    catalog_.moving_.insert(key_);
  }
  ~MoveHold() {
    if (!status_.ok()) return;
    MutexLock lock(catalog_.mutex_);
    catalog_.moving_.erase(key_);
  }
  MoveHold(const MoveHold&) = delete;
  MoveHold& operator=(const MoveHold&) = delete;

  const Status& status() const { return status_; }

 private:
  Catalog& catalog_;
  const std::pair<DatasetName, BucketName> key_;
  Status status_;
};

// One move on its way.
struct Catalog::Moving {
  const MoveRequest& request;
  std::set<std::string> copied = {};  // Keys of files that the target has.
  MoveProgress progress = {.stage = "copying"};

  void Report() const {
    if (request.report) request.report(progress);
  }
};

bool Catalog::IsMoving(const DatasetName& name, const BucketName& bucket) const {
  MutexLock lock(mutex_);
  return moving_.contains({name, bucket});
}

Result<DatasetPtr> Catalog::Move(const MoveRequest& request) {
  TRY(PrepareBucket(request.bucket));
  const MoveHold hold(*this, request.name, request.bucket);
  TRY(hold.status());
  ASSIGN_OR_RETURN(const DatasetPtr current, Get(request.name));
  if (current->bucket == request.bucket) return Settle(request.name);
  ASSIGN_OR_RETURN(DatasetPtr moved, MoveAway(request, current));
  LogInfo("A dataset has moved.", {{"dataset", request.name},
                                   {"from", current->bucket},
                                   {"to", moved->bucket},
                                   {"version", moved->version}});
  Announce(request.name);
  return moved;
}

Result<DatasetPtr> Catalog::MoveAway(const MoveRequest& request, DatasetPtr current) {
  Moving moving{.request = request};
  for (int round = 1;; ++round) {
    TRY(CopyMissing(moving, *current));
    const auto hold = names_.Lock(request.name);
    const BucketName from = current->bucket;
    ASSIGN_OR_RETURN(current, Get(request.name));
    if (current->bucket != from) {
      return Conflict("dataset ", request.name, " was moved to bucket ", current->bucket,
                      " meanwhile");
    }
    const bool complete =
        std::all_of(current->files.begin(), current->files.end(),
                    [&](const DataFile& file) { return moving.copied.contains(file.key); });
    if (!complete && round < kFreeRounds) continue;
    TRY(CopyMissing(moving, *current));
    TRY(request.cancel.Check());
    moving.progress.stage = "publishing";
    moving.Report();
    Result<DatasetPtr> moved = PublishMoved(*current, request.bucket);
    if (moved.ok()) return moved;
    const uint64_t seen = current->version;
    Reload(request.name, from);
    if (moved.status().code() != StatusCode::kConflict || round >= kMaxRounds) return moved;
    ASSIGN_OR_RETURN(current, Get(request.name));
    if (current->version == seen || current->bucket != from) return moved;
    moving.progress.stage = "copying";
  }
}

Status Catalog::CopyMissing(Moving& moving, const Dataset& dataset) const {
  MoveProgress& progress = moving.progress;
  uint64_t bytes_before = 0;
  std::vector<const DataFile*> missing;
  progress.files_done = 0;
  for (const DataFile& file : dataset.files) {
    if (moving.copied.contains(file.key)) {
      bytes_before += file.size_bytes;
      progress.files_done += 1;
    } else {
      missing.push_back(&file);
    }
  }
  progress.files_total = dataset.files.size();
  progress.bytes_total = dataset.size_bytes();
  progress.bytes_done = bytes_before;
  moving.Report();
  ObjectCopier copier(buckets_, {.from = dataset.bucket,
                                 .to = moving.request.bucket,
                                 .work_dir = moving.request.work_dir,
                                 .cancel = moving.request.cancel,
                                 .on_bytes = [&](uint64_t bytes) {
                                   progress.bytes_done += bytes;
                                   moving.Report();
                                 }});
  for (const DataFile* file : missing) {
    TRY(moving.request.cancel.Check());
    TRY(copier.Copy({file->key, file->size_bytes, file->crc32c}));
    moving.copied.insert(file->key);
    progress.files_done += 1;
  }
  return OkStatus();
}

Result<DatasetPtr> Catalog::PublishMoved(const Dataset& current, const BucketName& target) {
  const DatasetName& name = current.name;
  ASSIGN_OR_RETURN(storage::ObjectStore * from, buckets_.Find(current.bucket));
  ASSIGN_OR_RETURN(storage::ObjectStore * to, buckets_.Find(target));
  // A copy that an earlier move left elsewhere would compete with this one's.
  for (const Directory::Place& place : directory_.FindAll(name)) {
    if (place.bucket == current.bucket || place.bucket == target) continue;
    if (place.moving_from.has_value()) TRY(DeleteDocument(name, place.bucket));
  }
  Dataset next = current;
  next.bucket = target;
  DocumentMove move{.kind = std::string(kDocumentKind),
                    .name = name.str(),
                    .from = current.bucket,
                    .version = current.version,
                    .from_store = from,
                    .to_store = to,
                    .at = clock_.Now()};
  ASSIGN_OR_RETURN(move.body, Encode(next));
  loaded_->AddName(target, name.str());
  const Result<MovedDocument> moved = MoveDocument(move);
  if (!moved.ok()) {
    // The copy that may be left in the target is known from now on.
    ReloadFrom(name, target);
    return moved.status();
  }
  next.version = moved->version;
  Directory::Place place{.bucket = target, .version = next.version, .updated_at = next.updated_at};
  if (!moved->settled) place.moving_from = MovingFrom{current.bucket, current.version, move.at};
  auto published = std::make_shared<const Dataset>(std::move(next));
  place.value = published;
  directory_.Move(name, std::move(place), current.bucket, current.version + 1);
  loaded_->RemoveName(current.bucket, name.str());
  return DatasetPtr(std::move(published));
}

Result<DatasetPtr> Catalog::Settle(const DatasetName& name) {
  const auto hold = names_.Lock(name);
  const auto place = directory_.FindPlace(name);
  if (!place.has_value() || !place->moving_from.has_value()) return Get(name);
  Result<DatasetPtr> settled = Publish(*place->value);
  if (!settled.ok()) Reload(name, place->bucket);
  return settled;
}

}  // namespace lakehouse::catalog
