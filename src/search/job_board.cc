#include "search/job_board.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "base/rng.h"

namespace lakehouse::search {

namespace {

constexpr std::string_view kDocumentKind = "job";
constexpr size_t kEndedJobsKept = 200;

// The stage of a running job before its first report.
constexpr std::string_view kFirstStage = "starting";
constexpr std::string_view kWaitingStage = "waiting";

// How late a job that waits may be claimed.
constexpr std::chrono::milliseconds kWaitPoll{200};

// Ids made in one millisecond are in no order, times may be equal.
bool IsOlder(const JobInfo& a, const JobInfo& b) {
  return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
}

// The state that one attempt's outcome leads to.
JobState EndState(const Status& outcome, bool cancelled_by_user) {
  if (outcome.ok()) return JobState::kDone;
  return cancelled_by_user ? JobState::kCancelled : JobState::kFailed;
}

}  // namespace

Status JobBoard::Load() {
  MutexLock loading(loading_);
  if (CheckLoaded().ok()) return OkStatus();
  const Result<std::vector<storage::Document>> documents = documents_.ReadAll(kDocumentKind);
  {
    MutexLock lock(mutex_);
    loaded_ = documents.status().Annotate("the jobs cannot be read");
    TRY(loaded_);
    for (const storage::Document& document : *documents) {
      Result<JobInfo> job = JobFromJson(document.body);
      if (!job.ok()) {
        LogError("job left out", {{"job", document.name}, {"error", job.status().message()}});
        continue;
      }
      if (!HasEnded(job->state)) job->state = JobState::kQueued;
      const JobId id = job->id;
      records_.insert_or_assign(
          id, Record{.info = *std::move(job), .document_version = document.version});
    }
    changed_.NotifyAll();
  }
  PruneEnded();
  return OkStatus();
}

Status JobBoard::CheckLoaded() const {
  MutexLock lock(mutex_);
  return loaded_;
}

void JobBoard::PruneEnded() {
  size_t kept = 0;
  for (const JobInfo& job : List()) {
    if (!HasEnded(job.state) || ++kept <= kEndedJobsKept) continue;
    uint64_t version = 0;
    {
      MutexLock lock(mutex_);
      version = FindRecord(job.id)->document_version;
      records_.erase(job.id);
    }
    const Status deleted = documents_.Delete(kDocumentKind, job.id.str(), version);
    if (deleted.ok()) continue;
    LogWarning("an old job was not deleted", {{"job", job.id}, {"error", deleted.message()}});
  }
}

Result<JobInfo> JobBoard::Add(const NewJob& job) {
  ASSIGN_OR_RETURN(JobId id, JobId::Parse(NewUuid(clock_)));
  const Timestamp now = clock_.Now();
  Record record{.info = {.id = id,
                         .kind = job.kind,
                         .subject = job.subject,
                         .target = job.target,
                         .stage = "queued",
                         .total = job.total,
                         .created_at = now,
                         .updated_at = now}};
  const std::pair subject(JobSubjectType(job.kind), job.subject);
  {
    MutexLock lock(mutex_);
    TRY(loaded_);
    if (const Record* active = FindActiveRecord(job.kind, job.subject)) {
      return Conflict(subject.first, " ", job.subject, " is being worked on by job ",
                      active->info.id, " (", active->info.kind, ")");
    }
    if (!adding_.insert(subject).second) {
      return Conflict("another request starts a job for ", subject.first, " ", job.subject);
    }
  }
  const Result<uint64_t> written =
      documents_.Write(kDocumentKind, id.str(), 0, JobToJson(record.info));
  MutexLock lock(mutex_);
  adding_.erase(subject);
  if (!written.ok()) return written.status();
  record.document_version = *written;
  const JobInfo info = record.info;
  records_.insert_or_assign(id, std::move(record));
  changed_.NotifyAll();
  return info;
}

JobInfo JobBoard::Snapshot(const Record& record) const {
  JobInfo info = record.info;
  if (info.state == JobState::kRunning) {
    const int64_t now = clock_.MonotonicMicros();
    info.rate_per_second = record.rate.RatePerSecond(now);
    info.eta_seconds = record.rate.EtaSeconds(now, info.total);
  }
  return info;
}

std::vector<JobInfo> JobBoard::List() const {
  std::vector<JobInfo> list;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, record] : records_) list.push_back(Snapshot(record));
  }
  std::ranges::sort(list, [](const JobInfo& a, const JobInfo& b) { return IsOlder(b, a); });
  return list;
}

