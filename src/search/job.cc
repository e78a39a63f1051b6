#include "search/job.h"

#include <optional>

#include "search/document_fields.h"

namespace lakehouse::search {

namespace {

Json NullWhenNegative(double value) { return value < 0 ? Json(nullptr) : Json(value); }

std::optional<JobState> FindState(std::string_view name) {
  for (const JobState state : {JobState::kQueued, JobState::kRunning, JobState::kDone,
                               JobState::kFailed, JobState::kCancelled}) {
    if (JobStateName(state) == name) return state;
  }
  return std::nullopt;
}

Result<JobInfo> DecodeJob(const Json& json) {
  ObjectReader reader(json, "job");
  ASSIGN_OR_RETURN(JobId id, JobId::Parse(reader.String("id")));
  JobInfo job{.id = std::move(id)};
  job.kind = reader.String("kind");
  job.subject = reader.String("subject");
  job.target = reader.String("target", "");
  const std::optional<JobState> state = FindState(reader.String("state"));
  if (!state.has_value()) reader.Fail("state", "is not a state of a job");
  job.state = state.value_or(JobState::kFailed);
  job.stage = reader.String("stage");
  reader.String("unit", "");  // Follows from the kind.
  job.done = ReadCount(reader, "done");
  job.total = ReadCount(reader, "total");
  job.failed_items = ReadCount(reader, "failed_items");
  job.failed = ReadFailedItems(reader, "failed");
  job.rate_per_second = reader.Double("rate_per_second", -1);
  job.eta_seconds = reader.Double("eta_seconds", -1);
  job.error = reader.String("error");
  job.created_at = ReadTime(reader, "created_at");
  job.updated_at = ReadTime(reader, "updated_at");
  job.attempts = reader.Int("attempts", 0, kMaxDocumentInt);
  TRY(reader.Finish());
  return job;
}

}  // namespace

std::string_view JobSubjectType(std::string_view kind) {
  if (kind == kIndexJob || kind == kMoveIndexJob) return "index";
  return kind == kMoveDatasetJob ? "dataset" : "";
}

std::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kDone:
      return "done";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  CHECK(false);
}

Json JobToJson(const JobInfo& job) {
  return {{"id", job.id.str()},
          {"kind", job.kind},
          {"subject", job.subject},
          {"target", job.target.empty() ? Json() : Json(job.target)},
          {"state", JobStateName(job.state)},
          {"stage", job.stage},
          {"unit", job.kind == kIndexJob ? "rows" : "bytes"},
          {"done", job.done},
          {"total", job.total},
          {"failed_items", job.failed_items},
          {"failed", FailedItemsToJson(job.failed)},
          {"rate_per_second", NullWhenNegative(job.rate_per_second)},
          {"eta_seconds", NullWhenNegative(job.eta_seconds)},
          {"error", job.error},
          {"created_at", FormatTimestamp(job.created_at)},
          {"updated_at", FormatTimestamp(job.updated_at)},
          {"attempts", job.attempts}};
}

Result<JobInfo> JobFromJson(const Json& json) {
  Result<JobInfo> job = DecodeJob(json);
  if (!job.ok()) return Internal("damaged job document: ", job.status().message());
  return job;
}

}  // namespace lakehouse::search
