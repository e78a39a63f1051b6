#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include <unistd.h>

#include "app/commands.h"

namespace lakehouse::app {

namespace {

ApiCall QueryCall(const SqlOptions& options, const std::string& sql) {
  Json request = {{"sql", sql}, {"limit", options.limit}};
  if (options.timeout_ms > 0) request["timeout_ms"] = options.timeout_ms;
  ApiCall call;
  call.method = net::Method::kPost;
  call.target = "/query/sql";
  call.json = DumpJson(request);
  return call;
}

Status WriteOutput(const std::string& path, const std::string& text) {
  if (path.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0 ? OkStatus() : Internal("standard output cannot be written");
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return Internal("the output file cannot be written: ", path);
  return OkStatus();
}

}  // namespace

Result<std::string> RunStatement(const CommandContext& context, ApiClient& client,
                                 const SqlOptions& options, const std::string& sql,
                                 ResultFormat format) {
  ASSIGN_OR_RETURN(const Json answer, CallApi(context, client, QueryCall(options, sql)));
  if (context.json) return std::string();
  ASSIGN_OR_RETURN(const ResultTable table, TableFromQueryAnswer(answer));
  if (answer.value("truncated", false)) {
    context.Remark(StrCat("only the first ", table.rows.size(),
                          " rows are shown; --limit N raises the limit"));
  }
  return FormatTable(table, format);
}

Status RunSql(const CommandContext& context, const SqlOptions& options) {
  const bool to_terminal = options.output.empty() && isatty(STDOUT_FILENO) == 1;
  const std::string format_name =
      !options.format.empty() ? options.format : (to_terminal ? "table" : "csv");
  ASSIGN_OR_RETURN(const ResultFormat format, ParseResultFormat(format_name));
  ASSIGN_OR_RETURN(const std::unique_ptr<ApiClient> client, context.Connect({}));
  std::string sql = options.text;
  if (sql.empty() && isatty(STDIN_FILENO) == 1) {
    return RunSqlShell(context, *client, options);
  }
  if (sql.empty() || sql == "-") {
    sql.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  ASSIGN_OR_RETURN(const std::string text, RunStatement(context, *client, options, sql, format));
  if (context.json) return OkStatus();
  return WriteOutput(options.output, text);
}

}  // namespace lakehouse::app
