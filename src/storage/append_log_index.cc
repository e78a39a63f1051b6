#include "storage/append_log_index.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace lakehouse::storage {

namespace {

constexpr uint64_t kUnknownLast = std::numeric_limits<uint64_t>::max();

// Merged ones come before the plain one of the same first record, the longest before the others.
bool ComesBefore(const LogSegment& a, const LogSegment& b) {
  return std::tuple(a.first, !a.merged, b.last) < std::tuple(b.first, !b.merged, a.last);
}

bool IsSameObject(const LogSegment& a, const LogSegment& b) {
  return a.first == b.first && a.merged == b.merged && (!a.merged || a.last == b.last);
}

// Concludes from what follows where a plain segment must end.
void EstimateLast(std::vector<LogSegment>& segments, const std::vector<NumberRange>& damaged) {
  uint64_t following = 0;  // The first record of the next segment that starts later; 0: none.
  for (size_t i = segments.size(); i-- > 0;) {
    LogSegment& segment = segments[i];
    if (i + 1 < segments.size() && segments[i + 1].first > segment.first) {
      following = segments[i + 1].first;
    }
    if (segment.last != 0 || following == 0) continue;
    segment.last = following - 1;
    for (const NumberRange& range : damaged) {
      const bool cuts =
          range.first < range.next && range.first > segment.first && range.first <= segment.last;
      if (cuts) segment.last = range.first - 1;
    }
  }
}

bool Follows(const LogSegment& a, const LogSegment& b) { return b.first == a.last + 1; }

// The longest run from `begin` on that fits in one segment and leaves out the newest.
SegmentRun LongestRun(const std::vector<LogSegment>& live, size_t begin) {
  size_t bytes = live[begin].size_bytes;
  size_t end = begin + 1;
  while (end + 1 < live.size() && Follows(live[end - 1], live[end]) &&
         bytes + live[end].size_bytes <= kMaxSegmentBytes) {
    bytes += live[end].size_bytes;
    ++end;
  }
  return {begin, end};
}

}  // namespace

SegmentIndex BuildIndex(std::vector<LogSegment> listed, std::vector<NumberRange> damaged) {
  std::stable_sort(listed.begin(), listed.end(), ComesBefore);
  listed.erase(std::unique(listed.begin(), listed.end(), IsSameObject), listed.end());
  EstimateLast(listed, damaged);
  SegmentIndex index;
  index.damaged = std::move(damaged);
  uint64_t covered = 0;
  for (const LogSegment& segment : listed) {
    const uint64_t last = segment.last == 0 ? kUnknownLast : segment.last;
    (last > covered ? index.live : index.superseded).push_back(segment);
    covered = std::max(covered, last);
  }
  return index;
}

bool Explains(const std::vector<NumberRange>& damaged, NumberRange range) {
  bool advanced = true;
  while (range.first < range.next && advanced) {
    advanced = false;
    for (const NumberRange& known : damaged) {
      if (known.first > range.first || known.next <= range.first) continue;
      range.first = known.next;
      advanced = true;
    }
  }
  return range.first >= range.next;
}

SegmentIndex Supersede(SegmentIndex index, const LogSegment& merged) {
  std::vector<LogSegment> segments = {merged};
  segments.insert(segments.end(), index.live.begin(), index.live.end());
  segments.insert(segments.end(), index.superseded.begin(), index.superseded.end());
  SegmentIndex after = BuildIndex(std::move(segments), std::move(index.damaged));
  after.next = index.next;
  return after;
}

std::vector<SegmentRun> PlanMerges(const std::vector<LogSegment>& live) {
  std::vector<SegmentRun> runs;
  for (size_t begin = 0; begin + 1 < live.size();) {
    SegmentRun run = LongestRun(live, begin);
    begin = run.end;
    uint64_t rest = 0;  // Bytes behind the first of the run.
    for (size_t i = run.begin; i < run.end; ++i) rest += live[i].size_bytes;
    while (run.begin < run.end) {
      rest -= live[run.begin].size_bytes;
      if (live[run.begin].size_bytes <= rest) break;
      ++run.begin;
    }
    if (run.end - run.begin > 1) runs.push_back(run);
  }
  return runs;
}

}  // namespace lakehouse::storage
