#include "search/index_registry.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "catalog/document_move.h"

namespace lakehouse::search {

namespace {

constexpr std::string_view kDocumentKind = "index";

}  // namespace

IndexRegistry::IndexRegistry(storage::BucketRegistry& buckets, const IndexRegistryOptions& options)
    : buckets_(buckets),
      before_read_(options.before_read),
      state_(catalog::OpenBucketNames(options.state_dir)),
      loaded_(std::make_unique<catalog::LoadedBuckets>(buckets_, state_.get(), kDocumentKind)),
      directory_(*loaded_),
      loader_(std::make_unique<catalog::BucketLoader>(
          *loaded_, [this](const BucketName& bucket) { return ReadBucket(bucket); },
          options.loading)) {}

IndexRegistry::~IndexRegistry() = default;

Result<std::unique_ptr<IndexRegistry>> IndexRegistry::Open(storage::BucketRegistry& buckets,
                                                           const IndexRegistryOptions& options) {
  std::unique_ptr<IndexRegistry> registry(new IndexRegistry(buckets, options));
  registry->loader_->Start(options.start_wait_micros, options.unreachable);
  return registry;
}

Status IndexRegistry::ReadBucket(const BucketName& bucket) {
  if (before_read_) TRY(before_read_(bucket));
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  ASSIGN_OR_RETURN(const std::vector<storage::Document> documents,
                   storage::DocumentStore(*store).ReadAll(kDocumentKind));
  std::set<std::string> names;
  for (const storage::Document& document : documents) {
    names.insert(document.name);
    Result<Directory::Place> place = Decode(bucket, document);
    if (!place.ok()) {
      LogError("index left out", {{"index", document.name}, {"error", place.status().message()}});
      continue;
    }
    const IndexName name = place->value->name;
    for (const BucketName& other : directory_.Offer(name, *std::move(place))) {
      LogWarning("an index is in two buckets, the newer one is used",
                 {{"index", name}, {"first", other}, {"second", bucket}});
    }
  }
  loaded_->SetLoaded(bucket, std::move(names));
  return OkStatus();
}

Result<IndexRegistry::Directory::Place> IndexRegistry::Decode(const BucketName& bucket,
                                                              const storage::Document& document) {
  ASSIGN_OR_RETURN(IndexInfo index, IndexFromJson(document.body));
  if (index.name.str() != document.name) {
    return Internal("the document of index ", document.name, " describes index ", index.name);
  }
  // A bucket may have been given another name since.
  index.bucket = bucket;
  index.version = document.version;
  Directory::Place place{
      .bucket = bucket, .version = document.version, .updated_at = index.updated_at};
  ASSIGN_OR_RETURN(place.moving_from, catalog::ReadMovingFrom(document.body));
  place.value = std::make_shared<const IndexInfo>(std::move(index));
  return place;
}

std::vector<IndexPtr> IndexRegistry::List() const { return directory_.List(); }

Status IndexRegistry::CheckNotOnItsWay(const IndexName& name) const {
  const std::optional<BucketName> from = directory_.WaitsFor(name);
  if (!from.has_value()) return OkStatus();
  return loaded_->CheckLoaded(*from).Annotate(
      StrCat("index ", name, " is moving, and where it comes from must be read first"));
}

Result<IndexPtr> IndexRegistry::Get(const IndexName& name) const {
  if (IndexPtr index = Find(name)) return index;
  TRY(CheckNotOnItsWay(name));
  TRY(loaded_->CheckNothingMissing(name.str()));
  std::vector<std::string> names;
  for (const IndexPtr& index : List()) names.push_back(index->name.str());
  const std::string nearest = NearestName(name.str(), names);
  if (nearest.empty()) return NotFound("there is no index ", name);
  return NotFound("there is no index ", name, "; did you mean ", nearest, "?");
}

void IndexRegistry::ForgetBucket(const BucketName& bucket) {
  directory_.Forget(bucket);
  loaded_->Forget(bucket);
}

std::vector<std::string> IndexRegistry::NamesIn(const BucketName& bucket) const {
  if (!loaded_->IsLoaded(bucket)) return loaded_->NamesIn(bucket);
  std::vector<std::string> names;
  for (const IndexPtr& index : List()) {
    if (index->bucket == bucket) names.push_back(index->name.str());
  }
  return names;
}

Status IndexRegistry::PrepareBucket(const BucketName& bucket) {
  TRY(buckets_.Find(bucket).status());
  if (loaded_->IsLoaded(bucket)) return OkStatus();
  // What went wrong is what CheckLoaded says.
  static_cast<void>(loader_->LoadNow(bucket));
  return loaded_->CheckLoaded(bucket);
}

Result<IndexPtr> IndexRegistry::Publish(IndexInfo index) {
  TRY(PrepareBucket(index.bucket));
  if (index.version == 0) {
    TRY(CheckNotOnItsWay(index.name));
    TRY(loaded_->CheckNotInMissing(index.name.str()));
  }
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(index.bucket));
  const uint64_t expected = index.version;
  const uint64_t at_least = expected == 0 ? directory_.HighestRetired(index.name) + 1 : 0;
  index.version = expected + 1;
  loaded_->AddName(index.bucket, index.name.str());
  const Result<uint64_t> version = storage::DocumentStore(*store).Write(
      kDocumentKind, index.name.str(), expected, IndexToJson(index), at_least);
  if (!version.ok()) {
    if (const Status stored = Reload(index.bucket, index.name); !stored.ok()) {
      LogWarning("index document cannot be read back after a failed write",
                 {{"index", index.name}, {"error", stored.message()}});
    }
    return version.status();
  }
  index.version = *version;
  auto published = std::make_shared<const IndexInfo>(std::move(index));
  directory_.Set(published->name, {.bucket = published->bucket,
                                   .version = published->version,
                                   .updated_at = published->updated_at,
                                   .value = published});
  return IndexPtr(std::move(published));
}

