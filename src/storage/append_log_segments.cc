#include "storage/append_log_segments.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

// Each repairs one object, or sees another process change the log.
constexpr int kMaxRecoverySteps = 1000;

// One byte more than a segment may have, so that what is too long shows.
constexpr ByteRange kWholeSegment = {0, kMaxSegmentBytes + 1};

constexpr size_t kLaterKeys = 16;  // Enough to find a segment among keys that are none.

// The numbers that the newest segment held or may have held. A torn one without a whole record
// held none: it was never acknowledged, or nothing tells.
NumberRange RangeOfNewest(const LoadedSegment& loaded) {
  const LogSegment& segment = loaded.segment;
  if (segment.merged) return {segment.first, segment.last + 1};
  if (loaded.decoded.state == SegmentState::kTorn) return {segment.first, segment.first};
  if (loaded.decoded.header) {
    return {segment.first, segment.first + loaded.decoded.header->count};
  }
  // A number is never used again, so count the most records that fit.
  const uint64_t fit = (segment.size_bytes - kSegmentHeaderBytes) / (kFrameHeaderBytes + 1);
  return {segment.first, segment.first + std::max<uint64_t>(fit, 1)};
}

// A segment that depends on its records alone.
std::string EncodeMerged(uint64_t first, const ChainLink& previous, uint32_t count,
                         std::string_view body) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.append(body);
  WriteSegmentHeader(bytes, {.first = first,
                             .previous = previous,
                             .writer = {},
                             .count = count,
                             .body_bytes = static_cast<uint32_t>(body.size())});
  return bytes;
}

}  // namespace

Result<SegmentIndex> SegmentStore::List() const {
  ASSIGN_OR_RETURN(const std::vector<ObjectInfo> infos, store_.List(keys_.prefix()));
  std::vector<LogSegment> segments;
  std::vector<NumberRange> damaged;
  for (const ObjectInfo& info : infos) {
    if (const std::optional<LogSegment> segment = keys_.ParseSegment(info)) {
      segments.push_back(*segment);
    } else if (const std::optional<NumberRange> range = keys_.ParseDamaged(info.key)) {
      damaged.push_back(*range);
    }
  }
  return BuildIndex(std::move(segments), std::move(damaged));
}

Result<LogTail> SegmentStore::Recover() const {
  for (int step = 0; step < kMaxRecoverySteps; ++step) {
    LogTail tail;
    ASSIGN_OR_RETURN(tail.index, List());
    SegmentIndex& index = tail.index;
    tail.link = ChainRoot(name_);
    index.next = 1;
    if (!index.live.empty()) {
      LogSegment& newest = index.live.back();
      const Result<LoadedSegment> loaded = Load(newest);
      if (loaded.status().code() == StatusCode::kNotFound) continue;
      TRY(loaded.status());
      const DecodedSegment& decoded = loaded->decoded;
      // The key of a merged one would still claim what it lacks.
      const bool torn = decoded.state == SegmentState::kTorn;
      if (decoded.state == SegmentState::kDamaged || decoded.frames.empty() ||
          (torn && newest.merged)) {
        TRY(MoveAway(*loaded, RangeOfNewest(*loaded)));
        continue;
      }
      if (torn) {
        LogWarning(
            "The newest segment of a log ends early; the log goes on behind its last record.",
            {{"log", name_}, {"record", decoded.next() - 1}});
      }
      tail.link = decoded.link();
      index.next = decoded.next();
      newest.last = decoded.next() - 1;
    }
    for (const NumberRange& range : index.damaged) index.next = std::max(index.next, range.next);
    return tail;
  }
  return Unavailable("the log changes faster than it can be opened: ", name_);
}

