// Background work that users can watch and stop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/status.h"
#include "search/failed_item.h"

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
  // "queued", "starting", "reading", "embedding", "copying", "publishing", "done"; "waiting": for a
  // model that does not answer.
  std::string stage;
  uint64_t done = 0;  // Rows; bytes of a move.
  uint64_t total = 0;
  uint64_t failed_items = 0;
  std::vector<FailedItem> failed;  // The first kFailedItemsKept of them.
  double rate_per_second = -1;
  double eta_seconds = -1;
  std::string error;  // Code and message: why it failed, or what it waits for.
  Timestamp created_at;
  Timestamp updated_at;
  int64_t attempts = 0;  // How often it was started: after a restart, and after a wait.
};

// How a job waits for something that is down.
struct JobWaits {
  int64_t first_micros = 1'000'000;  // Doubled from wait to wait.
  int64_t longest_micros = 60'000'000;
  int64_t give_up_micros = 15 * 60 * int64_t{1'000'000};  // Since it last got on.
};

// The catalog document, and what the API shows; unmeasured rate and ETA are null.
Json JobToJson(const JobInfo& job);
// kInternal when the document is not one that this version writes.
Result<JobInfo> JobFromJson(const Json& json);

}  // namespace lakehouse::search
