#include "storage/append_log.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/mutex.h"
#include "storage/append_log_buffer.h"
#include "storage/append_log_index.h"
#include "storage/append_log_reader.h"
#include "storage/append_log_segments.h"

namespace lakehouse::storage {

namespace {

constexpr int64_t kFirstRetryMicros = 1'000'000;
constexpr int64_t kLastRetryMicros = 60'000'000;
constexpr int kMaxStaleReads = 16;  // In a row, without a record in between.
constexpr int64_t kNever = INT64_MAX;

// Locks: maintenance_mutex_ before mutex_. Storage is called without mutex_; whatever removes
// segments holds maintenance_mutex_.
class AppendLogImpl : public AppendLog {
 public:
  AppendLogImpl(ObjectStore& store, std::string_view name, const AppendLogOptions& options,
                LogTail tail)
      : options_(options),
        name_(name),
        segments_(store, name),
        index_(std::make_shared<const SegmentIndex>(std::move(tail.index))),
        buffer_(index_->next, tail.link),
        unmerged_(index_->live.size()),
        flusher_([this] { RunFlusher(); }) {}

  ~AppendLogImpl() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      work_.NotifyAll();
    }
    flusher_.join();
    const Status status = Flush();
    if (status.ok()) return;
    LogError("Records of a log are lost: they could not be written before its end.",
             {{"log", name_}, {"records", stats().buffered_records}, {"error", status.ToString()}});
  }

  Result<uint64_t> Append(std::string_view record) override EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    TRY(CheckAppend(record));
    return AppendLocked(record);
  }

  Result<uint64_t> AppendDurable(std::string_view record) override EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    Status status = CheckAppend(record);
    if (status.code() == StatusCode::kResourceExhausted) {
      TRY(FlushUpTo(buffer_.next()));
      status = CheckAppend(record);
    }
    TRY(status);
    const uint64_t number = AppendLocked(record);
    TRY(FlushUpTo(number + 1));
    return number;
  }

  Status Flush() override EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    return FlushUpTo(buffer_.next());
  }

  Status Read(uint64_t first, const RecordVisitor& visit) const override;
  Status Compact(uint64_t keep_records) override;

  AppendLogStats stats() const override EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    AppendLogStats stats;
    stats.segments = index_->live.size();
    for (const LogSegment& segment : index_->live) stats.bytes += segment.size_bytes;
    stats.buffered_records = buffer_.count();
    stats.quarantined_segments = index_->damaged.size();
    const uint64_t oldest = index_->live.empty() ? index_->next : index_->live.front().first;
    stats.records = buffer_.next() - oldest;
    stats.last_number = buffer_.next() - 1;
    return stats;
  }

 private:
  using IndexPtr = std::shared_ptr<const SegmentIndex>;  // Shared with reads under way.

  // Appending and flushing.
  Status CheckAppend(std::string_view record) const REQUIRES_LOCK(mutex_);
  uint64_t AppendLocked(std::string_view record) REQUIRES_LOCK(mutex_);
  Status FlushUpTo(uint64_t next) REQUIRES_LOCK(mutex_);
  void WriteFront() REQUIRES_LOCK(mutex_);
  void NoteWrite(const Status& status) REQUIRES_LOCK(mutex_);
  void RunFlusher() EXCLUDES_LOCK(mutex_);
  int64_t FlushDueMicros() const REQUIRES_LOCK(mutex_);
  void MergeInBackground() REQUIRES_LOCK(mutex_);

  // Reading and repairing.
  IndexPtr Snapshot() const EXCLUDES_LOCK(mutex_) {
    MutexLock lock(mutex_);
    return index_;
  }
  void Install(SegmentIndex index) const REQUIRES_LOCK(mutex_) {
    index_ = std::make_shared<const SegmentIndex>(std::move(index));
  }
  Status Refresh() const REQUIRES_LOCK(maintenance_mutex_);
  Status RefreshUnlessChanged(const IndexPtr& seen) const EXCLUDES_LOCK(maintenance_mutex_);
  Status Repair(const LoadedSegment& damaged, const NumberRange& range) const
      REQUIRES_LOCK(maintenance_mutex_);
  Status ReportMissing(const NumberRange& range) const REQUIRES_LOCK(maintenance_mutex_);
  bool CopyBuffered(const IndexPtr& seen, const ReadPosition& position,
                    std::vector<BufferedRecords>& copies) const EXCLUDES_LOCK(mutex_);

  // Compacting.
  Status DeleteSuperseded() REQUIRES_LOCK(maintenance_mutex_);
  Status DeleteAll(const std::vector<LogSegment>& superseded) REQUIRES_LOCK(maintenance_mutex_);
  Status Drop(uint64_t keep_records) REQUIRES_LOCK(maintenance_mutex_);
  Status MergeRun(const std::vector<LogSegment>& run) REQUIRES_LOCK(maintenance_mutex_);

  const AppendLogOptions options_;
  const std::string name_;
  const SegmentStore segments_;

  mutable Mutex maintenance_mutex_;
  mutable Mutex mutex_;
  mutable IndexPtr index_ GUARDED_BY(mutex_);  // What is known of storage; reading may mend it.
  AppendBuffer buffer_ GUARDED_BY(mutex_);
  int64_t oldest_micros_ GUARDED_BY(mutex_) = 0;  // When the oldest buffered record came.
  CondVar written_;                               // A write has ended.
  bool writing_ GUARDED_BY(mutex_) = false;
  uint64_t writes_begun_ GUARDED_BY(mutex_) = 0;
  uint64_t failed_write_ GUARDED_BY(mutex_) = 0;  // The latest that failed, counted from 1.
  Status failure_ GUARDED_BY(mutex_);
  Status fence_ GUARDED_BY(mutex_);                    // Not ok: another writer has taken over.
  int64_t retry_delay_micros_ GUARDED_BY(mutex_) = 0;  // 0: the last write succeeded.
  int64_t retry_at_micros_ GUARDED_BY(mutex_) = 0;
  size_t unmerged_ GUARDED_BY(mutex_);  // Segments since the last merge.
  CondVar work_;                        // The flusher may have something to do.
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread flusher_;  // Last: it uses all of the above.
};

