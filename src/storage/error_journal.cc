#include "storage/error_journal.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"

namespace lakehouse::storage {

namespace {

constexpr std::string_view kLogName = "storage-errors";
constexpr size_t kMaxPending = 10'000;
constexpr size_t kMaxInFlight = 1'000;
constexpr uint64_t kKeepRecords = 100'000;
constexpr int64_t kWindowMicros = 1'000'000;  // In which repeated errors are counted.
constexpr int64_t kFirstRetryMicros = 1'000'000;
constexpr int64_t kLastRetryMicros = 60'000'000;
constexpr int64_t kReadRetryMicros = 5'000'000;  // So long List does not try a bucket that is down.
constexpr size_t kMaxTextBytes = 4096;           // Of a key or a message.
constexpr int64_t kNever = INT64_MAX;

Json ToRecord(const StorageError& error) {
  return {{"at", FormatTimestamp(error.at)},
          {"bucket", error.bucket},
          {"operation", error.operation},
          {"key", error.key.substr(0, kMaxTextBytes)},
          {"code", StatusCodeName(error.status.code())},
          {"message", error.status.message().substr(0, kMaxTextBytes)},
          {"rescued_by", error.rescued_by.empty() ? Json() : Json(error.rescued_by)},
          {"count", error.count}};
}

std::optional<StatusCode> ParseStatusCode(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(StatusCode::kInternal); ++code) {
    if (StatusCodeName(static_cast<StatusCode>(code)) == name) return static_cast<StatusCode>(code);
  }
  return std::nullopt;
}

Result<StorageError> FromRecord(std::string_view record) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(record));
  StorageError error;
  ObjectReader reader(json, "storage error");
  const std::string at = reader.String("at");
  error.bucket = reader.String("bucket");
  error.operation = reader.String("operation");
  error.key = reader.String("key");
  const std::string code = reader.String("code");
  const std::string message = reader.String("message");
  error.rescued_by = reader.String("rescued_by", "");
  error.count = static_cast<uint64_t>(reader.Int("count", 1, INT64_MAX));
  TRY(reader.Finish());
  ASSIGN_OR_RETURN(error.at, ParseTimestamp(at));
  const std::optional<StatusCode> parsed = ParseStatusCode(code);
  if (!parsed) return InvalidArgument("the code of a storage error is not known: ", code);
  error.status = Status(*parsed, message);
  return error;
}

// Reads the errors with numbers from `first` to before `end`, in order.
Result<std::vector<StorageError>> ReadErrors(const AppendLog& log, uint64_t first, uint64_t end) {
  std::vector<StorageError> errors;
  const Status status = log.Read(first, [&](uint64_t number, std::string_view record) {
    if (number >= end) return Cancelled("the rest is not wanted");
    Result<StorageError> error = FromRecord(record);
    if (error.ok()) {
      error->number = number;
      errors.push_back(*std::move(error));
    } else {
      LogWarning("A record of the storage errors is not understood; it is passed over.",
                 {{"number", number}, {"error", error.status().ToString()}});
    }
    return OkStatus();
  });
  if (!status.ok() && status.code() != StatusCode::kCancelled) return status;
  return errors;
}

// Returns up to `limit` errors before number `end`, newest first. Numbers may have gaps.
Result<std::vector<StorageError>> ReadNewest(const AppendLog& log, uint64_t end, size_t limit) {
  std::vector<StorageError> newest;
  for (uint64_t span = limit; newest.size() < limit && end > 1; span *= 2) {
    const uint64_t first = end > span ? end - span : 1;
    ASSIGN_OR_RETURN(std::vector<StorageError> errors, ReadErrors(log, first, end));
    std::reverse(errors.begin(), errors.end());
    std::move(errors.begin(), errors.end(), std::back_inserter(newest));
    end = first;
  }
  newest.resize(std::min(newest.size(), limit));
  return newest;
}

