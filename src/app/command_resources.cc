#include <cstdio>

#include "app/commands.h"
#include "app/sample_staffing.h"
#include "app/terminal.h"
#include "base/version.h"

namespace lakehouse::app {

namespace {

// Where one kind of thing lives in the API and which of its fields a list shows.
struct ResourceKind {
  std::string_view name;
  std::string_view path;
  std::vector<std::string> columns;
};

const std::vector<ResourceKind>& ResourceKinds() {
  static const std::vector<ResourceKind> kKinds = {
      {"datasets", "/catalog/datasets", {"name", "rows", "bytes", "bucket", "updated_at"}},
      {"indexes",
       "/vectors/indexes",
       {"name", "source", "model", "dimensions", "chunks", "complete"}},
      {"buckets", "/storage/buckets", {"name", "backend", "location", "role", "reachable"}},
      {"jobs", "/vectors/jobs", {"id", "kind", "subject", "state", "done", "total"}},
      {"models", "/ai/models", {"name", "task", "provider", "default", "loaded", "error"}}};
  return kKinds;
}

const ResourceKind& FindKind(std::string_view name) {
  for (const ResourceKind& kind : ResourceKinds()) {
    if (kind.name == name) return kind;
  }
  CHECK(false);
}

Json FieldOf(const Json& item, const std::string& column) {
  return item.contains(column) ? item[column] : Json();
}

Status PrintList(const CommandContext& context, ApiClient& client, const ResourceKind& kind) {
  ResultTable table{kind.columns, {}};
  std::string cursor;
  do {
    ApiCall call;
    call.target = StrCat(kind.path, "?limit=1000");
    if (!cursor.empty()) StrAppend(call.target, "&cursor=", net::PercentEncode(cursor));
    ASSIGN_OR_RETURN(const Json answer, CallApi(context, client, std::move(call)));
    for (const Json& item : answer["items"]) {
      Json row = Json::array();
      for (const std::string& column : kind.columns) row.push_back(FieldOf(item, column));
      table.rows.push_back(std::move(row));
    }
    cursor = answer.contains("next_cursor") ? CellText(answer["next_cursor"]) : "";
  } while (!cursor.empty());
  if (!context.json) std::fputs(FormatTable(table, ResultFormat::kTable).c_str(), stdout);
  return OkStatus();
}

}  // namespace

Status RunResource(const CommandContext& context, const ResourceOptions& options) {
  const ResourceKind& kind = FindKind(options.kind);
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  if (options.action == "list") return PrintList(context, *client, kind);
  ApiCall call;
  call.target = StrCat(kind.path, "/", net::PercentEncode(options.name));
  if (options.action == "show") {
    ASSIGN_OR_RETURN(const Json answer, CallApi(context, *client, std::move(call)));
    if (!context.json)
      std::printf("%s\n", answer.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return OkStatus();
  }
  call.method = net::Method::kDelete;
  TRY(CallApi(context, *client, std::move(call)).status());
  context.Remark(StrCat(kind.name == "jobs" ? "cancelled: " : "deleted: ", options.name));
  return OkStatus();
}

Status RunResidence(const CommandContext& context, const std::string& model, bool load) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  ApiCall call;
  call.method = net::Method::kPost;
  call.target = load ? "/admin/preload" : "/admin/unload";
  call.json = DumpJson({{"model", model}});
  TRY(CallApi(context, *client, std::move(call)).status());
  context.Remark(StrCat(load ? "in memory: " : "no longer in memory: ", model));
  return OkStatus();
}

Status RunSample(const CommandContext& context, const SampleCommandOptions& options) {
  ASSIGN_OR_RETURN(
      const std::vector<SampleFile> files,
      WriteStaffingSample(
          {.candidates = options.candidates, .seed = options.seed, .directory = options.output}));
  Json items = Json::array();
  for (const SampleFile& file : files) {
    if (context.json) {
      items.push_back({{"path", file.path}, {"rows", file.rows}, {"bytes", file.size_bytes}});
    } else {
      std::printf("%s  %s rows, %s\n", file.path.c_str(), FormatCount(file.rows).c_str(),
                  FormatBytes(file.size_bytes).c_str());
    }
  }
  if (context.json) std::printf("%s\n", DumpJson({{"items", items}}).c_str());
  return OkStatus();
}

Status RunConfig(const CommandContext& context) {
  Json items = Json::array();
  for (const SettingValue& setting : context.config.settings) {
    if (context.json) {
      items.push_back({{"key", setting.key},
                       {"value", setting.value},
                       {"source", setting.source},
                       {"help", setting.help}});
    } else {
      std::printf("%s = %s  # %s; %s\n", setting.key.c_str(), setting.value.c_str(),
                  setting.source.c_str(), setting.help.c_str());
    }
  }
  if (context.json) std::printf("%s\n", DumpJson({{"items", items}}).c_str());
  return OkStatus();
}

Status RunVersion(const CommandContext& context) {
  if (context.json) {
    std::printf("%s\n", DumpJson({{"version", kVersion}}).c_str());
  } else {
    std::printf("lakehouse %s\n", std::string(kVersion).c_str());
  }
  return OkStatus();
}

}  // namespace lakehouse::app
