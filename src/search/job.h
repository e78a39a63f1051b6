// Background work that users can watch and stop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/status.h"

namespace lakehouse::search {

enum class JobState { kQueued, kRunning, kDone, kFailed, kCancelled };
std::string_view JobStateName(JobState state);
inline bool HasEnded(JobState state) {
  return state == JobState::kDone || state == JobState::kFailed || state == JobState::kCancelled;
}

inline constexpr std::string_view kIndexJob = "index";
inline constexpr std::string_view kMoveDatasetJob = "move_dataset";
inline constexpr std::string_view kMoveIndexJob = "move_index";

// What a job of this kind works on: "dataset" or "index"; "" for an unknown kind.
std::string_view JobSubjectType(std::string_view kind);

// A job at one moment. done <= total; rate and ETA are absent (negative) until measured.
struct JobInfo {
  JobId id;
  std::string kind;     // One of the kinds above.
  std::string subject;  // The name of the index or dataset that is worked on.
  std::string target;   // The bucket that a move leads to; "" otherwise.
  JobState state = JobState::kQueued;
  std::string stage;  // "reading", "embedding", "copying", "publishing"
  uint64_t done = 0;  // Rows; bytes of a move.
  uint64_t total = 0;
  uint64_t failed_items = 0;
  double rate_per_second = -1;
  double eta_seconds = -1;
  std::string error;  // Code and message of a failed job.
  Timestamp created_at;
  Timestamp updated_at;
  int64_t attempts = 0;  // Starts of the process that ran it.
};

// The catalog document, and what the API shows; unmeasured rate and ETA are null.
Json JobToJson(const JobInfo& job);
// kInternal when the document is not one that this version writes.
Result<JobInfo> JobFromJson(const Json& json);

}  // namespace lakehouse::search