// Damage is reported once; then reading goes on behind it.
Result<std::vector<StorageError>> ReadBehindDamage(const AppendLog& log, uint64_t end,
                                                   size_t limit) {
  Result<std::vector<StorageError>> errors = ReadNewest(log, end, limit);
  return errors.status().code() == StatusCode::kInternal ? ReadNewest(log, end, limit)
                                                         : std::move(errors);
}

}  // namespace

// An error goes from `pending_`, where it still counts those that repeat it, to `in_flight_`, which
// are in the log's buffer, to storage. Locks: io_mutex_ before mutex_, which is never held while
// storage is called.
class ErrorJournal::Impl {
 public:
  Impl(ObjectStore& store, const Clock& clock)
      : store_(store), clock_(clock), writer_([this] { Run(); }) {}

  ~Impl() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      work_.NotifyAll();
    }
    writer_.join();
    const Status status = Write(true);
    if (status.ok()) return;
    LogError("Storage errors are lost: they could not be written before the end.",
             {{"errors", stats().buffered_records}, {"error", status.ToString()}});
  }

  void Record(StorageError error) EXCLUDES_LOCK(mutex_);
  Result<std::vector<StorageError>> List(uint64_t before, size_t limit) EXCLUDES_LOCK(mutex_);
  Status Write(bool all) EXCLUDES_LOCK(io_mutex_);
  Status Compact() EXCLUDES_LOCK(mutex_);
  AppendLogStats stats() const EXCLUDES_LOCK(mutex_);

 private:
  using LogPtr = std::shared_ptr<AppendLog>;  // Shared by the calls under way when it is replaced.

  struct Pending {
    StorageError error;
    int64_t since_micros = 0;
  };

  Result<LogPtr> Open() REQUIRES_LOCK(io_mutex_);
  Result<LogPtr> KnownLog() const EXCLUDES_LOCK(mutex_);
  Result<LogPtr> OpenToRead() EXCLUDES_LOCK(io_mutex_);
  Status WriteBatches(bool all) REQUIRES_LOCK(io_mutex_);
  bool TakeBatch(AppendLog& log, bool all) EXCLUDES_LOCK(mutex_);
  void GiveBack() EXCLUDES_LOCK(mutex_);
  void Run();
  std::vector<StorageError> CopyMemory(uint64_t before, size_t limit, uint64_t& stored_end)
      EXCLUDES_LOCK(mutex_);

  ObjectStore& store_;
  const Clock& clock_;
  Mutex io_mutex_;  // One thread opens and writes the log.
  mutable Mutex mutex_;
  LogPtr log_ GUARDED_BY(mutex_);                 // Null until the bucket could be reached.
  Status unreachable_ GUARDED_BY(mutex_);         // Why opening failed the last time.
  int64_t opened_micros_ GUARDED_BY(mutex_) = 0;  // When that was.
  std::deque<Pending> pending_ GUARDED_BY(mutex_);
  std::vector<StorageError> in_flight_ GUARDED_BY(mutex_);
  bool overflowed_ GUARDED_BY(mutex_) = false;
  int64_t retry_delay_micros_ GUARDED_BY(mutex_) = 0;  // 0: the last write succeeded.
  int64_t retry_at_micros_ GUARDED_BY(mutex_) = 0;
  CondVar work_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread writer_;  // Last: it uses all of the above.
};

void ErrorJournal::Impl::Record(StorageError error) {
  const int64_t now = clock_.MonotonicMicros();
  MutexLock lock(mutex_);
  for (auto it = pending_.rbegin(); it != pending_.rend() && now - it->since_micros < kWindowMicros;
       ++it) {
    const bool repeats = it->error.bucket == error.bucket &&
                         it->error.operation == error.operation &&
                         it->error.status.code() == error.status.code();
    if (!repeats) continue;
    it->error.count += error.count;
    return;
  }
  if (pending_.size() >= kMaxPending) {
    if (!overflowed_) LogWarning("Old storage errors are forgotten: they cannot be written.");
    overflowed_ = true;
    pending_.pop_front();
  }
  pending_.push_back({std::move(error), now});
  if (pending_.size() == 1) work_.NotifyAll();
}

