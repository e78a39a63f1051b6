// Append-only journals in a bucket: `_journal/<name>/…`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

struct AppendLogOptions {
  size_t flush_bytes = 65'536;          // Buffered records are written when they reach this,
  int64_t flush_interval_ms = 1'000;    // or are so old. 0: only by size and on request.
  size_t max_buffered_bytes = 8 << 20;  // Append answers kResourceExhausted beyond.
  size_t merge_after_segments = 64;     // Merged in the background so often. 0: only by Compact.
  const Clock* clock = &Clock::System();
};

// What a log is in storage.
struct AppendLogStats {
  uint64_t records = 0;      // From the oldest one kept to the newest, the buffered ones too.
  uint64_t last_number = 0;  // Of the newest record, the buffered ones too.
  uint64_t segments = 0;
  uint64_t bytes = 0;  // Of the segments.
  uint64_t buffered_records = 0;
  uint64_t quarantined_segments = 0;  // Kept under other keys, or missing.
};

// Records in order of their numbers, from 1 without a gap. Segments are objects that are written
// once (docs/formats/append_log.md): every record has its length, its CRC-32C and the SHA-256 chain
// over all records before it. One writer at a time: a second one loses the race for the next
// segment and gets kConflict, and so does every later call of it that writes; open the log again to
// go on. What it had appended and not made durable is lost.
//
// Reading tolerates a torn tail of the last segment: what follows the last whole record is ignored.
// Damage elsewhere is reported once, as kInternal: by the first Read or Compact that meets it,
// which keeps the segment under another key, and in the log. From then on, reading goes on behind
// it; only then, numbers have a gap. Damage to the last segment is met, and logged, by Open. No
// number that was made durable is used again.
//
// Invariants:
// 1. A record that AppendDurable or Flush acknowledged is in a segment that readers reach until
//    Compact drops it.
// 2. A batch whose write was tried never changes: it is tried again under the same key.
// 3. The newest segment is neither merged nor dropped.
// 4. A segment is deleted only after the one that replaces it was read back.
//
// Thread-safe. Memory: at most `max_buffered_bytes`, some bytes a segment, and one segment (4 MiB)
// or a copy of the buffer for every call of Read under way.
class AppendLog {
 public:
  // Lists the segments and verifies the newest; the others are verified when they are read.
  // `store` and the clock outlive the log. REQUIRES: `name` is an id.
  static Result<std::unique_ptr<AppendLog>> Open(ObjectStore& store, std::string_view name,
                                                 const AppendLogOptions& options = {});
  // Writes what is buffered, once; what cannot be written then is logged and lost.
  virtual ~AppendLog() = default;

  // Buffers a record of 1 byte to 1 MiB; returns its number. Durable after the next flush. Never
  // waits for storage. kInvalidArgument for another size.
  virtual Result<uint64_t> Append(std::string_view record) = 0;
  // Returns when the record is durable; concurrent callers share one write. After an error the
  // record stays buffered and a later flush may still write it, unless the error is
  // kInvalidArgument, kResourceExhausted because the buffer is full, or kConflict.
  virtual Result<uint64_t> AppendDurable(std::string_view record) = 0;
  // Makes everything appended so far durable.
  virtual Status Flush() = 0;

  // Calls `visit` with every record from number `first` on that was appended before this call, also
  // the buffered ones; stops at its first error and returns it. `visit` may call the log.
  virtual Status Read(
      uint64_t first,
      const std::function<Status(uint64_t number, std::string_view record)>& visit) const = 0;

  // Merges small segments into large ones and, when `keep_records` is not 0, drops whole segments
  // older than the newest `keep_records` records. Readers see every kept record throughout; safe to
  // be killed at any moment. After an error some of it is done; call it again.
  virtual Status Compact(uint64_t keep_records = 0) = 0;

  virtual AppendLogStats stats() const = 0;
};

}  // namespace lakehouse::storage
