// How an index moves to another bucket while it is searched.
#pragma once

#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "search/index_registry.h"
#include "search/job_board.h"
#include "storage/bucket_registry.h"

namespace lakehouse::search {

struct IndexMoverOptions {
  storage::BucketRegistry* buckets = nullptr;
  IndexRegistry* registry = nullptr;
  std::string work_dir;  // For parts on their way; created.
  const Clock* clock = &Clock::System();
};

// Copies the parts of an index to another bucket, each verified, and then makes that its home. An
// index in memory goes on answering; what is read later comes from the new bucket. The parts in the
// old one become garbage. Not thread-safe; the pointers outlive the mover.
class IndexMover {
 public:
  using Report = std::function<void(const JobProgress&)>;

  IndexMover(const IndexMoverOptions& options, Report report)
      : options_(options), report_(std::move(report)) {}

  // Ok without work when the index is there already; so a move that broke off is finished by the
  // same call again. After any error the index is where it was, except after kCommitStateUnknown.
  // REQUIRES: nobody builds, moves or drops the index meanwhile.
  Status Run(const IndexName& name, const BucketName& bucket, const CancelToken& cancel);

 private:
  Status CopyParts(const IndexInfo& index, const BucketName& bucket, const CancelToken& cancel);

  const IndexMoverOptions options_;
  const Report report_;
};

}  // namespace lakehouse::search
