#include "storage/append_log_reader.h"

#include <algorithm>
#include <utility>

namespace lakehouse::storage {

namespace {

using Reason = ReadStop::Reason;

// Checks that a segment goes on where the reader is, or, where it overlaps what was read, says the
// same.
Status CheckChain(const DecodedSegment& decoded, const std::optional<ChainLink>& link) {
  if (!decoded.header || !link) return OkStatus();
  const SegmentHeader& header = *decoded.header;
  bool agrees = true;
  if (link->number < header.first) {
    agrees = header.previous.number > link->number || header.previous == *link;
  } else if (link->number < decoded.next()) {
    agrees = decoded.frames[link->number - header.first].digest() == link->digest;
  }
  if (agrees) return OkStatus();
  return Internal("segments of the log contradict each other at record ", header.first);
}

class Reader {
 public:
  Reader(const SegmentStore& segments, const SegmentIndex& index, const RecordVisitor& visit,
         ReadPosition& position)
      : segments_(segments), index_(index), visit_(visit), position_(position) {}

  Result<ReadStop> Run() {
    const std::vector<LogSegment>& live = index_.live;
    auto next = std::upper_bound(
        live.begin(), live.end(), position_.number,
        [](uint64_t number, const LogSegment& segment) { return number < segment.first; });
    // Also when it ends before the position: what follows must continue it.
    if (next != live.begin()) --next;
    for (; next != live.end() && next->first < position_.end; ++next) {
      const bool is_newest = next + 1 == live.end();
      const uint64_t following = is_newest ? index_.next : (next + 1)->first;
      ASSIGN_OR_RETURN(ReadStop stop, ReadOne(*next, following));
      if (stop.reason != Reason::kEnd) return stop;
    }
    if (next == live.end() && position_.link && position_.number < position_.end) {
      const NumberRange rest = {position_.link->number + 1, index_.next};
      if (!Explains(index_.damaged, rest)) return Missing(rest);
    }
    position_.number = std::max(position_.number, std::min(position_.end, index_.next));
    return ReadStop{};
  }

 private:
  static ReadStop Missing(const NumberRange& range) { return {Reason::kMissing, range, {}}; }

  Result<ReadStop> ReadOne(const LogSegment& segment, uint64_t following) {
    Result<LoadedSegment> loaded = segments_.Load(segment);
    if (loaded.status().code() == StatusCode::kNotFound) return ReadStop{Reason::kStale, {}, {}};
    TRY(loaded.status());
    const DecodedSegment& decoded = loaded->decoded;
    // What is before the oldest segment was dropped, perhaps since reading began.
    const bool is_oldest = segment == index_.live.front();
    if (!is_oldest && position_.link && segment.first > position_.link->number + 1) {
      const NumberRange gap = {position_.link->number + 1, segment.first};
      const bool was_known =
          decoded.header && decoded.header->previous.number == position_.link->number;
      if (!was_known && !Explains(index_.damaged, gap)) return Missing(gap);
    }
    TRY(CheckChain(decoded, position_.link));
    TRY(Visit(decoded));
    const uint64_t reach = segment.merged ? segment.last + 1 : following;
    const bool is_whole = decoded.state == SegmentState::kWhole;
    const bool continued = decoded.state == SegmentState::kTorn && decoded.header &&
                           Explains(index_.damaged, {decoded.next(), reach});
    if (is_whole || continued) return ReadStop{};
    return ReadStop{Reason::kDamaged, {segment.first, reach}, *std::move(loaded)};
  }

  Status Visit(const DecodedSegment& decoded) {
    if (decoded.frames.empty()) return OkStatus();
    uint64_t number = decoded.header->first;
    for (const Frame& frame : decoded.frames) {
      if (number >= position_.end) break;
      if (number >= position_.number) {
        TRY(visit_(number, frame.record()));
        position_.number = number + 1;
        position_.link = {number, frame.digest()};
      }
      ++number;
    }
    const bool is_behind = !position_.link || position_.link->number < decoded.next() - 1;
    if (is_behind && position_.number < position_.end) position_.link = decoded.link();
    return OkStatus();
  }

  const SegmentStore& segments_;
  const SegmentIndex& index_;
  const RecordVisitor& visit_;
  ReadPosition& position_;
};

}  // namespace

Result<ReadStop> ReadSegments(const SegmentStore& segments, const SegmentIndex& index,
                              const RecordVisitor& visit, ReadPosition& position) {
  return Reader(segments, index, visit, position).Run();
}

}  // namespace lakehouse::storage