Status AppendLogImpl::CheckAppend(std::string_view record) const {
  if (record.empty() || record.size() > kMaxRecordBytes) {
    return InvalidArgument("a record must have 1 to ", kMaxRecordBytes, " bytes, not ",
                           record.size());
  }
  TRY(fence_);
  const size_t size_bytes = kFrameHeaderBytes + record.size();
  if (!buffer_.empty() && buffer_.size_bytes() + size_bytes > options_.max_buffered_bytes) {
    return ResourceExhausted("the log cannot be written and its buffer is full: ", name_,
                             "; records waiting: ", buffer_.count());
  }
  return OkStatus();
}

uint64_t AppendLogImpl::AppendLocked(std::string_view record) {
  const bool was_empty = buffer_.empty();
  const bool was_small = buffer_.size_bytes() < options_.flush_bytes;
  if (was_empty) oldest_micros_ = options_.clock->MonotonicMicros();
  const uint64_t number = buffer_.Append(record);
  if (was_empty || (was_small && buffer_.size_bytes() >= options_.flush_bytes)) work_.NotifyAll();
  return number;
}

// Returns when every record before `next` is durable, or when a write that began after this call
// has failed: one that began before may have left out what the caller waits for.
Status AppendLogImpl::FlushUpTo(uint64_t next) {
  const uint64_t begun_before = writes_begun_;
  while (index_->next < next) {
    TRY(fence_);
    if (failed_write_ > begun_before) return failure_;
    if (writing_) {
      written_.Wait(mutex_);
    } else {
      WriteFront();
    }
  }
  return OkStatus();
}

void AppendLogImpl::WriteFront() {
  const RecordBatch& batch = buffer_.SealFront();
  writing_ = true;
  const uint64_t write = ++writes_begun_;
  mutex_.Unlock();
  const Status status = segments_.Publish(batch.segment, batch.bytes, batch.link);
  mutex_.Lock();
  writing_ = false;
  if (status.ok()) {
    SegmentIndex index = *index_;
    index.live.push_back(batch.segment);
    index.next = batch.segment.last + 1;
    Install(std::move(index));
    ++unmerged_;
    buffer_.PopFront();
    oldest_micros_ = options_.clock->MonotonicMicros();
  } else {
    failed_write_ = write;
    failure_ = status;
    if (status.code() == StatusCode::kConflict) {
      fence_ = status.Annotate("open the log again to append to it");
    }
  }
  NoteWrite(status);
  written_.NotifyAll();
  work_.NotifyAll();
}

void AppendLogImpl::NoteWrite(const Status& status) {
  if (status.ok()) {
    if (retry_delay_micros_ > 0) LogInfo("A log can be written again.", {{"log", name_}});
    retry_delay_micros_ = 0;
    return;
  }
  if (retry_delay_micros_ == 0) {
    LogWarning("A log cannot be written; its records wait in memory.",
               {{"log", name_}, {"error", status.ToString()}});
  }
  retry_delay_micros_ = std::clamp(2 * retry_delay_micros_, kFirstRetryMicros, kLastRetryMicros);
  retry_at_micros_ = options_.clock->MonotonicMicros() + retry_delay_micros_;
}

