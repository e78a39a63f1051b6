#include <cstdio>

#include "app/commands.h"

namespace lakehouse::app {

Result<std::unique_ptr<ApiClient>> CommandContext::Connect(Needs needs) const {
  return ConnectApi({.server = server,
                     .data_dir = data_dir,
                     .command = command,
                     .config = &config.config,
                     .secrets = &secrets,
                     .run_jobs = needs.jobs});
}

void CommandContext::Remark(std::string_view text) const {
  if (!quiet) std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

Result<Json> CallApi(const CommandContext& context, ApiClient& client, ApiCall call) {
  ASSIGN_OR_RETURN(const ApiAnswer answer, client.Call(std::move(call)));
  if (context.json && !answer.body.empty()) std::printf("%s\n", answer.body.c_str());
  if (!answer.ok()) return answer.problem();
  if (answer.body.empty()) return Json();
  return answer.ParseBody();
}

}  // namespace lakehouse::app
