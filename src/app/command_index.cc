#include <cstdio>

#include <unistd.h>

#include "app/commands.h"
#include "app/job_wait.h"
#include "app/terminal.h"

namespace lakehouse::app {

namespace {

Status ReportJob(const CommandContext& context, const Json& job, double seconds) {
  TRY(JobOutcome(job));
  const uint64_t rows = job.value("done", uint64_t{0});
  const uint64_t failed = job.value("failed_items", uint64_t{0});
  if (context.json) {
    std::printf("%s\n", DumpJson(job).c_str());
    return OkStatus();
  }
  std::printf("index %s: %s rows in %s", job.value("subject", "").c_str(),
              FormatCount(rows).c_str(), FormatDuration(seconds).c_str());
  if (seconds > 0) std::printf(" (%.0f rows/s)", static_cast<double>(rows) / seconds);
  if (failed > 0) std::printf(", %s could not be embedded", FormatCount(failed).c_str());
  std::printf("\n");
  return OkStatus();
}

}  // namespace

Status RunIndex(const CommandContext& context, const IndexOptions& options) {
  if (options.detach && context.server.empty()) {
    context.Remark(
        "--detach needs a server that goes on with the job; without one the job waits for it");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({.jobs = true}));
  Json request = {{"source", options.dataset},
                  {"id_column", options.id_column},
                  {"text_column", options.text_column}};
  if (!options.name.empty()) request["index_name"] = options.name;
  if (!options.model.empty()) request["model"] = options.model;
  ApiCall call;
  call.method = net::Method::kPost;
  call.target = "/vectors/index";
  call.json = DumpJson(request);
  CommandContext start = context;
  start.json = context.json && options.detach;
  const int64_t started = Clock::System().MonotonicMicros();
  auto answer = CallApi(start, *client, std::move(call));
  TRY(answer.status());
  const std::string id = answer->value("job_id", "");
  if (options.detach) {
    if (!context.json) std::printf("%s\n", id.c_str());
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const Json job, WaitForJob(context, *client, id, {"indexing", FormatRows}));
  const int64_t micros = Clock::System().MonotonicMicros() - started;
  return ReportJob(context, job, static_cast<double>(micros) / 1e6);
}

Status RunSearch(const CommandContext& context, const SearchOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  ApiCall call;
  call.method = net::Method::kPost;
  call.target = "/vectors/search";
  call.json =
      DumpJson({{"index_name", options.index}, {"query", options.text}, {"top_k", options.top_k}});
  ASSIGN_OR_RETURN(const Json answer, CallApi(context, *client, std::move(call)));
  if (context.json) return OkStatus();
  const size_t width = isatty(STDOUT_FILENO) == 1 ? 100 : SIZE_MAX;
  for (const Json& hit : answer["results"]) {
    std::printf("%.4f  %s  %s\n", hit.value("score", 0.0), hit.value("doc_id", "").c_str(),
                ShortenForTerminal(hit.value("text", ""), width).c_str());
  }
  const Json& coverage = answer["coverage"];
  const uint64_t embedded = coverage.value("rows_embedded", uint64_t{0});
  const uint64_t total = coverage.value("rows_total", uint64_t{0});
  if (embedded < total) {
    context.Remark(
        StrCat(FormatCount(embedded), " of ", FormatCount(total), " rows are embedded so far"));
  }
  return OkStatus();
}

}  // namespace lakehouse::app
