#include "search/index_registry.h"

#include <utility>

#include "base/log.h"
#include "storage/document_store.h"

namespace lakehouse::search {

namespace {

constexpr std::string_view kDocumentKind = "index";

Result<IndexPtr> DecodeDocument(const storage::Document& document) {
  ASSIGN_OR_RETURN(IndexInfo index, IndexFromJson(document.body));
  index.version = document.version;
  return std::make_shared<const IndexInfo>(std::move(index));
}

}  // namespace

Result<std::unique_ptr<IndexRegistry>> IndexRegistry::Open(storage::BucketRegistry& buckets) {
  std::unique_ptr<IndexRegistry> registry(new IndexRegistry(buckets));
  for (const storage::BucketInfo& bucket : buckets.List()) {
    ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets.Find(bucket.name));
    auto documents = storage::DocumentStore(*store).ReadAll(kDocumentKind);
    if (!documents.ok()) {
      return documents.status().Annotate(StrCat("reading the indexes of bucket ", bucket.name));
    }
    for (const storage::Document& document : *documents) {
      const Result<IndexPtr> index = DecodeDocument(document);
      if (!index.ok()) {
        LogError("index left out", {{"index", document.name}, {"error", index.status().message()}});
      } else if (registry->Find((*index)->name) != nullptr) {
        LogWarning("index left out: its name is taken by an index of another bucket",
                   {{"index", document.name}, {"bucket", bucket.name}});
      } else {
        registry->Replace((*index)->name, *index);
      }
    }
  }
  return registry;
}

std::vector<IndexPtr> IndexRegistry::List() const {
  MutexLock lock(mutex_);
  std::vector<IndexPtr> list;
  for (const auto& [name, index] : indexes_) list.push_back(index);
  return list;
}

IndexPtr IndexRegistry::Find(const IndexName& name) const {
  MutexLock lock(mutex_);
  const auto found = indexes_.find(name);
  return found == indexes_.end() ? nullptr : found->second;
}

Result<IndexPtr> IndexRegistry::Get(const IndexName& name) const {
  if (IndexPtr index = Find(name)) return index;
  std::vector<std::string> names;
  for (const IndexPtr& index : List()) names.push_back(index->name.str());
  const std::string nearest = NearestName(name.str(), names);
  if (nearest.empty()) return NotFound("there is no index ", name);
  return NotFound("there is no index ", name, "; did you mean ", nearest, "?");
}

Result<IndexPtr> IndexRegistry::Publish(IndexInfo index) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(index.bucket));
  const uint64_t expected = index.version;
  index.version = expected + 1;
  const Result<uint64_t> version = storage::DocumentStore(*store).Write(
      kDocumentKind, index.name.str(), expected, IndexToJson(index));
  if (!version.ok()) {
    if (const auto stored = Reload(index.bucket, index.name); !stored.ok()) {
      LogWarning("index document cannot be read back after a failed write",
                 {{"index", index.name}, {"error", stored.status().message()}});
    }
    return version.status();
  }
  index.version = *version;
  auto published = std::make_shared<const IndexInfo>(std::move(index));
  Replace(published->name, published);
  return IndexPtr(std::move(published));
}

Status IndexRegistry::Remove(const IndexInfo& index) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(index.bucket));
  const Status status =
      storage::DocumentStore(*store).Delete(kDocumentKind, index.name.str(), index.version);
  if (status.ok()) {
    Replace(index.name, nullptr);
    return status;
  }
  const Result<IndexPtr> stored = Reload(index.bucket, index.name);
  return stored.ok() && *stored == nullptr ? OkStatus() : status;
}

Result<IndexPtr> IndexRegistry::Reload(const BucketName& bucket, const IndexName& name) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  const Result<storage::Document> document =
      storage::DocumentStore(*store).Read(kDocumentKind, name.str());
  IndexPtr index;
  if (document.ok()) {
    ASSIGN_OR_RETURN(index, DecodeDocument(*document));
  } else if (document.status().code() != StatusCode::kNotFound) {
    return document.status();
  }
  Replace(name, index);
  return index;
}

void IndexRegistry::Replace(const IndexName& name, IndexPtr index) {
  MutexLock lock(mutex_);
  if (index == nullptr) {
    indexes_.erase(name);
  } else {
    indexes_.insert_or_assign(name, std::move(index));
  }
}

}  // namespace lakehouse::search
