// One immutable file of the embedding cache (docs/formats/embedding_cache.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::search {

// A SHA-256 sum.
using VectorKey = std::array<uint8_t, 32>;

// The key that 64 hex digits name; nullopt for anything else.
std::optional<VectorKey> ParseVectorKey(std::string_view hex);

struct VectorRecord {
  VectorKey key;
  std::vector<float> vector;
};

// The bytes of a segment with `records` in their order. REQUIRES: `space_id` is 64 hex digits,
// every vector has `dimensions` floats, no key stands twice, fewer than 2^31 records.
std::string EncodeVectorSegment(const std::string& space_id, size_t dimensions,
                                std::span<const VectorRecord> records);

// The index of a segment in memory; vectors are read on demand. Immutable, thread-safe. Errors are
// those of ObjectStore and, where bytes are not what was written, kInternal.
class VectorSegment {
 public:
  // A row that may hold a key, and where the caller wants what is found there.
  struct Wanted {
    uint32_t row = 0;
    const VectorKey* key = nullptr;
    size_t slot = 0;
  };
  using Found = std::function<void(size_t slot, std::vector<float> vector)>;

  // Reads the header and the index of keys. `space_id` is what the header must name.
  static Result<std::shared_ptr<const VectorSegment>> Open(const storage::ObjectStore& store,
                                                           storage::ObjectInfo object,
                                                           const std::string& space_id);

  // The row that holds `key`, if any does; two keys that agree in 64 bits may be taken for one.
  std::optional<uint32_t> FindRow(const VectorKey& key) const;

  // Reads the rows and gives `found` the vector of each that holds its key; every vector was
  // checked against its checksum. Rows that lie near each other are read together; `wanted` is
  // sorted for that.
  Status ReadRows(const storage::ObjectStore& store, std::vector<Wanted>& wanted,
                  const Found& found) const;
  // Every record, in order.
  Result<std::vector<VectorRecord>> ReadAll(const storage::ObjectStore& store) const;

  const storage::ObjectInfo& object() const { return object_; }
  size_t dimensions() const { return dimensions_; }
  size_t records() const { return rows_.size(); }

 private:
  VectorSegment(storage::ObjectInfo object, size_t dimensions)
      : object_(std::move(object)), dimensions_(dimensions) {}

  uint64_t RecordOffset(uint64_t row) const;
  // Decodes the record of `row` that begins at `bytes`.
  Result<VectorRecord> DecodeRecord(const char* bytes, uint64_t row) const;

  const storage::ObjectInfo object_;
  const size_t dimensions_;
  // By key: its first 64 bits, and the row that holds it. Compact, for there may be millions.
  std::vector<uint64_t> prefixes_;
  std::vector<uint32_t> rows_;
};

}  // namespace lakehouse::search
