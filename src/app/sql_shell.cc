#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <editline/readline.h>

#include "app/commands.h"

namespace lakehouse::app {

namespace {

constexpr int kHistoryLines = 1'000;

// libedit calls back through plain functions, so the words to complete live here.
std::vector<std::string>& CompletionWords() {
  static std::vector<std::string> words;
  return words;
}

char* NextCompletion(const char* text, int state) {
  static size_t next = 0;
  if (state == 0) next = 0;
  const std::vector<std::string>& words = CompletionWords();
  while (next < words.size()) {
    const std::string& word = words[next++];
    if (word.size() >= std::strlen(text) &&
        EqualsIgnoreCase(std::string_view(word).substr(0, std::strlen(text)), text)) {
      return strdup(word.c_str());
    }
  }
  return nullptr;
}

char** Complete(const char* text, int /*start*/, int /*end*/) {
  rl_attempted_completion_over = 1;  // Never falls back to file names.
  return rl_completion_matches(text, NextCompletion);
}

void LoadCompletionWords(ApiClient& client) {
  std::vector<std::string>& words = CompletionWords();
  for (const char* keyword :
       {"select", "from",      "where", "group by", "order by", "having",  "limit",
        "join",   "left join", "on",    "count(*)", "distinct", "between", "like",
        "case",   "when",      "then",  "else",     "end",      "with",    "union all"}) {
    words.emplace_back(keyword);
  }
  ApiCall call;
  call.target = "/catalog/datasets?limit=1000";
  const auto answer = client.Call(std::move(call));
  if (!answer.ok() || !answer->ok()) return;
  const auto json = answer->ParseBody();
  if (!json.ok() || !json->contains("items")) return;
  for (const Json& dataset : (*json)["items"]) {
    words.push_back(dataset.value("name", ""));
    if (!dataset.contains("columns")) continue;
    for (const Json& column : dataset["columns"]) words.push_back(column.value("name", ""));
  }
}

// Reads lines up to one that ends with `;`. Returns false at the end of input.
bool ReadStatement(std::string& statement) {
  statement.clear();
  for (;;) {
    const std::unique_ptr<char, decltype(&std::free)> line(
        readline(statement.empty() ? "lakehouse> " : "      ...> "), std::free);
    if (line == nullptr) return false;
    const std::string_view text = TrimWhitespace(line.get());
    if (statement.empty() &&
        (text == "quit" || text == "exit" || text == "\\q" || text == ".quit")) {
      return false;
    }
    if (text.empty() && statement.empty()) continue;
    if (!statement.empty()) statement.push_back('\n');
    statement.append(line.get());
    if (text.ends_with(';')) return true;
  }
}

}  // namespace

Status RunSqlShell(const CommandContext& context, ApiClient& client, const SqlOptions& options) {
  ASSIGN_OR_RETURN(const ResultFormat format,
                   ParseResultFormat(options.format.empty() ? "table" : options.format));
  const std::string history_path = context.data_dir + "/sql_history";
  using_history();
  stifle_history(kHistoryLines);
  read_history(history_path.c_str());
  rl_attempted_completion_function = Complete;
  LoadCompletionWords(client);
  context.Remark("Statements end with ; and Ctrl-D leaves.");
  std::string statement;
  while (ReadStatement(statement)) {
    add_history(statement.c_str());
    const auto text = RunStatement(context, client, options, statement, format);
    if (text.ok()) {
      std::fputs(text->c_str(), stdout);
    } else {
      std::fprintf(stderr, "lakehouse: %s\n", text.status().message().c_str());
    }
  }
  write_history(history_path.c_str());
  return OkStatus();
}

}  // namespace lakehouse::app