// When the flusher is to write by itself.
int64_t AppendLogImpl::FlushDueMicros() const {
  if (buffer_.empty() || !fence_.ok()) return kNever;
  int64_t due = kNever;
  if (options_.flush_interval_ms > 0) due = oldest_micros_ + options_.flush_interval_ms * 1000;
  if (buffer_.size_bytes() >= options_.flush_bytes) due = oldest_micros_;
  if (due != kNever && retry_delay_micros_ > 0) due = std::max(due, retry_at_micros_);
  return due;
}

void AppendLogImpl::RunFlusher() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (options_.merge_after_segments > 0 && unmerged_ >= options_.merge_after_segments) {
      MergeInBackground();
      continue;
    }
    const int64_t due = writing_ ? kNever : FlushDueMicros();
    const int64_t wait = due == kNever ? kNever : due - options_.clock->MonotonicMicros();
    if (wait == kNever) {
      work_.Wait(mutex_);
    } else if (wait > 0) {
      work_.WaitFor(mutex_, std::chrono::microseconds(wait));
    } else {
      WriteFront();
    }
  }
}

void AppendLogImpl::MergeInBackground() {
  unmerged_ = 0;
  if (!fence_.ok()) return;
  mutex_.Unlock();
  const Status status = Compact(0);
  mutex_.Lock();
  if (status.ok()) return;
  LogWarning("The segments of a log could not be merged; they are later.",
             {{"log", name_}, {"error", status.ToString()}});
}

Status AppendLogImpl::Read(uint64_t first, const RecordVisitor& visit) const {
  ReadPosition position{std::max<uint64_t>(first, 1), 0, {}};
  {
    MutexLock lock(mutex_);
    position.end = buffer_.next();
  }
  std::optional<NumberRange> missing;
  int stale_reads = 0;
  while (position.number < position.end) {
    const IndexPtr index = Snapshot();
    const uint64_t before = position.number;
    ReadStop stop;
    if (position.number < index->next) {
      ASSIGN_OR_RETURN(stop, ReadSegments(segments_, *index, visit, position));
    }
    if (position.number > before) stale_reads = 0;
    switch (stop.reason) {
      case ReadStop::Reason::kEnd: {
        std::vector<BufferedRecords> copies;
        if (!CopyBuffered(index, position, copies)) break;
        for (const BufferedRecords& copy : copies) {
          uint64_t number = copy.first;
          for (const Frame& frame : SplitFrames(copy.frames)) TRY(visit(number++, frame.record()));
        }
        return OkStatus();
      }
      case ReadStop::Reason::kStale:
        if (++stale_reads > kMaxStaleReads) {
          return Unavailable("the log changes faster than it can be read: ", name_);
        }
        TRY(RefreshUnlessChanged(index));
        break;
      case ReadStop::Reason::kMissing:
        // A listing that another process changes meanwhile can lack what was merged.
        if (missing == stop.range) {
          MutexLock maintenance(maintenance_mutex_);
          return ReportMissing(stop.range);
        }
        missing = stop.range;
        TRY(RefreshUnlessChanged(index));
        break;
      case ReadStop::Reason::kDamaged: {
        MutexLock maintenance(maintenance_mutex_);
        return Repair(*stop.damaged, stop.range);
      }
    }
  }
  return OkStatus();
}

// False when records were written since `seen`, so that they are in storage now.
bool AppendLogImpl::CopyBuffered(const IndexPtr& seen, const ReadPosition& position,
                                 std::vector<BufferedRecords>& copies) const {
  MutexLock lock(mutex_);
  if (index_->next != seen->next) return false;
  copies = buffer_.Copy(position.number, position.end);
  return true;
}

Status AppendLogImpl::RefreshUnlessChanged(const IndexPtr& seen) const {
  if (Snapshot() != seen) return OkStatus();
  MutexLock maintenance(maintenance_mutex_);
  return Snapshot() == seen ? Refresh() : OkStatus();
}

// Takes what storage says now, and what this process writes meanwhile.
Status AppendLogImpl::Refresh() const {
  const uint64_t known = Snapshot()->next;
  ASSIGN_OR_RETURN(SegmentIndex listed, segments_.List());
  std::vector<LogSegment> all = std::move(listed.live);
  all.insert(all.end(), listed.superseded.begin(), listed.superseded.end());
  MutexLock lock(mutex_);
  // One that this process is just writing is not known to be whole; its writer adds it.
  std::erase_if(all, [&](const LogSegment& segment) { return segment.first >= index_->next; });
  for (const LogSegment& segment : index_->live) {
    if (segment.first >= known) all.push_back(segment);
  }
  SegmentIndex index = BuildIndex(std::move(all), std::move(listed.damaged));
  index.next = index_->next;
  if (!index.live.empty() && index.live.back().last == 0) index.live.back().last = index.next - 1;
  Install(std::move(index));
  return OkStatus();
}