Result<LoadedSegment> SegmentStore::Load(const LogSegment& segment) const {
  const std::string key = keys_.ForSegment(segment);
  ASSIGN_OR_RETURN(std::string bytes, store_.Get(key, kWholeSegment));
  if (bytes.size() != segment.size_bytes) {
    return NotFound("a segment has another length than was listed: ", key);
  }
  LoadedSegment loaded;
  loaded.segment = segment;
  loaded.bytes = std::make_unique<const std::string>(std::move(bytes));
  DecodedSegment& decoded = loaded.decoded;
  decoded = DecodeSegment(*loaded.bytes, segment.first);
  const bool is_foreign = decoded.header && decoded.header->previous.number == 0 &&
                          decoded.header->previous != ChainRoot(name_);
  const bool is_misnamed =
      decoded.state == SegmentState::kWhole && segment.merged && decoded.next() != segment.last + 1;
  if (is_foreign || is_misnamed) {
    decoded = {};
    decoded.problem = "the segment belongs under another key";
  }
  if (decoded.state == SegmentState::kWhole) return loaded;
  // Bytes that were damaged on their way here are not damaged in storage.
  ASSIGN_OR_RETURN(const std::string again, store_.Get(key, kWholeSegment));
  if (again != *loaded.bytes) {
    return Unavailable("a segment was read twice with different bytes: ", key);
  }
  return loaded;
}

Status SegmentStore::Publish(const LogSegment& segment, std::string_view bytes,
                             const ChainLink& link) const {
  TRY(PutOnce(keys_.ForSegment(segment), bytes));
  return ConfirmNewest(segment, link);
}

// Creates an object, or finds that it is there with these bytes.
Status SegmentStore::PutOnce(const std::string& key, std::string_view bytes) const {
  const Status status = store_.Put(key, bytes, {.if_absent = true}).status();
  // Also a conflict may be with ourselves, when an earlier answer was lost.
  const bool may_be_there =
      status.code() == StatusCode::kConflict || status.code() == StatusCode::kCommitStateUnknown;
  return may_be_there ? Settle(key, bytes, status) : status;
}

Status SegmentStore::Settle(const std::string& key, std::string_view bytes,
                            const Status& answer) const {
  const Result<std::string> found = store_.Get(key, kWholeSegment);
  if (found.status().code() == StatusCode::kNotFound) {
    return Unavailable("the store did not write a segment: ", answer.message());
  }
  if (!found.ok()) {
    return CommitStateUnknown("a segment may or may not have been written: ", key, ": ",
                              found.status().message());
  }
  if (*found == bytes) return OkStatus();
  // A bad answer must not look like another writer, which would end this one.
  const std::optional<SegmentHeader> theirs = DecodeSegmentHeader(*found);
  const std::optional<SegmentHeader> ours = DecodeSegmentHeader(bytes);
  if (theirs && ours && theirs->writer != ours->writer) {
    return Conflict("another writer has written the segment: ", key);
  }
  return Unavailable("other bytes than expected are stored under the key: ", key);
}

// A writer that was overtaken could succeed with a segment whose number was written, merged and
// deleted before. The newest segment is never merged, so such a writer finds a later one. It is in
// the log only when that one continues it.
Status SegmentStore::ConfirmNewest(const LogSegment& segment, const ChainLink& link) const {
  const std::string key = keys_.ForSegment(segment);
  ASSIGN_OR_RETURN(const std::vector<ObjectInfo> later,
                   store_.List(keys_.prefix(), key, kLaterKeys));
  std::optional<LogSegment> next;
  for (size_t i = 0; i < later.size() && !next; ++i) next = keys_.ParseSegment(later[i]);
  if (!next) return OkStatus();
  if (next->first == segment.last + 1) {
    const std::string next_key = keys_.ForSegment(*next);
    ASSIGN_OR_RETURN(const std::string bytes, store_.Get(next_key, {0, kSegmentHeaderBytes}));
    const std::optional<SegmentHeader> header = DecodeSegmentHeader(bytes);
    if (!header) return Unavailable("a later segment cannot be read: ", next_key);
    if (header->previous == link) return OkStatus();
  }
  const Status removed = store_.Delete(key);
  if (!removed.ok()) LogWarning("A segment that came too late stays for now.", {{"key", key}});
  return Conflict("another writer has continued the log: ", name_);
}

