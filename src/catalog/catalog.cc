#include "catalog/catalog.h"

#include <set>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

namespace {

constexpr std::string_view kKind = "dataset";
constexpr std::string_view kDataRoot = "data/";

// "data/<dataset>/data/<file>" and nothing else: what is not ours is never deleted.
bool IsDataFileKey(std::string_view key) {
  const std::vector<std::string_view> parts = SplitString(key, '/');
  return parts.size() == 4 && parts[0] == "data" && parts[2] == "data" &&
         CheckId("dataset", parts[1]).ok() && parts[3].ends_with(".parquet");
}

Status CheckColumnsEqual(const Dataset& current, const std::vector<Column>& columns) {
  for (size_t i = 0; i < std::max(columns.size(), current.columns.size()); ++i) {
    if (i >= columns.size()) {
      return InvalidArgument("the new rows lack a column of dataset ", current.name, ": ",
                             current.columns[i].name);
    }
    if (i >= current.columns.size()) {
      return InvalidArgument("the new rows have a column that dataset ", current.name,
                             " has not: ", columns[i].name);
    }
    if (columns[i].name != current.columns[i].name || columns[i].type != current.columns[i].type) {
      return InvalidArgument("column ", i + 1, " of dataset ", current.name, " is ",
                             current.columns[i].name, " ", current.columns[i].type,
                             ", the new rows have ", columns[i].name, " ", columns[i].type);
    }
  }
  return OkStatus();
}

Status CheckFileKeys(const DatasetCommit& commit) {
  const std::string prefix = Catalog::DataPrefix(commit.name);
  for (const DataFile& file : commit.files) {
    if (!file.key.starts_with(prefix) || !IsDataFileKey(file.key)) {
      return InvalidArgument("a data file of dataset ", commit.name, " lies below ", prefix,
                             ", not at: ", file.key);
    }
  }
  return OkStatus();
}

// The dataset after `commit`; `current` is null when it does not exist.
Dataset ApplyCommit(const DatasetCommit& commit, const Dataset* current, Timestamp now) {
  Dataset next =
      current != nullptr ? *current : Dataset{.name = commit.name, .bucket = commit.bucket};
  const bool append = commit.mode == CommitMode::kAppend && current != nullptr;
  if (!append) {
    next.columns = commit.columns;
    next.files.clear();
    next.sources.clear();
  }
  next.files.insert(next.files.end(), commit.files.begin(), commit.files.end());
  next.sources.push_back(commit.source);
  if (current == nullptr) next.created_at = now;
  next.updated_at = now;
  next.snapshot = next.version + 1;
  if (next.last_embedded_at.has_value() && !next.embedding_stale_since.has_value()) {
    next.embedding_stale_since = now;
  }
  return next;
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::Open(storage::BucketRegistry& buckets,
                                               const Clock& clock) {
  std::unique_ptr<Catalog> catalog(new Catalog(buckets, clock));
  for (const storage::BucketInfo& bucket : buckets.List()) TRY(catalog->LoadBucket(bucket.name));
  return catalog;
}

Status Catalog::LoadBucket(const BucketName& name) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(name));
  ASSIGN_OR_RETURN(const std::vector<storage::Document> documents,
                   storage::DocumentStore(*store).ReadAll(kKind));
  for (const storage::Document& document : documents) {
    auto dataset = DatasetFromJson(document.body);
    TRY(dataset.status().Annotate(StrCat("bucket ", name, ", dataset ", document.name)));
    dataset->version = document.version;
    dataset->bucket = name;
    ASSIGN_OR_RETURN(
        dataset->files,
        manifest_.Load(*store, dataset->name,
                       document.body.contains("files") ? document.body["files"] : Json()));
    MutexLock lock(mutex_);
    DatasetPtr& slot = datasets_[dataset->name];
    if (slot != nullptr) {
      LogWarning("dataset stands in two buckets, the newer one is used",
                 {{"dataset", dataset->name}, {"first", slot->bucket}, {"second", name}});
      if (slot->updated_at >= dataset->updated_at) continue;
    }
    slot = std::make_shared<const Dataset>(*std::move(dataset));
  }
  return OkStatus();
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

Result<DatasetPtr> Catalog::Get(const DatasetName& name) const {
  if (DatasetPtr dataset = Current(name)) return dataset;
  std::vector<std::string> names;
  for (const DatasetPtr& dataset : List()) names.push_back(dataset->name.str());
  const std::string nearest = NearestName(name.str(), names);
  return NotFound("there is no dataset ", name,
                  nearest.empty() ? "; GET /catalog/datasets lists them" : "; did you mean ",
                  nearest);
}

std::string Catalog::DataPrefix(const DatasetName& name) {
  return StrCat(kDataRoot, name, "/data/");
}

Result<DatasetPtr> Catalog::Commit(const DatasetCommit& commit) {
  TRY(CheckFileKeys(commit));
  const DatasetPtr current = Current(commit.name);
  const uint64_t version = current == nullptr ? 0 : current->version;
  if (current != nullptr && commit.mode == CommitMode::kCreate) {
    return Conflict("the dataset exists, append or replace its rows instead: ", commit.name);
  }
  if (version != commit.expected_version) {
    return Conflict("dataset ", commit.name, " is at version ", version, " now, not at ",
                    commit.expected_version, "; read it again");
  }
  if (current != nullptr && current->bucket != commit.bucket) {
    return InvalidArgument("dataset ", commit.name, " lies in bucket ", current->bucket,
                           ", its new files in bucket ", commit.bucket);
  }
  if (current != nullptr && commit.mode == CommitMode::kAppend) {
    TRY(CheckColumnsEqual(*current, commit.columns));
  }
  ASSIGN_OR_RETURN(DatasetPtr published, Publish(ApplyCommit(commit, current.get(), clock_.Now())));
  Announce(commit.name);
  return published;
}

Result<DatasetPtr> Catalog::Publish(Dataset next) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(next.bucket));
  Json body = DatasetToJson(next);
  ASSIGN_OR_RETURN(body["files"], manifest_.Save(*store, next.name, next.files));
  ASSIGN_OR_RETURN(next.version, storage::DocumentStore(*store).Write(kKind, next.name.str(),
                                                                      next.version, body));
  auto published = std::make_shared<const Dataset>(std::move(next));
  MutexLock lock(mutex_);
  DatasetPtr& slot = datasets_[published->name];
  // A later commit may have been published meanwhile.
  if (slot == nullptr || slot->version < published->version) slot = published;
  return published;
}

