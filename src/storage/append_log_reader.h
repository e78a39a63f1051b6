// Reads the records of an append log from its segments, in order and verified.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "storage/append_log_index.h"
#include "storage/append_log_segments.h"

namespace lakehouse::storage {

using RecordVisitor = std::function<Status(uint64_t number, std::string_view record)>;

// How far a reader got.
struct ReadPosition {
  uint64_t number = 1;            // Visited next.
  uint64_t end = 1;               // Not visited any more.
  std::optional<ChainLink> link;  // The chain at the last record that was seen.
};

// Why a reader stopped.
struct ReadStop {
  enum class Reason {
    kEnd,      // Everything in storage before `end` was visited.
    kStale,    // A segment is gone: the index is out of date.
    kMissing,  // No segment holds `range`.
    kDamaged,  // `damaged`, which should hold `range`, lacks some of it; the rest was visited.
  };
  Reason reason = Reason::kEnd;
  NumberRange range;
  std::optional<LoadedSegment> damaged;
};

// Visits records from `position` on and advances it, also when it fails. Errors are the visitor's,
// the store's, and kInternal when two segments contradict each other.
Result<ReadStop> ReadSegments(const SegmentStore& segments, const SegmentIndex& index,
                              const RecordVisitor& visit, ReadPosition& position);

}  // namespace lakehouse::storage