Result<ErrorJournal::Impl::LogPtr> ErrorJournal::Impl::Open() {
  {
    MutexLock lock(mutex_);
    if (log_ != nullptr) return log_;
  }
  // Only Write and the merging of segments decide when it is written.
  const AppendLogOptions options = {
      .flush_bytes = SIZE_MAX, .flush_interval_ms = 0, .clock = &clock_};
  Result<std::unique_ptr<AppendLog>> log = AppendLog::Open(store_, kLogName, options);
  MutexLock lock(mutex_);
  unreachable_ = log.status();
  opened_micros_ = clock_.MonotonicMicros();
  TRY(log.status());
  log_ = *std::move(log);
  return log_;
}

// Null: it has to be opened. A bucket that has just not answered is not tried again.
Result<ErrorJournal::Impl::LogPtr> ErrorJournal::Impl::KnownLog() const {
  MutexLock lock(mutex_);
  const bool just_tried = clock_.MonotonicMicros() - opened_micros_ < kReadRetryMicros;
  if (log_ == nullptr && just_tried) TRY(unreachable_);
  return log_;
}

Result<ErrorJournal::Impl::LogPtr> ErrorJournal::Impl::OpenToRead() {
  ASSIGN_OR_RETURN(LogPtr log, KnownLog());
  if (log != nullptr) return log;
  MutexLock io(io_mutex_);
  ASSIGN_OR_RETURN(log, KnownLog());  // Another reader may have tried meanwhile.
  return log != nullptr ? log : Open();
}

Status ErrorJournal::Impl::Write(bool all) {
  MutexLock io(io_mutex_);
  const Status status = WriteBatches(all);
  MutexLock lock(mutex_);
  if (status.ok()) {
    retry_delay_micros_ = 0;
    overflowed_ = false;
  } else {
    if (retry_delay_micros_ == 0) {
      LogWarning("Storage errors cannot be written; they wait in memory.",
                 {{"error", status.ToString()}});
    }
    retry_delay_micros_ = std::clamp(2 * retry_delay_micros_, kFirstRetryMicros, kLastRetryMicros);
    retry_at_micros_ = clock_.MonotonicMicros() + retry_delay_micros_;
  }
  return status;
}

Status ErrorJournal::Impl::WriteBatches(bool all) {
  {
    MutexLock lock(mutex_);
    if (pending_.empty() && in_flight_.empty()) return OkStatus();
  }
  ASSIGN_OR_RETURN(const LogPtr log, Open());
  while (TakeBatch(*log, all)) {
    const Status status = log->Flush();
    if (status.code() == StatusCode::kConflict) GiveBack();
    TRY(status);
    MutexLock lock(mutex_);
    in_flight_.clear();
  }
  if (log->stats().records <= kKeepRecords + kKeepRecords / 2) return OkStatus();
  const Status compacted = log->Compact(kKeepRecords);
  if (!compacted.ok()) {
    LogWarning("The journal of storage errors could not be compacted; it is later.",
               {{"error", compacted.ToString()}});
  }
  return OkStatus();
}

// Hands errors to the log, unless some are on their way already; false when there are none.
bool ErrorJournal::Impl::TakeBatch(AppendLog& log, bool all) {
  const int64_t now = clock_.MonotonicMicros();
  MutexLock lock(mutex_);
  if (!in_flight_.empty()) return true;
  while (!pending_.empty() && in_flight_.size() < kMaxInFlight) {
    Pending& oldest = pending_.front();
    if (!all && now - oldest.since_micros < kWindowMicros) break;
    const Result<uint64_t> number = log.Append(DumpJson(ToRecord(oldest.error)));
    if (!number.ok()) break;  // Its buffer is full; never with the first one.
    oldest.error.number = *number;
    in_flight_.push_back(std::move(oldest.error));
    pending_.pop_front();
  }
  return !in_flight_.empty();
}