Status Catalog::Drop(const DatasetName& name) {
  ASSIGN_OR_RETURN(const DatasetPtr current, Get(name));
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(current->bucket));
  TRY(storage::DocumentStore(*store).Delete(kKind, name.str(), current->version));
  {
    MutexLock lock(mutex_);
    const auto found = datasets_.find(name);
    if (found != datasets_.end() && found->second->version <= current->version) {
      datasets_.erase(found);
    }
  }
  Announce(name);
  return OkStatus();
}

Status Catalog::MarkEmbedded(const DatasetName& name, uint64_t version) {
  for (;;) {
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
    const auto published = Publish(std::move(next));
    // Somebody committed in between: mark what they published.
    if (!published.ok() && published.status().code() == StatusCode::kConflict &&
        Current(name) != current) {
      continue;
    }
    return published.status();
  }
}

Result<uint64_t> Catalog::CollectGarbage(int64_t grace_micros) {
  const Timestamp modified_before{clock_.Now().micros - grace_micros};
  uint64_t freed = 0;
  for (const storage::BucketInfo& bucket : buckets_.List()) {
    ASSIGN_OR_RETURN(const uint64_t bytes, CollectBucket(bucket.name, modified_before));
    freed += bytes;
  }
  return freed;
}

Result<uint64_t> Catalog::CollectBucket(const BucketName& name, Timestamp modified_before) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(name));
  // Listed before the references are read: a file committed in between is then not in the list or
  // is referenced.
  ASSIGN_OR_RETURN(const std::vector<storage::ObjectInfo> objects, store->List(kDataRoot));
  std::set<std::string, std::less<>> referenced;
  for (const DatasetPtr& dataset : List()) {
    if (dataset->bucket != name) continue;
    for (const DataFile& file : dataset->files) referenced.insert(file.key);
  }
  uint64_t freed = 0;
  for (const storage::ObjectInfo& object : objects) {
    if (!IsDataFileKey(object.key) || referenced.contains(object.key) ||
        object.modified >= modified_before) {
      continue;
    }
    TRY(store->Delete(object.key));
    LogInfo("unreferenced data file removed",
            {{"bucket", name}, {"key", object.key}, {"bytes", object.size_bytes}});
    freed += object.size_bytes;
  }
  return freed;
}

void Catalog::Subscribe(std::function<void(const DatasetName&)> listener) {
  listeners_.push_back(std::move(listener));
}

void Catalog::Announce(const DatasetName& name) const {
  for (const auto& listener : listeners_) listener(name);
}

}  // namespace lakehouse::catalog
