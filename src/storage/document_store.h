// Versioned JSON documents in a bucket: `_catalog/<kind>/<name>/<20-digit version>.json`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

struct Document {
  std::string name;
  uint64_t version = 0;  // From 1; 0 means "does not exist".
  Json body;
};

// A document is replaced by creating the next version if absent, so of two writers exactly one
// wins. Each version is sealed with its own checksum and its predecessor's SHA-256; the highest
// version that verifies is the truth. Deleting writes a final version that says so; a document that
// is created again continues its version numbers. Kinds and names are ids (base/ids.h).
//
// Thread-safe, also between processes. Errors beside those named: kInvalidArgument (bad kind or
// name, a body that cannot be read back), kInternal (every version is damaged, or was written by a
// newer Lakehouse), and what the store answers.
class DocumentStore {
 public:
  // `store` must outlive this. Keeps the newest `history` versions of each document.
  // REQUIRES: history > 0. With 1 there is no predecessor for a damaged version to fall back to.
  explicit DocumentStore(ObjectStore& store, int history = 50)
      : store_(store), history_(static_cast<size_t>(history)) {
    CHECK(history > 0);
  }

  // kNotFound when absent or deleted.
  Result<Document> Read(std::string_view kind, std::string_view name) const;
  // Every live document of a kind, sorted by name. Damaged versions are skipped and logged. Reads
  // up to 16 documents at a time.
  Result<std::vector<Document>> ReadAll(std::string_view kind) const;
  // The versions before the newest, newest first, as far as they are kept and their checksums
  // chain up; also of a deleted document. kNotFound when there never was one.
  Result<std::vector<Document>> History(std::string_view kind, std::string_view name) const;
  // Every version that was the truth at some time since `since`, newest first: the current one and
  // those that were replaced or deleted later. Empty when there never was one.
  Result<std::vector<Document>> ReadSince(std::string_view kind, std::string_view name,
                                          Timestamp since) const;

  // Publishes `body`; kConflict unless `expected_version` is the current one (0: the document does
  // not exist). Durable on return. Returns the new version: `expected_version` + 1, or higher where
  // damaged versions or a tombstone lie between, or `at_least` asks for it. kCommitStateUnknown
  // when the answer was lost and cannot be had: writing again with the same `expected_version` is
  // safe.
  Result<uint64_t> Write(std::string_view kind, std::string_view name, uint64_t expected_version,
                         const Json& body, uint64_t at_least = 0);
  // As Write, with the final version. kNotFound when absent or deleted.
  Status Delete(std::string_view kind, std::string_view name, uint64_t expected_version);

 private:
  Result<uint64_t> Append(std::string_view kind, std::string_view name, uint64_t expected_version,
                          const Json* body, uint64_t at_least);

  ObjectStore& store_;
  const size_t history_;
};

}  // namespace lakehouse::storage
