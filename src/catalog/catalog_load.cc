// What the catalog reads of its buckets, at start and later.
#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "catalog/catalog.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

Catalog::Catalog(storage::BucketRegistry& buckets, const CatalogOptions& options)
    : buckets_(buckets),
      clock_(*options.clock),
      manifest_(InlineManifest()),
      state_(OpenBucketNames(options.state_dir)),
      loaded_(std::make_unique<LoadedBuckets>(buckets_, state_.get(), kDocumentKind)),
      directory_(*loaded_),
      loader_(std::make_unique<BucketLoader>(
          *loaded_, [this](const BucketName& bucket) { return ReadBucket(bucket); },
          options.loading)) {}

Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::Open(storage::BucketRegistry& buckets,
                                               const CatalogOptions& options) {
  std::unique_ptr<Catalog> catalog(new Catalog(buckets, options));
  catalog->loader_->Start(options.start_wait_micros);
  return catalog;
}

Status Catalog::ReadBucket(const BucketName& bucket) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  ASSIGN_OR_RETURN(const std::vector<storage::Document> documents,
                   storage::DocumentStore(*store).ReadAll(kDocumentKind));
  std::set<std::string> names;
  for (const storage::Document& document : documents) {
    names.insert(document.name);
    Result<Directory::Place> place = Decode(bucket, document);
    if (!place.ok()) {
      // One dataset that cannot be read must not keep the server from serving the others.
      LogError(
          "A dataset cannot be read.",
          {{"bucket", bucket}, {"dataset", document.name}, {"error", place.status().message()}});
      continue;
    }
    const DatasetName name = place->value->name;
    for (const BucketName& other : directory_.Offer(name, *std::move(place))) {
      LogWarning("A dataset is in two buckets, the newer one is used.",
                 {{"dataset", name}, {"first", other}, {"second", bucket}});
    }
  }
  loaded_->SetLoaded(bucket, std::move(names));
  return OkStatus();
}

Result<Catalog::Directory::Place> Catalog::Decode(const BucketName& bucket,
                                                  const storage::Document& document) const {
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
  Directory::Place place{
      .bucket = bucket, .version = document.version, .updated_at = dataset.updated_at};
  ASSIGN_OR_RETURN(place.moving_from, ReadMovingFrom(document.body));
  place.value = std::make_shared<const Dataset>(std::move(dataset));
  return place;
}

void Catalog::Reload(const DatasetName& name, const BucketName& bucket) {
  const bool was_there = directory_.FindIn(name, bucket).has_value();
  if (!ReloadFrom(name, bucket) || !was_there) return;
  if (directory_.FindIn(name, bucket).has_value()) return;
  // It went, and another process may have moved it.
  for (const storage::BucketInfo& other : buckets_.List()) {
    if (other.name != bucket && loaded_->IsLoaded(other.name)) ReloadFrom(name, other.name);
  }
}

bool Catalog::ReloadFrom(const DatasetName& name, const BucketName& bucket) {
  const auto store = buckets_.Find(bucket);
  if (!store.ok()) return false;
  const auto document = storage::DocumentStore(**store).Read(kDocumentKind, name.str());
  if (document.status().code() == StatusCode::kNotFound) {
    const auto known = directory_.FindIn(name, bucket);
    if (known.has_value()) directory_.Retire(name, bucket, known->version + 1);
    return true;
  }
  Result<Directory::Place> place = document.ok() ? Decode(bucket, *document) : document.status();
  if (place.ok()) {
    directory_.Set(name, *std::move(place));
    return true;
  }
  // What is known stays: the next change fails again and reloads again.
  LogWarning("A dataset could not be read again.",
             {{"dataset", name}, {"bucket", bucket}, {"error", place.status().message()}});
  return false;
}

void Catalog::ForgetBucket(const BucketName& bucket) {
  directory_.Forget(bucket);
  loaded_->Forget(bucket);
}

std::vector<std::string> Catalog::NamesIn(const BucketName& bucket) const {
  if (!loaded_->IsLoaded(bucket)) return loaded_->NamesIn(bucket);
  std::vector<std::string> names;
  for (const DatasetPtr& dataset : List()) {
    if (dataset->bucket == bucket) names.push_back(dataset->name.str());
  }
  return names;
}

}  // namespace lakehouse::catalog
