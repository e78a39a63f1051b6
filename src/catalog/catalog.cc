#include "catalog/catalog.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "catalog/commit_rules.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

namespace {

// How often a change without an expected version is tried on top of what others commit.
constexpr int kMaxTries = 8;

bool IsUncertain(const Status& status) {
  return status.code() == StatusCode::kCommitStateUnknown ||
         status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kConflict;
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::Open(storage::BucketRegistry& buckets,
                                               const Clock& clock) {
  std::unique_ptr<Catalog> catalog(new Catalog(buckets, clock));
  for (const storage::BucketInfo& bucket : buckets.List()) TRY(catalog->LoadBucket(bucket.name));
  return catalog;
}

Status Catalog::LoadBucket(const BucketName& bucket) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  ASSIGN_OR_RETURN(const std::vector<storage::Document> documents,
                   storage::DocumentStore(*store).ReadAll(kDocumentKind));
  for (const storage::Document& document : documents) {
    Result<Dataset> dataset = Decode(bucket, document);
    if (!dataset.ok()) {
      // One dataset that cannot be read must not keep the server from serving the others.
      LogError(
          "A dataset cannot be read.",
          {{"bucket", bucket}, {"dataset", document.name}, {"error", dataset.status().message()}});
      continue;
    }
    MutexLock lock(mutex_);
    DatasetPtr& slot = datasets_[dataset->name];
    if (slot != nullptr) {
      LogWarning("A dataset is in two buckets, the newer one is used.",
                 {{"dataset", dataset->name}, {"first", slot->bucket}, {"second", bucket}});
      if (slot->updated_at >= dataset->updated_at) continue;
    }
    slot = std::make_shared<const Dataset>(*std::move(dataset));
  }
  return OkStatus();
}

Result<Dataset> Catalog::Decode(const BucketName& bucket, const storage::Document& document) const {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  ASSIGN_OR_RETURN(Dataset dataset, DatasetFromJson(document.body));
  if (dataset.name.str() != document.name) {
    return Internal("the document of dataset ", document.name, " describes dataset ", dataset.name);
  }
  // A bucket may have been given another name since.
  dataset.bucket = bucket;
  dataset.version = document.version;
  ASSIGN_OR_RETURN(dataset.files,
                   manifest_.Load(*store, dataset.name, document.body.value("files", Json())));
  return dataset;
}

std::vector<DatasetPtr> Catalog::List() const {
  MutexLock lock(mutex_);
  std::vector<DatasetPtr> list;
  list.reserve(datasets_.size());
  for (const auto& [name, dataset] : datasets_) list.push_back(dataset);
  return list;
}

DatasetPtr Catalog::Current(const DatasetName& name) const {
  MutexLock lock(mutex_);
  const auto found = datasets_.find(name);
  return found == datasets_.end() ? nullptr : found->second;
}

void Catalog::SetCurrent(const DatasetName& name, DatasetPtr dataset) {
  MutexLock lock(mutex_);
  if (dataset == nullptr) {
    datasets_.erase(name);
  } else {
    datasets_[name] = std::move(dataset);
  }
}

Result<DatasetPtr> Catalog::Get(const DatasetName& name) const {
  if (DatasetPtr dataset = Current(name)) return dataset;
  std::vector<std::string> names;
  for (const DatasetPtr& dataset : List()) names.push_back(dataset->name.str());
  const std::string nearest = NearestName(name.str(), names);
  return NotFound("there is no dataset ", name,
                  nearest.empty() ? "; GET /catalog/datasets lists them" : "; did you mean ",
                  nearest);
}

std::string Catalog::DataPrefix(const DatasetName& name) { return StrCat("data/", name, "/data/"); }

Result<DatasetPtr> Catalog::Commit(const DatasetCommit& commit) {
  TRY(CheckCommit(commit));
  ASSIGN_OR_RETURN(DatasetPtr published, CommitAlone(commit));
  Announce(commit.name);
  return published;
}

Result<DatasetPtr> Catalog::CommitAlone(const DatasetCommit& commit) {
  const auto hold = names_.Lock(commit.name);
  DatasetPtr current = Current(commit.name);
  if (WasApplied(commit, current.get())) return current;
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
  for (const DataFile& file : commit.files) {
    const auto info = store->Head(file.key);
    if (info.status().code() == StatusCode::kNotFound) {
      return InvalidArgument("a data file of the commit is not in bucket ", commit.bucket, ": ",
                             file.key);
    }
    TRY(info.status());
    if (info->size_bytes != file.size_bytes) {
      return InvalidArgument("a data file has ", info->size_bytes, " bytes, the commit says ",
                             file.size_bytes, ": ", file.key);
    }
  }
  return OkStatus();
}

Result<DatasetPtr> Catalog::Publish(Dataset next) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(next.bucket));
  Json body = DatasetToJson(next);
  ASSIGN_OR_RETURN(body["files"], manifest_.Save(*store, next.name, next.files));
  ASSIGN_OR_RETURN(next.version, storage::DocumentStore(*store).Write(
                                     kDocumentKind, next.name.str(), next.version, body));
  auto published = std::make_shared<const Dataset>(std::move(next));
  SetCurrent(published->name, published);
  return published;
}

void Catalog::Reload(const DatasetName& name, const BucketName& bucket) {
  const auto store = buckets_.Find(bucket);
  const DatasetPtr current = Current(name);
  if (!store.ok() || (current != nullptr && current->bucket != bucket)) return;
  const auto document = storage::DocumentStore(**store).Read(kDocumentKind, name.str());
  if (document.status().code() == StatusCode::kNotFound) {
    SetCurrent(name, nullptr);
    return;
  }
  Result<Dataset> dataset = document.ok() ? Decode(bucket, *document) : document.status();
  if (dataset.ok()) {
    SetCurrent(name, std::make_shared<const Dataset>(*std::move(dataset)));
    return;
  }
  // What is known stays: the next change fails again and reloads again.
  LogWarning("A dataset could not be read again.",
             {{"dataset", name}, {"error", dataset.status().message()}});
}

Status Catalog::Drop(const DatasetName& name) {
  TRY(DropAlone(name));
  Announce(name);
  return OkStatus();
}

Status Catalog::DropAlone(const DatasetName& name) {
  const auto hold = names_.Lock(name);
  ASSIGN_OR_RETURN(const DatasetPtr current, Get(name));
  // A duplicate in another bucket would take the dataset's place at the next start, so it goes
  // first.
  for (const storage::BucketInfo& bucket : buckets_.List()) {
    if (bucket.name != current->bucket) TRY(DeleteDocument(name, bucket.name));
  }
  const Status status = DeleteDocument(name, current->bucket);
  if (status.ok()) {
    SetCurrent(name, nullptr);
  } else {
    Reload(name, current->bucket);
  }
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
    if (status.code() == StatusCode::kNotFound) return OkStatus();
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