void IndexRegistry::Retire(const IndexName& name, const BucketName& bucket, uint64_t version) {
  directory_.Retire(name, bucket, version);
  loaded_->RemoveName(bucket, name.str());
}

Status IndexRegistry::Remove(const IndexInfo& index) {
  // What would take the index's place goes first.
  for (const Directory::Place& place : directory_.FindAll(index.name)) {
    if (place.bucket != index.bucket) TRY(DeleteCopy(place, index.name));
  }
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(index.bucket));
  const Status status =
      storage::DocumentStore(*store).Delete(kDocumentKind, index.name.str(), index.version);
  if (status.ok()) {
    Retire(index.name, index.bucket, index.version + 1);
    return status;
  }
  const Status stored = Reload(index.bucket, index.name);
  return stored.ok() && !directory_.FindIn(index.name, index.bucket) ? OkStatus() : status;
}

Status IndexRegistry::Reload(const BucketName& bucket, const IndexName& name) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  const Result<storage::Document> document =
      storage::DocumentStore(*store).Read(kDocumentKind, name.str());
  if (document.status().code() == StatusCode::kNotFound) {
    const auto known = directory_.FindIn(name, bucket);
    if (known.has_value()) Retire(name, bucket, known->version + 1);
    return OkStatus();
  }
  TRY(document.status());
  ASSIGN_OR_RETURN(Directory::Place place, Decode(bucket, *document));
  directory_.Set(name, std::move(place));
  return OkStatus();
}

Result<IndexPtr> IndexRegistry::Move(const IndexInfo& index, const BucketName& bucket,
                                     Timestamp now) {
  if (index.bucket == bucket) {
    const auto place = directory_.FindPlace(index.name);
    if (!place.has_value() || !place->moving_from.has_value()) return Get(index.name);
    return Publish(*place->value);
  }
  TRY(PrepareBucket(bucket));
  ASSIGN_OR_RETURN(storage::ObjectStore * from, buckets_.Find(index.bucket));
  ASSIGN_OR_RETURN(storage::ObjectStore * to, buckets_.Find(bucket));
  for (const Directory::Place& place : directory_.FindAll(index.name)) {
    // A copy that an earlier move left elsewhere would compete with this one's.
    if (place.bucket == index.bucket || place.bucket == bucket || !place.moving_from) continue;
    TRY(DeleteCopy(place, index.name));
  }
  IndexInfo next = index;
  next.bucket = bucket;
  loaded_->AddName(bucket, index.name.str());
  const Result<catalog::MovedDocument> moved =
      catalog::MoveDocument({.kind = std::string(kDocumentKind),
                             .name = index.name.str(),
                             .from = index.bucket,
                             .version = index.version,
                             .from_store = from,
                             .to_store = to,
                             .body = IndexToJson(next),
                             .at = now});
  if (!moved.ok()) {
    for (const BucketName& changed : {bucket, index.bucket}) {
      const Status stored = Reload(changed, index.name);
      if (stored.ok()) continue;
      LogWarning("index document cannot be read back after a failed move",
                 {{"index", index.name}, {"bucket", changed}, {"error", stored.message()}});
    }
    return moved.status();
  }
  next.version = moved->version;
  Directory::Place place{.bucket = bucket, .version = next.version, .updated_at = next.updated_at};
  if (!moved->settled) place.moving_from = catalog::MovingFrom{index.bucket, index.version, now};
  auto published = std::make_shared<const IndexInfo>(std::move(next));
  place.value = published;
  directory_.Move(published->name, std::move(place), index.bucket, index.version + 1);
  loaded_->RemoveName(index.bucket, index.name.str());
  return IndexPtr(std::move(published));
}

Status IndexRegistry::RemoveLeftover(const BucketName& bucket, const IndexName& name,
                                     Timestamp since) {
  const auto left = directory_.FindIn(name, bucket);
  const auto current = directory_.FindPlace(name);
  if (!left.has_value() || !current.has_value() || current->bucket == bucket) return OkStatus();
  if (!catalog::IsDeadCopy(left->moving_from, current->version, since)) return OkStatus();
  return DeleteCopy(*left, name);
}

Status IndexRegistry::DeleteCopy(const Directory::Place& copy, const IndexName& name) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(copy.bucket));
  const Status status =
      storage::DocumentStore(*store).Delete(kDocumentKind, name.str(), copy.version);
  if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
  Retire(name, copy.bucket, copy.version + 1);
  return OkStatus();
}

Result<std::set<std::string>> IndexRegistry::PartsNamedSince(const BucketName& bucket,
                                                             const IndexName& name,
                                                             Timestamp since) const {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  ASSIGN_OR_RETURN(const std::vector<storage::Document> documents,
                   storage::DocumentStore(*store).ReadSince(kDocumentKind, name.str(), since));
  std::set<std::string> keys;
  for (const storage::Document& document : documents) {
    ASSIGN_OR_RETURN(const Directory::Place place, Decode(bucket, document));
    for (const EmbeddingPart& part : place.value->parts) keys.insert(part.key);
  }
  const IndexPtr current = Find(name);
  if (current != nullptr && current->bucket == bucket) {
    for (const EmbeddingPart& part : current->parts) keys.insert(part.key);
  }
  return keys;
}

}  // namespace lakehouse::search