// Another process took the log over: it is opened again, behind what that one wrote.
void ErrorJournal::Impl::GiveBack() {
  MutexLock lock(mutex_);
  const int64_t since = clock_.MonotonicMicros() - kWindowMicros;
  for (auto it = in_flight_.rbegin(); it != in_flight_.rend(); ++it) {
    pending_.push_front({std::move(*it), since});
  }
  in_flight_.clear();
  log_.reset();
}

void ErrorJournal::Impl::Run() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      for (;;) {
        if (stopping_) return;
        int64_t due = kNever;
        if (!pending_.empty()) due = pending_.front().since_micros + kWindowMicros;
        if (!in_flight_.empty()) due = 0;
        if (due != kNever && retry_delay_micros_ > 0) due = std::max(due, retry_at_micros_);
        const int64_t wait = due == kNever ? kNever : due - clock_.MonotonicMicros();
        if (wait <= 0) break;
        if (wait == kNever) {
          work_.Wait(mutex_);
        } else {
          work_.WaitFor(mutex_, std::chrono::microseconds(wait));
        }
      }
    }
    static_cast<void>(Write(false));  // It logs its error, and is tried again.
  }
}

// Copies what is in memory, newest first, and says where the log's stored records end.
std::vector<StorageError> ErrorJournal::Impl::CopyMemory(uint64_t before, size_t limit,
                                                         uint64_t& stored_end) {
  MutexLock lock(mutex_);
  const uint64_t last = log_ == nullptr ? 0 : log_->stats().last_number;
  stored_end = in_flight_.empty() ? last + 1 : in_flight_.front().number;
  std::vector<StorageError> errors;
  const auto add = [&](const StorageError& error, uint64_t number) {
    if (number >= before || errors.size() >= limit) return;
    errors.push_back(error);
    errors.back().number = number;
  };
  for (size_t i = pending_.size(); i-- > 0;) add(pending_[i].error, last + 1 + i);
  for (size_t i = in_flight_.size(); i-- > 0;) add(in_flight_[i], in_flight_[i].number);
  return errors;
}

Result<std::vector<StorageError>> ErrorJournal::Impl::List(uint64_t before, size_t limit) {
  if (before == 0) before = UINT64_MAX;
  const Result<LogPtr> log = OpenToRead();
  uint64_t stored_end = 0;
  std::vector<StorageError> errors = CopyMemory(before, limit, stored_end);
  if (errors.size() == limit) return errors;
  Result<std::vector<StorageError>> stored =
      log.ok() ? ReadBehindDamage(**log, std::min(before, stored_end), limit - errors.size())
               : Result<std::vector<StorageError>>(log.status());
  if (!stored.ok() && errors.empty()) return stored.status();
  if (stored.ok()) std::move(stored->begin(), stored->end(), std::back_inserter(errors));
  return errors;
}

Status ErrorJournal::Impl::Compact() {
  TRY(Write(true));
  LogPtr log;
  {
    MutexLock io(io_mutex_);
    ASSIGN_OR_RETURN(log, Open());
  }
  return log->Compact(kKeepRecords);
}

AppendLogStats ErrorJournal::Impl::stats() const {
  MutexLock lock(mutex_);
  AppendLogStats stats = log_ == nullptr ? AppendLogStats{} : log_->stats();
  stats.records += pending_.size();
  stats.last_number += pending_.size();
  stats.buffered_records += pending_.size();
  return stats;
}

Json StorageErrorToJson(const StorageError& error) {
  Json json = {{"number", error.number}};
  json.update(ToRecord(error));
  return json;
}

ErrorJournal::ErrorJournal(ObjectStore& store, const Clock& clock)
    : impl_(std::make_unique<Impl>(store, clock)) {}

ErrorJournal::~ErrorJournal() = default;

void ErrorJournal::Record(StorageError error) { impl_->Record(std::move(error)); }

Result<std::vector<StorageError>> ErrorJournal::List(uint64_t before, size_t limit) const {
  return impl_->List(before, limit);
}

Status ErrorJournal::Flush() { return impl_->Write(true); }

Status ErrorJournal::Compact() { return impl_->Compact(); }

AppendLogStats ErrorJournal::stats() const { return impl_->stats(); }

}  // namespace lakehouse::storage
