// Every job: what is waiting, what runs, what has ended.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
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
  std::string subject;
  CancelToken cancel;
};

struct JobProgress {
  std::string stage;
  uint64_t done = 0;
  uint64_t total = 0;
  uint64_t failed_items = 0;
};

// Jobs are documents of kind "job", written when their state changes; progress is kept in memory.
// Thread-safe. Invariants:
// 1. A subject has at most one job that has not ended.
// 2. A job that was neither finished nor cancelled is queued again when the board is opened.
// 3. An ended job never changes again.
class JobBoard {
 public:
  // `store` and `clock` outlive the board. Ended jobs beyond the newest 200 are deleted.
  static Result<std::unique_ptr<JobBoard>> Open(storage::ObjectStore& store, const Clock& clock);

  // Queues a job; durable on return. kConflict names the job that the subject has already.
  Result<JobInfo> Add(const std::string& kind, const std::string& subject, uint64_t total);

  std::vector<JobInfo> List() const;  // Newest first.
  Result<JobInfo> Get(const JobId& id) const;
  // A queued job ends at once, a running one at its next step. kConflict when it has ended.
  Status Cancel(const JobId& id);
  // Cancels the job of a subject, if it has one, and waits until it has ended.
  Status CancelSubject(const std::string& subject);
  // The job of a subject that has not ended.
  std::optional<JobId> FindActive(const std::string& subject) const;

  // For the worker: waits for the next queued job; nullopt after Stop.
  std::optional<ClaimedJob> Claim();
  void Report(const JobId& id, const JobProgress& progress);
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
  };

  JobBoard(storage::ObjectStore& store, const Clock& clock) : documents_(store), clock_(clock) {}

  Status Load();
  Status PruneEnded();
  JobInfo Snapshot(const Record& record) const REQUIRES_LOCK(mutex_);
  Record* FindRecord(const JobId& id) REQUIRES_LOCK(mutex_);
  // The oldest one; null when none waits.
  Record* FindNextQueued() REQUIRES_LOCK(mutex_);
  const Record* FindActiveRecord(const std::string& subject) const REQUIRES_LOCK(mutex_);
  // Writes `info` as the job's document. REQUIRES: nobody else changes the job's state meanwhile.
  Status Save(const JobInfo& info) EXCLUDES_LOCK(mutex_);

  storage::DocumentStore documents_;
  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<JobId, Record> records_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace lakehouse::search