// Moves a segment out of the way; always an error, for its records are lost to readers.
Status AppendLogImpl::Repair(const LoadedSegment& damaged, const NumberRange& range) const {
  const Status moved = segments_.MoveAway(damaged, range);
  const Status listed = moved.ok() ? Refresh() : moved;
  const std::string lost =
      StrCat("a segment of the log ", name_, " is damaged: records from ", range.first,
             " to before ", range.next, "; ", damaged.decoded.problem);
  if (!listed.ok()) return Internal(lost, "; it could not be moved away: ", listed.message());
  return Internal(lost, "; it is kept under another key, and reading goes on behind it");
}

Status AppendLogImpl::ReportMissing(const NumberRange& range) const {
  TRY(segments_.NoteMissing(range));
  TRY(Refresh());
  return Internal("records of the log ", name_, " are missing, from ", range.first, " to before ",
                  range.next, "; reading goes on behind them");
}

Status AppendLogImpl::Compact(uint64_t keep_records) {
  MutexLock maintenance(maintenance_mutex_);
  {
    MutexLock lock(mutex_);
    TRY(fence_);
    unmerged_ = 0;
  }
  // What an earlier attempt left half done shows only in storage.
  TRY(Refresh());
  TRY(DeleteSuperseded());
  if (keep_records > 0) TRY(Drop(keep_records));
  const IndexPtr index = Snapshot();
  for (const SegmentRun& run : PlanMerges(index->live)) {
    const auto begin = index->live.begin();
    TRY(MergeRun(
        {begin + static_cast<ptrdiff_t>(run.begin), begin + static_cast<ptrdiff_t>(run.end)}));
  }
  return OkStatus();
}

// Ends the merges that were cut off between writing the merged segment and deleting the others.
Status AppendLogImpl::DeleteSuperseded() {
  const IndexPtr index = Snapshot();
  std::vector<LogSegment> covered;
  for (const LogSegment& merged : index->live) {
    if (!merged.merged) continue;
    std::vector<LogSegment> within;
    for (const LogSegment& segment : index->superseded) {
      if (segment.first >= merged.first && segment.last <= merged.last) within.push_back(segment);
    }
    if (within.empty()) continue;
    ASSIGN_OR_RETURN(const LoadedSegment loaded, segments_.Load(merged));
    if (!loaded.Reaches(merged.last + 1)) return Repair(loaded, {merged.first, merged.last + 1});
    covered.insert(covered.end(), within.begin(), within.end());
  }
  return DeleteAll(covered);
}

Status AppendLogImpl::DeleteAll(const std::vector<LogSegment>& superseded) {
  TRY(segments_.DeleteAll(superseded));
  MutexLock lock(mutex_);
  SegmentIndex after = *index_;
  std::erase_if(after.superseded, [&](const LogSegment& segment) {
    return std::find(superseded.begin(), superseded.end(), segment) != superseded.end();
  });
  Install(std::move(after));
  return OkStatus();
}

// Deletes the oldest first, so that what stays is always the end of the log.
Status AppendLogImpl::Drop(uint64_t keep_records) {
  const IndexPtr index = Snapshot();
  std::vector<LogSegment> old;
  for (size_t i = 0; i + 1 < index->live.size(); ++i) {
    if (index->live[i].last + keep_records >= index->next) break;
    old.push_back(index->live[i]);
  }
  {
    MutexLock lock(mutex_);
    SegmentIndex after = *index_;
    after.live.erase(after.live.begin(), after.live.begin() + static_cast<ptrdiff_t>(old.size()));
    Install(std::move(after));
  }
  for (const LogSegment& segment : old) TRY(segments_.Delete(segment));
  return OkStatus();
}

Status AppendLogImpl::MergeRun(const std::vector<LogSegment>& run) {
  std::optional<LoadedSegment> bad;
  const Result<LogSegment> merged = segments_.Merge(run, bad);
  if (bad) {
    const NumberRange range = {bad->segment.first, bad->segment.last + 1};
    const bool lacks_more = bad->decoded.state == SegmentState::kWhole;
    return lacks_more ? ReportMissing({bad->decoded.next(), range.next}) : Repair(*bad, range);
  }
  if (merged.status().code() == StatusCode::kNotFound) {
    TRY(Refresh());
    return Unavailable("somebody else changes the log: ", merged.status().message());
  }
  TRY(merged.status());
  {
    MutexLock lock(mutex_);
    Install(Supersede(*index_, *merged));
  }
  return DeleteAll(run);
}

}  // namespace

Result<std::unique_ptr<AppendLog>> AppendLog::Open(ObjectStore& store, std::string_view name,
                                                   const AppendLogOptions& options) {
  CHECK(CheckId("log", name).ok());
  ASSIGN_OR_RETURN(LogTail tail, SegmentStore(store, name).Recover());
  return std::make_unique<AppendLogImpl>(store, name, options, std::move(tail));
}

}  // namespace lakehouse::storage
