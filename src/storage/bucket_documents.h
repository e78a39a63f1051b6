// Buckets that were provisioned at run time, as documents of the primary bucket
// (docs/formats/bucket_documents.md).
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// The settings of a bucket that differ from their defaults, without its name. They name secrets and
// hold none.
Json EncodeBucketSettings(const BucketConfig& bucket);
// Undoes EncodeBucketSettings. kInvalidArgument names the member that is missing, strange or
// unknown.
Result<BucketConfig> DecodeBucketSettings(const BucketName& name, const Json& settings);

// Borrows the primary bucket. Thread-safe.
class BucketDocuments {
 public:
  explicit BucketDocuments(ObjectStore& primary) : primary_(primary) {}

  // Every provisioned bucket, sorted by kind and name. A document that is damaged or that this
  // Lakehouse does not understand is logged and passed over.
  Result<std::vector<BucketConfig>> ReadAll() const;
  // Makes a bucket durable; writing the same one again is ok. Errors as DocumentStore::Write.
  Status Write(const BucketName& name, const BucketConfig& bucket);
  // Forgetting what is not there is ok.
  Status Delete(const BucketName& name);

 private:
  ObjectStore& primary_;
};

}  // namespace lakehouse::storage
