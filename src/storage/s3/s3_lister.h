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
  struct Span;
  struct Filter;
  struct Progress;

  static std::vector<Span> Divide(const std::string& prefix, const std::string& start);
  Result<S3ListPage> Page(const Span& span, const std::string& token, size_t limit) const;
  void TakePage(const Filter& filter, S3ListPage page, Progress& progress) const;
  Status ListOrdered(const Span& span, const Filter& filter, size_t limit,
                     Progress& progress) const;
  Status ListUnordered(const std::string& prefix, const Filter& filter, Progress& progress) const;

  S3Client& client_;
  // The server was seen to list in another order than that of bytes.
  mutable std::atomic<bool> unordered_{false};
};

}  // namespace lakehouse::storage
