// What an append log does to its objects: read, publish, merge, keep what is damaged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "storage/append_log_format.h"
#include "storage/append_log_index.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// A segment that was read.
struct LoadedSegment {
  LogSegment segment;
  std::unique_ptr<const std::string> bytes;  // Stay where they are when this is moved.
  DecodedSegment decoded;                    // Views into `bytes`.

  // True when it holds every record before number `next`.
  bool Reaches(uint64_t next) const {
    return decoded.state != SegmentState::kDamaged && decoded.header && decoded.next() >= next;
  }
};

// Where a log goes on.
struct LogTail {
  SegmentIndex index;
  ChainLink link;  // What the next record continues.
};

// The segments of one log. Knows no index: the caller says which segments there are. Thread-safe:
// it holds nothing but names.
class SegmentStore {
 public:
  // `store` outlives this. REQUIRES: `name` is an id.
  SegmentStore(ObjectStore& store, std::string_view name)
      : store_(store), keys_(name), name_(name) {}

  // Every segment there is; `next` is left to the caller.
  Result<SegmentIndex> List() const;

  // Lists the segments and verifies the newest. A torn newest one is left as it is when it holds a
  // whole record. Otherwise, and when it is damaged, it is moved away and the one before it counts.
  Result<LogTail> Recover() const;

  // Reads a segment; what is in it may be torn or damaged. kNotFound when it is gone, or not as
  // long as `segment` says: the index is out of date.
  Result<LoadedSegment> Load(const LogSegment& segment) const;

  // Writes the next segment, whose last record is `link`. Settles lost answers, so it may be called
  // again with the same bytes after any other error. kConflict: somebody else writes this log.
  Status Publish(const LogSegment& segment, std::string_view bytes, const ChainLink& link) const;

  // Makes one segment of neighbours and reads it back. Deletes nothing. kNotFound: the index is out
  // of date. When one of them lacks records, it is moved to `bad` and the answer is kInternal.
  // REQUIRES: each has its `last`, and begins where the one before it ends.
  Result<LogSegment> Merge(const std::vector<LogSegment>& segments,
                           std::optional<LoadedSegment>& bad) const;

  // Keeps the bytes of a segment that should hold `range` under another key, publishes the records
  // before the damage as a segment of their own, and deletes the original. Safe to be repeated.
  Status MoveAway(const LoadedSegment& damaged, const NumberRange& range) const;
  // Notes that records are gone, so that they are not looked for again.
  Status NoteMissing(const NumberRange& range) const;

  Status Delete(const LogSegment& segment) const {
    return store_.Delete(keys_.ForSegment(segment));
  }
  Status DeleteAll(const std::vector<LogSegment>& segments) const;

 private:
  Status PutOnce(const std::string& key, std::string_view bytes) const;
  Status Settle(const std::string& key, std::string_view bytes, const Status& answer) const;
  Status ConfirmNewest(const LogSegment& segment, const ChainLink& link) const;
  Status ConfirmBytes(const std::string& key, std::string_view bytes) const;
  Status PutAndConfirm(const std::string& key, std::string_view bytes) const;

  ObjectStore& store_;
  const LogKeys keys_;
  const std::string name_;
};

}  // namespace lakehouse::storage
