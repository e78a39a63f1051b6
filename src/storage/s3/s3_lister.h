// Listings of objects and of unfinished uploads.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "storage/object_store.h"
#include "storage/s3/s3_client.h"
#include "storage/s3/s3_xml.h"

namespace lakehouse::storage {

// Thread-safe. Keys that no ObjectStore can have, written by others, are left out and logged.
class S3Lister {
 public:
  // `client` outlives this object.
  explicit S3Lister(S3Client& client) : client_(client) {}

  // As in ObjectStore, whatever order the server lists in.
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) const;
  // Unfinished uploads below the bucket's prefix; keys are whole.
  Result<std::vector<S3Upload>> ListUploads() const;

 private:
  struct Query;
  struct Progress;

  Result<S3ListPage> Page(const Query& query, const std::string& token) const;
  void TakePage(const Query& query, S3ListPage page, Progress& progress) const;
  Result<std::vector<ObjectInfo>> ListOrdered(const Query& query, bool& ordered) const;
  Result<std::vector<ObjectInfo>> ListUnordered(const Query& query) const;

  S3Client& client_;
  // The server was seen to list in another order than that of bytes.
  mutable std::atomic<bool> unordered_{false};
};

}  // namespace lakehouse::storage
