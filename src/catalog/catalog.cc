#include "catalog/catalog.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "catalog/commit_rules.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

namespace {

// How often a change without an expected version is tried on top of what others commit.
constexpr int kMaxTries = 8;

// Above this many files of a commit one listing is cheaper than a question for each.
constexpr size_t kMaxHeads = 16;

bool IsUnreachable(const Status& status) {
  return status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kDeadlineExceeded ||
         status.code() == StatusCode::kPermissionDenied;
}

bool IsUncertain(const Status& status) {
  return status.code() == StatusCode::kCommitStateUnknown ||
         status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kDeadlineExceeded || status.code() == StatusCode::kConflict;
}

}  // namespace

std::vector<DatasetPtr> Catalog::List() const { return directory_.List(); }

Result<DatasetPtr> Catalog::Get(const DatasetName& name) const {
  if (DatasetPtr dataset = Current(name)) return dataset;
  TRY(CheckNotOnItsWay(name));
  TRY(loaded_->CheckNothingMissing(name.str()));
  std::vector<std::string> names;
  for (const DatasetPtr& dataset : List()) names.push_back(dataset->name.str());
  const std::string nearest = NearestName(name.str(), names);
  return NotFound("there is no dataset ", name,
                  nearest.empty() ? "; GET /catalog/datasets lists them" : "; did you mean ",
                  nearest);
}

Result<DatasetPtr> Catalog::GetOrNull(const DatasetName& name) const {
  if (DatasetPtr dataset = Current(name)) return dataset;
  TRY(CheckNotOnItsWay(name));
  TRY(loaded_->CheckNotInMissing(name.str()));
  return DatasetPtr();
}

Status Catalog::CheckNotOnItsWay(const DatasetName& name) const {
  const std::optional<BucketName> from = directory_.WaitsFor(name);
  if (!from.has_value()) return OkStatus();
  return loaded_->CheckLoaded(*from).Annotate(
      StrCat("dataset ", name, " is moving, and where it comes from must be read first"));
}

Status Catalog::PrepareBucket(const BucketName& bucket) {
  TRY(buckets_.Find(bucket).status());
  if (loaded_->IsLoaded(bucket)) return OkStatus();
  // What went wrong is what CheckLoaded says.
  static_cast<void>(loader_->LoadNow(bucket));
  return loaded_->CheckLoaded(bucket);
}

std::string Catalog::DataPrefix(const DatasetName& name) { return StrCat("data/", name, "/data/"); }

Result<DatasetPtr> Catalog::Commit(const DatasetCommit& commit) {
  TRY(CheckCommit(commit));
  TRY(PrepareBucket(commit.bucket));
  ASSIGN_OR_RETURN(DatasetPtr published, CommitAlone(commit));
  Announce(commit.name);
  return published;
}

Result<DatasetPtr> Catalog::CommitAlone(const DatasetCommit& commit) {
  const auto hold = names_.Lock(commit.name);
  DatasetPtr current = Current(commit.name);
  if (WasApplied(commit, current.get())) return current;
  TRY(GetOrNull(commit.name).status());
  TRY(CheckApplies(commit, current.get()));
  TRY(CheckStored(commit));
  Result<DatasetPtr> published = Publish(ApplyCommit(commit, current.get(), clock_.Now()));
  if (published.ok()) return published;
  // Storage may be ahead of us now: by this commit, or by another process.
  Reload(commit.name, commit.bucket);
  current = Current(commit.name);
  if (IsUncertain(published.status()) && WasApplied(commit, current.get())) return current;
  return published;
}

Status Catalog::CheckStored(const DatasetCommit& commit) const {
  ASSIGN_OR_RETURN(const storage::ObjectStore* store, buckets_.Find(commit.bucket));
  std::map<std::string, uint64_t> listed;
  const bool many = commit.files.size() > kMaxHeads;
  if (many) {
    ASSIGN_OR_RETURN(const std::vector<storage::ObjectInfo> objects,
                     store->List(DataPrefix(commit.name)));
    for (const storage::ObjectInfo& object : objects) listed[object.key] = object.size_bytes;
  }
  for (const DataFile& file : commit.files) {
    std::optional<uint64_t> size;
    if (many) {
      const auto found = listed.find(file.key);
      if (found != listed.end()) size = found->second;
    } else {
      const auto info = store->Head(file.key);
      if (info.status().code() != StatusCode::kNotFound) {
        TRY(info.status());
        size = info->size_bytes;
      }
    }
    if (!size.has_value()) {
      return InvalidArgument("a data file of the commit is not in bucket ", commit.bucket, ": ",
                             file.key);
    }
    if (*size != file.size_bytes) {
      return InvalidArgument("a data file has ", *size, " bytes, the commit says ", file.size_bytes,
                             ": ", file.key);
    }
  }
  return OkStatus();
}

