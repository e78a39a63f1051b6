// A store that tells the error journal what fails.
#pragma once

#include <memory>

#include "base/ids.h"
#include "base/metrics.h"
#include "storage/error_journal.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// True for an error that says something about the bucket and not about the request: it cannot be
// reached, refuses us, is full, or does not know what it did.
bool IsStorageFailure(const Status& status);

// True for an error after which the same key of another bucket may help.
bool MayBeRescued(const Status& status);

// Passes every call on to `target`, puts the bucket's name before the messages of storage failures
// and records those in `errors`. `errors`, `clock` and `metrics` (null: none) outlive the store.
std::unique_ptr<ObjectStore> NewReportingStore(std::unique_ptr<ObjectStore> target,
                                               const BucketName& bucket, ErrorJournal& errors,
                                               const Clock& clock, MetricsRegistry* metrics);

}  // namespace lakehouse::storage
