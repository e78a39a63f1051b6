// Every job: what is waiting, what runs, what has ended.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "search/job.h"
#include "search/rate_meter.h"
#include "storage/document_store.h"

namespace lakehouse::search {

// A job that a worker has taken. `cancel` stops when the user cancels it and when the board stops.
struct ClaimedJob {
  JobId id;
  std::string kind;
  std::string subject;
  std::string target;
  CancelToken cancel;
};

// What a new job is to do; as in JobInfo.
struct NewJob {
  std::string kind;
  std::string subject;
  std::string target = {};
  uint64_t total = 0;
};

struct JobProgress {
  std::string stage;
  uint64_t done = 0;
  uint64_t total = 0;
  uint64_t failed_items = 0;
  std::vector<FailedItem> failed = {};
};

// Jobs are documents of kind "job", written when their state changes; progress is kept in memory.
// Thread-safe. Invariants:
// 1. A dataset or index has at most one job that has not ended.
// 2. A job that was neither finished nor cancelled is queued again when the jobs are loaded.
// 3. An ended job never changes again.
class JobBoard {
 public:
  // An empty board. `store` and `clock` outlive it.
  JobBoard(storage::ObjectStore& store, const Clock& clock, const JobWaits& waits = {})
      : documents_(store), clock_(clock), waits_(waits) {}

  // Reads the jobs of the store; ended ones beyond the newest 200 are deleted. Until it succeeds,
  // everything that would need them answers kUnavailable. Without effect after that.
  Status Load() EXCLUDES_LOCK(mutex_);
  Status CheckLoaded() const EXCLUDES_LOCK(mutex_);

  // Queues a job; durable on return. kConflict names the job that works on its subject already.
  Result<JobInfo> Add(const NewJob& job) EXCLUDES_LOCK(mutex_);

  std::vector<JobInfo> List() const;  // Newest first.
  Result<JobInfo> Get(const JobId& id) const;
  // A queued job ends at once, a running one at its next step. kConflict when it has ended.
  Status Cancel(const JobId& id);
  // Cancels the job that works on what a job of `kind` would, if there is one, and waits until it
  // has ended.
  Status CancelSubject(std::string_view kind, const std::string& subject);
  // The job that has not ended and works on what a job of `kind` would.
  std::optional<JobInfo> FindActive(std::string_view kind, const std::string& subject) const;

  // For a worker: waits for the next queued job of one of `kinds`; nullopt after Stop.
  std::optional<ClaimedJob> Claim(std::span<const std::string_view> kinds);
  void Report(const JobId& id, const JobProgress& progress);
  // Queues a running job again, to be claimed after a while, because `why` may pass. Once that has
  // gone on for too long, ends the job with it.
  void Postpone(const JobId& id, const Status& why);
  // Ends the job by what its work returned. After Stop an unfinished job stays resumable instead.
  void Finish(const JobId& id, const Status& outcome);

  // Asks running jobs to stop and wakes Claim. Idempotent.
  void Stop();

 private:
  struct Record {
    JobInfo info;
    uint64_t document_version = 0;
    CancelToken cancel;
    bool cancelled_by_user = false;
    RateMeter rate;
    // Of waits since the job last got on.
    int64_t next_wait_micros = 0;
    int64_t waiting_since_micros = 0;  // 0: it has not waited.
    int64_t not_before_micros = 0;     // Not claimed earlier.
  };

  void PruneEnded();
  JobInfo Snapshot(const Record& record) const REQUIRES_LOCK(mutex_);
  Record* FindRecord(const JobId& id) REQUIRES_LOCK(mutex_);
  // The oldest one that may be claimed now; null when there is none.
  Record* FindNextQueued(std::span<const std::string_view> kinds) REQUIRES_LOCK(mutex_);
  // Waits until a job may have become claimable.
  void AwaitQueued() REQUIRES_LOCK(mutex_);
  const Record* FindActiveRecord(std::string_view kind, const std::string& subject) const
      REQUIRES_LOCK(mutex_);
  // Writes `info` as the job's document. REQUIRES: nobody else changes the job's state meanwhile.
  Status Save(const JobInfo& info) EXCLUDES_LOCK(mutex_);

  storage::DocumentStore documents_;
  const Clock& clock_;
  const JobWaits waits_;
  Mutex loading_;  // Held while the jobs are read, which happens once.
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<JobId, Record> records_ GUARDED_BY(mutex_);
  // What jobs are being added for, by the type of their subject and its name.
  std::set<std::pair<std::string_view, std::string>> adding_ GUARDED_BY(mutex_);
  Status loaded_ GUARDED_BY(mutex_) = Unavailable("the jobs have not been read yet");
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace lakehouse::search