Result<Json> Catalog::Encode(const Dataset& dataset) const {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(dataset.bucket));
  Json body = DatasetToJson(dataset);
  ASSIGN_OR_RETURN(body["files"], manifest_.Save(*store, dataset.name, dataset.files));
  return body;
}

Result<DatasetPtr> Catalog::Publish(Dataset next) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(next.bucket));
  ASSIGN_OR_RETURN(const Json body, Encode(next));
  // A name that was dropped and comes back, in any bucket, continues its numbers.
  const uint64_t at_least = next.version == 0 ? directory_.HighestRetired(next.name) + 1 : 0;
  loaded_->AddName(next.bucket, next.name.str());
  ASSIGN_OR_RETURN(next.version, storage::DocumentStore(*store).Write(
                                     kDocumentKind, next.name.str(), next.version, body, at_least));
  auto published = std::make_shared<const Dataset>(std::move(next));
  directory_.Set(published->name, {.bucket = published->bucket,
                                   .version = published->version,
                                   .updated_at = published->updated_at,
                                   .value = published});
  return DatasetPtr(std::move(published));
}

Status Catalog::Drop(const DatasetName& name) {
  TRY(DropAlone(name));
  Announce(name);
  return OkStatus();
}

Status Catalog::DropAlone(const DatasetName& name) {
  const auto hold = names_.Lock(name);
  ASSIGN_OR_RETURN(const DatasetPtr current, Get(name));
  TRY(loaded_->CheckNotInMissing(name.str()));
  // A duplicate in another bucket would take the dataset's place at the next start, so it goes
  // first.
  for (const storage::BucketInfo& bucket : buckets_.List()) {
    if (bucket.name == current->bucket || !loaded_->IsLoaded(bucket.name)) continue;
    const Status status = DeleteDocument(name, bucket.name);
    if (status.ok()) continue;
    if (!IsUnreachable(status) || directory_.FindIn(name, bucket.name).has_value()) return status;
    LogWarning("A bucket could not be asked for a duplicate of a dataset that was dropped.",
               {{"dataset", name}, {"bucket", bucket.name}, {"error", status.message()}});
  }
  const Status status = DeleteDocument(name, current->bucket);
  if (!status.ok()) Reload(name, current->bucket);
  return status;
}

Status Catalog::DeleteDocument(const DatasetName& name, const BucketName& bucket) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  storage::DocumentStore documents(*store);
  Status status;
  for (int i = 0; i < kMaxTries; ++i) {
    const auto document = documents.Read(kDocumentKind, name.str());
    status = document.status();
    if (document.ok()) status = documents.Delete(kDocumentKind, name.str(), document->version);
    if (status.ok() || status.code() == StatusCode::kNotFound) {
      const auto known = directory_.FindIn(name, bucket);
      const uint64_t version = document.ok() ? document->version : 0;
      if (document.ok() || known.has_value()) {
        directory_.Retire(name, bucket, std::max(version, known ? known->version : 0) + 1);
      }
      loaded_->RemoveName(bucket, name.str());
      return OkStatus();
    }
    if (status.code() != StatusCode::kConflict) break;
  }
  return status;
}

Status Catalog::MarkEmbedded(const DatasetName& name, uint64_t version) {
  const auto hold = names_.Lock(name);
  Status status;
  for (int i = 0; i < kMaxTries; ++i) {
    const DatasetPtr current = Current(name);
    if (current == nullptr) return OkStatus();
    Dataset next = *current;
    next.last_embedded_at = clock_.Now();
    if (current->snapshot <= version) {
      next.embedding_stale_since.reset();
    } else if (!next.embedding_stale_since.has_value()) {
      // Rows came while the first index was being built.
      next.embedding_stale_since = next.updated_at;
    }
    status = Publish(std::move(next)).status();
    if (status.ok()) return status;
    Reload(name, current->bucket);
    if (status.code() != StatusCode::kConflict) return status;
  }
  return status;
}

void Catalog::Subscribe(std::function<void(const DatasetName&)> listener) {
  listeners_.push_back(std::move(listener));
}

void Catalog::Announce(const DatasetName& name) const {
  for (const auto& listener : listeners_) listener(name);
}

}  // namespace lakehouse::catalog
