// Garbage collection: the part of the catalog that deletes.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "catalog/catalog.h"
#include "catalog/commit_rules.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

Result<uint64_t> Catalog::CollectGarbage(int64_t grace_micros) {
  const Timestamp since{clock_.Now().micros - grace_micros};
  // Every listing comes before the first deletion: a failed one stops the whole run.
  std::map<std::pair<BucketName, DatasetName>, std::vector<storage::ObjectInfo>> old_files;
  for (const storage::BucketInfo& bucket : buckets_.List()) {
    // What a bucket references is known only when all of it was read.
    if (!loaded_->IsLoaded(bucket.name)) continue;
    // Copies of other buckets' files lie in the rescue bucket: no document there names them.
    if (buckets_.rescue() == bucket.name) continue;
    ASSIGN_OR_RETURN(const storage::ObjectStore* store, buckets_.Find(bucket.name));
    ASSIGN_OR_RETURN(std::vector<storage::ObjectInfo> objects, store->List("data/"));
    for (storage::ObjectInfo& object : objects) {
      if (!IsDataFileKey(object.key) || object.modified >= since) continue;
      ASSIGN_OR_RETURN(const DatasetName name, DatasetName::Parse(SplitString(object.key, '/')[1]));
      old_files[{bucket.name, name}].push_back(std::move(object));
    }
  }
  uint64_t freed = 0;
  for (const auto& [place, files] : old_files) {
    ASSIGN_OR_RETURN(const uint64_t bytes, CollectDataset(place.first, place.second, files, since));
    freed += bytes;
  }
  return freed;
}

Result<uint64_t> Catalog::CollectDataset(const BucketName& bucket, const DatasetName& name,
                                         const std::vector<storage::ObjectInfo>& files,
                                         Timestamp since) {
  // No commit of this dataset can come between reading what is referenced and deleting the rest.
  const auto hold = names_.Lock(name);
  if (IsMoving(name, bucket)) return 0;
  TRY(RemoveLeftover(bucket, name, since));
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(bucket));
  ASSIGN_OR_RETURN(const std::vector<storage::Document> documents,
                   storage::DocumentStore(*store).ReadSince(kDocumentKind, name.str(), since));
  std::set<std::string> referenced;
  for (const storage::Document& document : documents) {
    ASSIGN_OR_RETURN(const Directory::Place place, Decode(bucket, document));
    for (const DataFile& file : place.value->files) referenced.insert(file.key);
  }
  // The same keys name copies in the bucket that a dataset left.
  if (const DatasetPtr current = Current(name); current != nullptr && current->bucket == bucket) {
    for (const DataFile& file : current->files) referenced.insert(file.key);
  }
  uint64_t freed = 0;
  for (const storage::ObjectInfo& file : files) {
    if (referenced.contains(file.key)) continue;
    TRY(store->Delete(file.key));
    LogInfo("A data file that no dataset names was deleted.",
            {{"bucket", bucket}, {"key", file.key}, {"bytes", file.size_bytes}});
    freed += file.size_bytes;
  }
  return freed;
}

Status Catalog::RemoveLeftover(const BucketName& bucket, const DatasetName& name, Timestamp since) {
  const auto left = directory_.FindIn(name, bucket);
  const auto current = directory_.FindPlace(name);
  if (!left.has_value() || !current.has_value() || current->bucket == bucket) return OkStatus();
  if (!IsDeadCopy(left->moving_from, current->version, since)) return OkStatus();
  return DeleteDocument(name, bucket);
}

}  // namespace lakehouse::catalog
