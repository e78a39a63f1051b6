#include "app/job_wait.h"

#include <chrono>
#include <thread>

#include "app/terminal.h"

namespace lakehouse::app {

namespace {

constexpr int64_t kPollMs = 200;

// "1,200 rows of 20,000 rows, 310 rows/s, 1 min 02 s left"
std::string ProgressText(const Json& job, const JobWords& words) {
  std::string text = StrCat(words.format(job.value("done", uint64_t{0})), " of ",
                            words.format(job.value("total", uint64_t{0})));
  if (job.contains("rate_per_second") && job["rate_per_second"].is_number()) {
    const auto rate = static_cast<uint64_t>(job["rate_per_second"].get<double>());
    StrAppend(text, ", ", words.format(rate), "/s");
  }
  if (job.contains("eta_seconds") && job["eta_seconds"].is_number()) {
    StrAppend(text, ", ", FormatDuration(job["eta_seconds"].get<double>()), " left");
  }
  return text;
}

}  // namespace

std::string FormatRows(uint64_t count) { return FormatCount(count) + " rows"; }

Result<Json> WaitForJob(const CommandContext& context, ApiClient& client, const std::string& id,
                        const JobWords& words) {
  CommandContext silent = context;
  silent.json = false;
  ProgressLine progress(context.quiet, words.label);
  for (;;) {
    ApiCall call;
    call.target = "/vectors/jobs/" + id;
    ASSIGN_OR_RETURN(Json job, CallApi(silent, client, std::move(call)));
    const std::string state = job.value("state", "");
    if (state == "done" || state == "failed" || state == "cancelled") return job;
    progress.Update(job.value("done", uint64_t{0}), job.value("total", uint64_t{0}),
                    ProgressText(job, words));
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
  }
}

Status JobOutcome(const Json& job) {
  const std::string state = job.value("state", "");
  if (state == "failed") return Internal("the job failed: ", job.value("error", ""));
  if (state == "cancelled") return Cancelled("the job was cancelled");
  return OkStatus();
}

}  // namespace lakehouse::app
