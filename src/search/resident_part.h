// One part of an index in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "search/index.h"
#include "vector/flat_index.h"

namespace lakehouse::search {

// The chunks of one part as columns of equal length, on their way to or from Parquet.
struct ChunkTable {
  std::vector<std::string> doc_ids;
  std::vector<int64_t> chunk_idxs;
  std::vector<std::string> texts;
  std::vector<int64_t> begins;
  std::vector<int64_t> ends;
  std::vector<std::string> content_hashes;  // SHA-256 of the chunk's text. Not kept in memory.
  std::vector<float> vectors;               // Row after row.

  size_t size() const { return doc_ids.size(); }
};

// Strings back to back in one allocation. Immutable.
class PackedStrings {
 public:
  explicit PackedStrings(const std::vector<std::string>& strings);
  std::string_view operator[](size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  size_t size() const { return ends_.size(); }
  size_t resident_bytes() const;

 private:
  std::string bytes_;
  std::vector<uint64_t> ends_;
};

// Vectors and texts of one part, ready to be searched. Immutable, so searches need no lock.
class ResidentPart {
 public:
  // kInvalidArgument when the columns differ in length or a vector is not one of the space.
  static Result<ResidentPart> Create(const ChunkTable& chunks, size_t dimensions);

  const vector::FlatIndex& vectors() const { return vectors_; }
  size_t chunks() const { return doc_ids_.size(); }
  std::string_view doc_id(size_t chunk) const { return doc_ids_[chunk]; }
  // REQUIRES: chunk < chunks().
  SearchHit HitAt(size_t chunk, float score) const;
  size_t resident_bytes() const;

 private:
  ResidentPart(const ChunkTable& chunks, vector::FlatIndex vectors);

  vector::FlatIndex vectors_;
  PackedStrings doc_ids_;
  PackedStrings texts_;
  std::vector<int64_t> chunk_idxs_;
  std::vector<int64_t> begins_;
  std::vector<int64_t> ends_;
};

}  // namespace lakehouse::search