Result<JobInfo> JobBoard::Get(const JobId& id) const {
  MutexLock lock(mutex_);
  const auto found = records_.find(id);
  if (found != records_.end()) return Snapshot(found->second);
  TRY(loaded_);
  return NotFound("there is no job ", id);
}

JobBoard::Record* JobBoard::FindRecord(const JobId& id) {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

const JobBoard::Record* JobBoard::FindActiveRecord(std::string_view kind,
                                                   const std::string& subject) const {
  for (const auto& [id, record] : records_) {
    const JobInfo& job = record.info;
    if (HasEnded(job.state) || job.subject != subject) continue;
    if (JobSubjectType(job.kind) == JobSubjectType(kind)) return &record;
  }
  return nullptr;
}

std::optional<JobInfo> JobBoard::FindActive(std::string_view kind,
                                            const std::string& subject) const {
  MutexLock lock(mutex_);
  const Record* record = FindActiveRecord(kind, subject);
  return record == nullptr ? std::nullopt : std::optional(record->info);
}

Status JobBoard::Save(const JobInfo& info) {
  uint64_t version = 0;
  {
    MutexLock lock(mutex_);
    version = FindRecord(info.id)->document_version;
  }
  const Result<uint64_t> written =
      documents_.Write(kDocumentKind, info.id.str(), version, JobToJson(info));
  if (!written.ok()) return written.status();
  MutexLock lock(mutex_);
  FindRecord(info.id)->document_version = *written;
  return OkStatus();
}

Status JobBoard::Cancel(const JobId& id) {
  std::optional<JobInfo> ended;
  {
    MutexLock lock(mutex_);
    Record* record = FindRecord(id);
    if (record == nullptr && !loaded_.ok()) return loaded_;
    if (record == nullptr) return NotFound("there is no job ", id);
    if (HasEnded(record->info.state)) {
      return Conflict("the job has ended already (", JobStateName(record->info.state), ")");
    }
    if (record->info.state == JobState::kRunning) {
      record->cancelled_by_user = true;
      record->cancel.Cancel();
      return OkStatus();
    }
    // No worker takes it from here on.
    record->info.state = JobState::kCancelled;
    record->info.updated_at = clock_.Now();
    ended = record->info;
  }
  const Status saved = Save(*ended);
  MutexLock lock(mutex_);
  if (!saved.ok()) FindRecord(id)->info.state = JobState::kQueued;
  changed_.NotifyAll();
  return saved;
}

Status JobBoard::CancelSubject(std::string_view kind, const std::string& subject) {
  TRY(CheckLoaded());
  const std::optional<JobInfo> job = FindActive(kind, subject);
  if (!job.has_value()) return OkStatus();
  // It may end by itself in between.
  if (const Status status = Cancel(job->id);
      !status.ok() && status.code() != StatusCode::kConflict) {
    return status;
  }
  MutexLock lock(mutex_);
  while (FindActiveRecord(kind, subject) != nullptr) changed_.Wait(mutex_);
  return OkStatus();
}

JobBoard::Record* JobBoard::FindNextQueued(std::span<const std::string_view> kinds) {
  Record* next = nullptr;
  const int64_t now = clock_.MonotonicMicros();
  for (auto& [id, record] : records_) {
    if (record.info.state != JobState::kQueued || record.not_before_micros > now) continue;
    if (std::ranges::find(kinds, record.info.kind) == kinds.end()) continue;
    if (next == nullptr || IsOlder(record.info, next->info)) next = &record;
  }
  return next;
}

void JobBoard::AwaitQueued() {
  const bool some_wait = std::ranges::any_of(records_, [](const auto& entry) {
    return entry.second.info.state == JobState::kQueued && entry.second.not_before_micros > 0;
  });
  if (some_wait) {
    changed_.WaitFor(mutex_, kWaitPoll);
  } else {
    changed_.Wait(mutex_);
  }
}

std::optional<ClaimedJob> JobBoard::Claim(std::span<const std::string_view> kinds) {
  std::optional<JobInfo> started;
  CancelToken cancel;
  {
    MutexLock lock(mutex_);
    Record* next = nullptr;
    while (!stopping_ && (next = FindNextQueued(kinds)) == nullptr) AwaitQueued();
    if (stopping_) return std::nullopt;
    next->info.state = JobState::kRunning;
    next->info.attempts += 1;
    next->info.stage = kFirstStage;
    next->info.error.clear();
    next->not_before_micros = 0;
    next->info.updated_at = clock_.Now();
    started = next->info;
    cancel = next->cancel;
  }
  if (const Status status = Save(*started); !status.ok()) {
    LogWarning("the start of a job was not recorded",
               {{"job", started->id}, {"error", status.message()}});
  }
  return ClaimedJob{.id = started->id,
                    .kind = started->kind,
                    .subject = started->subject,
                    .target = started->target,
                    .cancel = cancel};
}

void JobBoard::Report(const JobId& id, const JobProgress& progress) {
  MutexLock lock(mutex_);
  Record* record = FindRecord(id);
  CHECK(record != nullptr && progress.done <= progress.total);
  JobInfo& info = record->info;
  const int64_t now = clock_.MonotonicMicros();
  // Work that was done before this attempt is no speed of this attempt, and a restart goes back.
  if (info.stage == kFirstStage || progress.done < info.done)
    record->rate.Restart(now, progress.done);
  if (progress.done > info.done) record->waiting_since_micros = 0;
  info.stage = progress.stage;
  info.done = progress.done;
  info.total = progress.total;
  info.failed_items = progress.failed_items;
  info.failed = progress.failed;
  info.updated_at = clock_.Now();
  record->rate.Record(now, progress.done);
}

void JobBoard::Postpone(const JobId& id, const Status& why) {
  int64_t waited_micros = 0;
  {
    MutexLock lock(mutex_);
    Record* record = FindRecord(id);
    CHECK(record != nullptr && record->info.state == JobState::kRunning);
    const int64_t now = clock_.MonotonicMicros();
    if (record->waiting_since_micros == 0) {
      record->waiting_since_micros = now;
      record->next_wait_micros = waits_.first_micros;
    }
    waited_micros = now - record->waiting_since_micros;
    if (waited_micros < waits_.give_up_micros && !record->cancelled_by_user) {
      record->info.state = JobState::kQueued;
      record->info.stage = kWaitingStage;
      record->info.error = why.ToString();
      record->info.updated_at = clock_.Now();
      record->not_before_micros = now + record->next_wait_micros;
      record->next_wait_micros = std::min(2 * record->next_wait_micros, waits_.longest_micros);
      changed_.NotifyAll();
      return;
    }
  }
  Finish(id, Status(why.code(), StrCat("gave up after ", waited_micros / 1'000'000,
                                       " s without progress; the job goes on where it stopped "
                                       "when the same index is asked for again: ",
                                       why.message())));
}

void JobBoard::Finish(const JobId& id, const Status& outcome) {
  std::optional<JobInfo> ended;
  {
    MutexLock lock(mutex_);
    Record* record = FindRecord(id);
    CHECK(record != nullptr && record->info.state == JobState::kRunning);
    if (!outcome.ok() && stopping_ && !record->cancelled_by_user) {
      record->info.state = JobState::kQueued;
      return;
    }
    ended = record->info;
    ended->state = EndState(outcome, record->cancelled_by_user);
    if (ended->state == JobState::kFailed) ended->error = outcome.ToString();
    ended->updated_at = clock_.Now();
  }
  // Nobody sees the end before it is durable, unless it cannot be made durable.
  if (const Status status = Save(*ended); !status.ok()) {
    LogError("the end of a job was not recorded, so it will run again after a restart",
             {{"job", id}, {"error", status.message()}});
  }
  MutexLock lock(mutex_);
  FindRecord(id)->info = *ended;
  changed_.NotifyAll();
}

void JobBoard::Stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  for (auto& [id, record] : records_) {
    if (record.info.state == JobState::kRunning) record.cancel.Cancel();
  }
  changed_.NotifyAll();
}

}  // namespace lakehouse::search
