// Versioned JSON documents in a bucket: `_catalog/<kind>/<name>/<20-digit version>.json`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

struct Document {
  std::string name;
  uint64_t version = 0;  // From 1; 0 means "does not exist".
  Json body;
};

// A document is replaced by creating version n+1 if absent, so of two writers exactly one wins.
// Each version is sealed with its own checksum and its predecessor's SHA-256; the highest version
// that verifies is the truth. Deleting writes a final version that says so. Thread-safe.
class DocumentStore {
 public:
  // `store` must outlive this. Keeps the newest `history` versions of each document.
  explicit DocumentStore(ObjectStore& store, int history = 50) : store_(store), history_(history) {}

  // kNotFound when absent or deleted.
  Result<Document> Read(std::string_view kind, std::string_view name) const;
  // Every live document of a kind, sorted by name. Damaged versions are skipped and logged.
  Result<std::vector<Document>> ReadAll(std::string_view kind) const;
  // Older versions, newest first, as far as they are kept.
  Result<std::vector<Document>> History(std::string_view kind, std::string_view name) const;
  // Publishes `body` as version `expected_version` + 1; kConflict when another writer was first
  // (0: when the document exists). Durable on return. Returns the new version.
  Result<uint64_t> Write(std::string_view kind, std::string_view name, uint64_t expected_version,
                         const Json& body);
  // As Write, with the final version.
  Status Delete(std::string_view kind, std::string_view name, uint64_t expected_version);

 private:
  ObjectStore& store_;
  const int history_;
};

}  // namespace lakehouse::storage
