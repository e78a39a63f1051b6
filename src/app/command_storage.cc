#include "app/command_storage.h"

#include <cstdio>

#include "app/job_wait.h"
#include "app/terminal.h"

namespace lakehouse::app {

namespace {

std::string BucketPath(const std::string& name) {
  return StrCat("/storage/buckets/", net::PercentEncode(name));
}

// What the user gave, and nothing else: defaults are the server's.
Json BucketRequest(const BucketOptions& options) {
  Json request = {{"name", options.name}};
  const auto set = [&request](const char* name, const std::string& value) {
    if (!value.empty()) request[name] = value;
  };
  set("backend", options.backend);
  set("root", options.root);
  set("bucket", options.bucket);
  set("prefix", options.prefix);
  set("endpoint", options.endpoint);
  set("region", options.region);
  set("credentials", options.credentials);
  set("ca_file", options.ca_file);
  if (options.path_style.has_value()) request["path_style"] = *options.path_style;
  if (options.allow_http.has_value()) request["allow_http"] = *options.allow_http;
  return request;
}

StatusCode CodeOf(const Json& step) {
  for (int code = 0; code <= static_cast<int>(StatusCode::kInternal); ++code) {
    if (StatusCodeName(static_cast<StatusCode>(code)) == step.value("code", "")) {
      return static_cast<StatusCode>(code);
    }
  }
  return StatusCode::kInternal;
}

// "ok    resolve              1 ms"
void PrintStep(const Json& step) {
  const bool ok = step.value("ok", false);
  std::printf("%-6s %-20s %8.1f ms\n", ok ? "ok" : "FAILED", step.value("name", "").c_str(),
              step.value("milliseconds", 0.0));
  if (const std::string note = step.value("note", ""); !note.empty()) {
    std::printf("       %s\n", note.c_str());
  }
  if (ok) return;
  std::printf("       %s\n", step.value("detail", "").c_str());
  if (const std::string mend = step.value("mend", ""); !mend.empty()) {
    std::printf("       %s\n", mend.c_str());
  }
}

}  // namespace

Status RunCreateBucket(const CommandContext& context, const BucketOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  ApiCall call;
  call.method = net::Method::kPost;
  call.target = "/storage/buckets";
  call.json = DumpJson(BucketRequest(options));
  ASSIGN_OR_RETURN(const Json bucket, CallApi(context, *client, std::move(call)));
  if (!context.json) {
    std::printf("bucket %s: %s\n", bucket.value("name", "").c_str(),
                bucket.value("location", "").c_str());
  }
  return OkStatus();
}

Status RunStorageTest(const CommandContext& context, const std::string& bucket) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  ApiCall call;
  call.method = net::Method::kPost;
  call.target = BucketPath(bucket) + "/probe";
  ASSIGN_OR_RETURN(const Json report, CallApi(context, *client, std::move(call)));
  for (const Json& step : report["steps"]) {
    if (!context.json) PrintStep(step);
  }
  for (const Json& step : report["steps"]) {
    if (step.value("ok", false)) continue;
    return {CodeOf(step),
            StrCat("bucket ", bucket, " failed at step '", step.value("name", ""), "'")};
  }
  return OkStatus();
}

Status RunStorageErrors(const CommandContext& context, int64_t limit) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  ApiCall call;
  call.target = StrCat("/storage/errors?limit=", limit);
  ASSIGN_OR_RETURN(const Json page, CallApi(context, *client, std::move(call)));
  if (context.json) return OkStatus();
  ResultTable table{{"at", "bucket", "operation", "key", "code", "rescued_by", "detail"}, {}};
  for (const Json& error : page["items"]) {
    Json row = Json::array();
    for (const std::string& column : table.columns) {
      row.push_back(error.contains(column) ? error[column] : Json());
    }
    table.rows.push_back(std::move(row));
  }
  std::fputs(FormatTable(table, ResultFormat::kTable).c_str(), stdout);
  return OkStatus();
}

Status RunMove(const CommandContext& context, const MoveOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({.jobs = true}));
  ApiCall call;
  call.method = net::Method::kPatch;
  call.target = StrCat(options.kind == "datasets" ? "/catalog/datasets/" : "/vectors/indexes/",
                       net::PercentEncode(options.name));
  call.json = DumpJson({{"bucket", options.bucket}});
  CommandContext silent = context;
  silent.json = false;
  ASSIGN_OR_RETURN(const Json started, CallApi(silent, *client, std::move(call)));
  ASSIGN_OR_RETURN(const Json job, WaitForJob(context, *client, started.value("job_id", ""),
                                              {"moving", FormatBytes}));
  if (context.json) std::printf("%s\n", DumpJson(job).c_str());
  TRY(JobOutcome(job));
  context.Remark(StrCat("moved: ", options.name, " is in bucket ", options.bucket));
  return OkStatus();
}

}  // namespace lakehouse::app
