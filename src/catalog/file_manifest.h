// Where the list of a dataset's files is kept. The one seam that a table format replaces: Iceberg
// writes its manifests behind it, and the catalog document then keeps only their location.
#pragma once

#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "catalog/dataset.h"
#include "storage/object_store.h"

namespace lakehouse::catalog {

// Stateless; thread-safe.
class FileManifest {
 public:
  virtual ~FileManifest() = default;

  // Makes `files` durable in `bucket` as the list of `dataset` and returns what the catalog
  // document keeps to find it. Nothing is visible before that document is published.
  virtual Result<Json> Save(storage::ObjectStore& bucket, const DatasetName& dataset,
                            const std::vector<DataFile>& files) const = 0;
  // Reads a list back. kInternal when it is damaged.
  virtual Result<std::vector<DataFile>> Load(const storage::ObjectStore& bucket,
                                             const DatasetName& dataset,
                                             const Json& kept) const = 0;
};

// Keeps the whole list in the catalog document. Lives as long as the process.
const FileManifest& InlineManifest();

}  // namespace lakehouse::catalog
