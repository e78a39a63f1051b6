// What the probes of local and S3 buckets share.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "storage/bucket_probe.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// What one step found.
struct Finding {
  Status status;
  std::string mend;
  std::string note;
};

inline Finding Passed(std::string note = {}) { return {OkStatus(), {}, std::move(note)}; }
inline Finding Failed(Status status, std::string mend) {
  return {std::move(status), std::move(mend), {}};
}

// Collects the steps of one probe. Not thread-safe.
class ProbeSteps {
 public:
  // Nothing is tried any more `limit_ms` from now; a step that runs by then is not cut.
  explicit ProbeSteps(int64_t limit_ms) : start_micros_(NowMicros()), limit_ms_(limit_ms) {}

  // Runs one step and times it; true when it passed. Past the limit it is recorded as failed, once,
  // without being run.
  bool Try(std::string_view name, const std::function<Finding()>& step);
  // Records a step that was found out with another one.
  void Add(std::string_view name, Finding finding, int64_t micros = 0);

  int64_t remaining_ms() const { return limit_ms_ - (NowMicros() - start_micros_) / 1'000; }
  const ProbeReport& report() const { return report_; }

 private:
  static int64_t NowMicros() { return Clock::System().MonotonicMicros(); }

  const int64_t start_micros_;
  const int64_t limit_ms_;
  bool ended_ = false;
  ProbeReport report_;
};

// "_probe/<unique>-": the keys that a probe writes begin with it. Only one directory, because a
// local bucket never removes one.
std::string NewProbePrefix();

// Checks what the settings alone tell; the first part of the step settings.
Finding CheckBucketSettings(const BucketConfig& config);

// What the steps that write need to know.
struct ProbeWritePlan {
  std::string prefix;  // Of NewProbePrefix.
  bool can_list = true;
  // What a refusal of each kind of request, and a condition that is ignored, are mended with.
  std::string mend_list, mend_put, mend_get, mend_delete, mend_conditions;
};

// Tries every kind of write and read that Lakehouse relies on: the steps from put to
// conditional_replace. False when the bucket could not be written: then nothing is left in it.
bool ProbeWrites(ObjectStore& store, const ProbeWritePlan& plan, ProbeSteps& steps);

// Removes everything that ProbeWrites and `more_keys` may have left: the step delete. Names what it
// could not remove.
void ProbeDelete(ObjectStore& store, const ProbeWritePlan& plan,
                 const std::vector<std::string>& more_keys, ProbeSteps& steps);

// The probe of one backend, with the step settings. `steps` is empty.
void ProbeLocalBucket(const BucketConfig& config, const std::string& data_dir, bool read_only,
                      ProbeSteps& steps);
// Requests are signed with the time of `clock`.
void ProbeS3Bucket(const BucketConfig& config, const SecretStore& secrets, bool read_only,
                   const Clock& clock, ProbeSteps& steps);

}  // namespace lakehouse::storage