Status SegmentStore::ConfirmBytes(const std::string& key, std::string_view bytes) const {
  ASSIGN_OR_RETURN(const std::string found, store_.Get(key));
  return found == bytes ? OkStatus()
                        : Unavailable("an object was read back with other bytes: ", key);
}

Status SegmentStore::PutAndConfirm(const std::string& key, std::string_view bytes) const {
  TRY(PutOnce(key, bytes));
  return ConfirmBytes(key, bytes);
}

Result<LogSegment> SegmentStore::Merge(const std::vector<LogSegment>& segments,
                                       std::optional<LoadedSegment>& bad) const {
  std::string body;
  uint32_t count = 0;
  ChainLink previous;
  ChainLink link;
  for (const LogSegment& segment : segments) {
    ASSIGN_OR_RETURN(LoadedSegment loaded, Load(segment));
    if (!loaded.Reaches(segment.last + 1)) {
      bad = std::move(loaded);
      return Internal("a segment of the log lacks records: ", keys_.ForSegment(segment), ": ",
                      bad->decoded.problem);
    }
    const DecodedSegment& decoded = loaded.decoded;
    if (count == 0) previous = decoded.header->previous;
    const bool continues = count == 0 || decoded.header->previous == link;
    if (!continues || decoded.next() != segment.last + 1) {
      return Internal("segments of the log contradict each other: ", keys_.ForSegment(segment));
    }
    for (const Frame& frame : decoded.frames) body.append(frame.bytes);
    count += static_cast<uint32_t>(decoded.frames.size());
    link = decoded.link();
  }
  const std::string bytes = EncodeMerged(segments.front().first, previous, count, body);
  const LogSegment merged{.first = segments.front().first,
                          .last = link.number,
                          .merged = true,
                          .size_bytes = bytes.size()};
  TRY(PutAndConfirm(keys_.ForSegment(merged), bytes));
  return merged;
}

Status SegmentStore::MoveAway(const LoadedSegment& damaged, const NumberRange& range) const {
  const LogSegment& segment = damaged.segment;
  const DecodedSegment& decoded = damaged.decoded;
  const std::string key = keys_.ForSegment(segment);
  const std::string kept = keys_.ForDamaged(range, *damaged.bytes);
  LogError("A segment of a log is damaged; it is kept under another key.",
           {{"segment", key}, {"kept", kept}, {"problem", decoded.problem}});
  TRY(PutAndConfirm(kept, *damaged.bytes));
  if (!decoded.frames.empty()) {
    std::string body;
    for (const Frame& frame : decoded.frames) body.append(frame.bytes);
    const std::string bytes = EncodeMerged(segment.first, decoded.header->previous,
                                           static_cast<uint32_t>(decoded.frames.size()), body);
    const std::string salvaged = keys_.ForSegment({.first = segment.first,
                                                   .last = decoded.next() - 1,
                                                   .merged = true,
                                                   .size_bytes = bytes.size()});
    if (salvaged == key) {  // Only what follows the records is bad.
      TRY(store_.Put(key, bytes).status());
      return ConfirmBytes(key, bytes);
    }
    TRY(PutAndConfirm(salvaged, bytes));
  }
  return store_.Delete(key);
}

Status SegmentStore::NoteMissing(const NumberRange& range) const {
  LogError("Records of a log are missing.",
           {{"log", name_}, {"first", range.first}, {"next", range.next}});
  return PutOnce(keys_.ForDamaged(range, {}), {});
}

Status SegmentStore::DeleteAll(const std::vector<LogSegment>& segments) const {
  if (segments.empty()) return OkStatus();
  std::vector<std::string> keys;
  keys.reserve(segments.size());
  for (const LogSegment& segment : segments) keys.push_back(keys_.ForSegment(segment));
  return store_.DeleteMany(keys);
}

}  // namespace lakehouse::storage
