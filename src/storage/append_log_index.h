// Which objects of a log's folder hold which records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/append_log_format.h"

namespace lakehouse::storage {

// A state of a log in storage, as a listing and what was written since say it. A value.
struct SegmentIndex {
  // In order, each reaching beyond those before it. The `last` of one that is not merged may be too
  // high when records behind it are missing.
  std::vector<LogSegment> live;
  std::vector<LogSegment> superseded;  // Merged ones hold their records.
  std::vector<NumberRange> damaged;    // What was moved away, or is known to be missing.
  uint64_t next = 1;                   // Above every number that storage knows of.
};

// Orders what was listed. Leaves out the duplicates, so that two listings may be put together.
SegmentIndex BuildIndex(std::vector<LogSegment> listed, std::vector<NumberRange> damaged);

// True when every number of `range` is in one of `damaged`.
bool Explains(const std::vector<NumberRange>& damaged, NumberRange range);

// Returns the same index, in which `merged` has taken the place of what it covers.
SegmentIndex Supersede(SegmentIndex index, const LogSegment& merged);

// Positions in `live` from `begin` to before `end`.
struct SegmentRun {
  size_t begin = 0;
  size_t end = 0;
};

// Which neighbours to merge: runs of at least two that fit in one segment and do not end with the
// newest, which stays as it is, for the numbers go on behind it and a writer that was overtaken
// finds it. A large one is left alone until its successors together are as large, so that a byte is
// copied about log2(kMaxSegmentBytes / smallest) times in all.
std::vector<SegmentRun> PlanMerges(const std::vector<LogSegment>& live);

}  // namespace lakehouse::storage
