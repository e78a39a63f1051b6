// What went wrong with the buckets, kept where users can read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"
#include "storage/append_log.h"

namespace lakehouse::storage {

struct StorageError {
  uint64_t number = 0;  // Of the journal's record; set by List.
  Timestamp at;         // Of the first, when it stands for several.
  std::string bucket;
  std::string operation;  // "get", "put", "list", "rescue", …
  std::string key;        // "" for a whole bucket.
  Status status;
  std::string rescued_by;  // The bucket that answered instead; "" for none.
  uint64_t count = 1;      // How many errors it stands for.
};

Json StorageErrorToJson(const StorageError& error);

// The log `storage-errors` of a bucket. Recording never blocks on storage and never fails: what
// cannot be written yet waits in memory, the newest 10,000 of it, and up to 1,000 that are being
// written. An error that repeats (same bucket, operation and code) within a second is counted, not
// recorded again, unless the first was written meanwhile by Flush. Errors of the journal itself are
// logged, not journaled. Thread-safe.
class ErrorJournal {
 public:
  // The bucket need not be reachable: the log is opened with the first flush or List that succeeds,
  // and written about a second after an error, or, after a failure, when it is tried again: first
  // after a second, at last every minute. `store`, which does not record here itself, and `clock`
  // outlive the journal.
  ErrorJournal(ObjectStore& store, const Clock& clock);
  // Writes what waits, once; what cannot be written then is logged and lost.
  ~ErrorJournal();

  void Record(StorageError error);
  // The newest `limit` errors before number `before` (0: the newest), newest first, those not yet
  // written too. Errors that were never written have no lasting number. While the bucket cannot be
  // read, those in memory alone; with none there, its error.
  Result<std::vector<StorageError>> List(uint64_t before, size_t limit) const;
  // Writes everything recorded so far; waits for storage.
  Status Flush();
  // Flushes, merges segments and keeps the newest 100,000 errors. It happens by itself when there
  // are half as many more.
  Status Compact();
  AppendLogStats stats() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace lakehouse::storage
