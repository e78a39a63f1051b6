// Records of an append log that are not in storage yet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "storage/append_log_format.h"

namespace lakehouse::storage {

// Records that will be one segment.
struct RecordBatch {
  LogSegment segment;  // `last` and `size_bytes` hold once sealed.
  ChainLink previous;
  ChainLink link;       // Of the last record.
  std::string bytes;    // The segment; its header holds once sealed.
  bool sealed = false;  // Never changes again: a write of it may have reached storage.
};

// A copy of buffered records.
struct BufferedRecords {
  uint64_t first = 0;
  std::string frames;
};

// Numbers records and chains them, in batches of at most kMaxSegmentBytes. Not thread-safe.
class AppendBuffer {
 public:
  // The first record gets number `next` and continues `link`.
  AppendBuffer(uint64_t next, const ChainLink& link);

  // Returns the record's number. REQUIRES: 1 to kMaxRecordBytes bytes.
  uint64_t Append(std::string_view record);

  bool empty() const { return batches_.empty(); }
  size_t size_bytes() const { return size_bytes_; }
  uint64_t next() const { return next_; }  // The number that the next record gets.
  // Records that wait.
  uint64_t count() const { return empty() ? 0 : next_ - batches_.front().segment.first; }

  // Seals the oldest batch. It stays where it is until PopFront, also while others are appended.
  // REQUIRES: !empty().
  const RecordBatch& SealFront();
  // Forgets the oldest batch: it is in storage. REQUIRES: !empty().
  void PopFront();

  // Copies the records from number `first` on, before number `end`.
  std::vector<BufferedRecords> Copy(uint64_t first, uint64_t end) const;

 private:
  std::array<char, 16> writer_;
  uint64_t next_;
  ChainLink link_;
  size_t size_bytes_ = 0;
  std::deque<RecordBatch> batches_;
};

}  // namespace lakehouse::storage
