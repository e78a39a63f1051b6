#include "storage/append_log_buffer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/rng.h"

namespace lakehouse::storage {

AppendBuffer::AppendBuffer(uint64_t next, const ChainLink& link) : next_(next), link_(link) {
  Rng rng = Rng::FromSystem();
  const std::array<uint64_t, 2> id = {rng.Next(), rng.Next()};
  static_assert(sizeof(id) == sizeof(writer_));
  std::memcpy(writer_.data(), id.data(), sizeof(id));
}

uint64_t AppendBuffer::Append(std::string_view record) {
  const size_t frame_bytes = kFrameHeaderBytes + record.size();
  const bool opens = batches_.empty() || batches_.back().sealed ||
                     batches_.back().bytes.size() + frame_bytes > kMaxSegmentBytes;
  if (opens) {
    RecordBatch& batch = batches_.emplace_back();
    batch.segment.first = next_;
    batch.previous = link_;
    batch.bytes.assign(kSegmentHeaderBytes, '\0');
  }
  RecordBatch& batch = batches_.back();
  link_ = AppendFrame(batch.bytes, link_.digest, next_, record);
  batch.link = link_;
  size_bytes_ += frame_bytes;
  return next_++;
}

const RecordBatch& AppendBuffer::SealFront() {
  CHECK(!empty());
  RecordBatch& batch = batches_.front();
  if (batch.sealed) return batch;
  batch.segment.last = batch.link.number;
  batch.segment.size_bytes = batch.bytes.size();
  WriteSegmentHeader(
      batch.bytes, {.first = batch.segment.first,
                    .previous = batch.previous,
                    .writer = writer_,
                    .count = static_cast<uint32_t>(batch.segment.last - batch.segment.first + 1),
                    .body_bytes = static_cast<uint32_t>(batch.bytes.size() - kSegmentHeaderBytes)});
  batch.sealed = true;
  return batch;
}

void AppendBuffer::PopFront() {
  CHECK(!empty());
  size_bytes_ -= batches_.front().bytes.size() - kSegmentHeaderBytes;
  batches_.pop_front();
}

std::vector<BufferedRecords> AppendBuffer::Copy(uint64_t first, uint64_t end) const {
  std::vector<BufferedRecords> copies;
  for (const RecordBatch& batch : batches_) {
    if (batch.link.number < first || batch.segment.first >= end) continue;
    BufferedRecords copy{std::max(first, batch.segment.first), {}};
    uint64_t number = batch.segment.first;
    for (const Frame& frame :
         SplitFrames(std::string_view(batch.bytes).substr(kSegmentHeaderBytes))) {
      if (number >= first && number < end) copy.frames.append(frame.bytes);
      ++number;
    }
    copies.push_back(std::move(copy));
  }
  return copies;
}

}  // namespace lakehouse::storage
