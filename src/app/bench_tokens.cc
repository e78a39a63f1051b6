#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "ai/tokenizer/tokenizer.h"
#include "app/bench.h"
#include "base/clock.h"

namespace lakehouse::app {

namespace {

// One text, or two.
struct Line {
  std::string first;
  std::optional<std::string> second;
};

Result<std::vector<Line>> ReadLines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound("the file of texts cannot be read: ", path);
  std::vector<Line> lines;
  for (std::string line; std::getline(file, line);) {
    const auto json = ParseJson(line);
    if (json.ok() && json->is_string()) {
      lines.push_back({.first = json->get<std::string>()});
    } else if (json.ok() && json->is_array() && json->size() == 2 && (*json)[0].is_string() &&
               (*json)[1].is_string()) {
      lines.push_back({(*json)[0].get<std::string>(), (*json)[1].get<std::string>()});
    } else {
      return InvalidArgument("expected a JSON string or an array of two a line in ", path,
                             " at line ", lines.size() + 1);
    }
  }
  if (lines.empty()) return InvalidArgument("the file of texts is empty: ", path);
  return lines;
}

Result<ai::TokenPair> EncodeLine(const ai::Tokenizer& tokenizer, const Line& line,
                                 size_t max_tokens) {
  if (line.second.has_value()) {
    return tokenizer.EncodePair(line.first, *line.second, max_tokens);
  }
  ai::TokenPair result{.ids = tokenizer.Encode(line.first, max_tokens)};
  result.second_begin = result.ids.size();
  return result;
}

Status WriteLines(const std::string& path, const std::vector<Line>& lines,
                  const std::vector<ai::TokenPair>& encoded) {
  std::ofstream file(path, std::ios::binary);
  for (size_t i = 0; i < lines.size(); ++i) {
    Json line = encoded[i].ids;
    if (lines[i].second.has_value()) {
      line = {{"ids", encoded[i].ids}, {"second_begin", encoded[i].second_begin}};
    }
    file << DumpJson(line) << '\n';
  }
  if (!file.flush()) return Unavailable("the token ids cannot be written: ", path);
  return OkStatus();
}

}  // namespace

Result<Json> BenchTokens(const BenchTokensOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<Line> lines, ReadLines(options.texts_file));
  ASSIGN_OR_RETURN(const ai::Tokenizer tokenizer, ai::Tokenizer::Load(options.model_dir));
  const auto max_tokens = static_cast<size_t>(options.max_tokens);
  if (max_tokens < tokenizer.special_token_count()) {
    return InvalidArgument("the model has ", tokenizer.special_token_count(),
                           " special tokens, the limit is ", max_tokens);
  }
  std::vector<ai::TokenPair> encoded;
  encoded.reserve(lines.size());
  size_t tokens = 0;
  size_t bytes = 0;
  const int64_t started = Clock::System().MonotonicMicros();
  for (const Line& line : lines) {
    ASSIGN_OR_RETURN(ai::TokenPair result, EncodeLine(tokenizer, line, max_tokens));
    tokens += result.ids.size();
    bytes += line.first.size() + line.second.value_or("").size();
    encoded.push_back(std::move(result));
  }
  const double seconds = static_cast<double>(Clock::System().MonotonicMicros() - started) / 1e6;
  if (!options.ids_file.empty()) TRY(WriteLines(options.ids_file, lines, encoded));
  Json answer = BenchHeader(0);
  answer.update(Json{{"texts", lines.size()},
                     {"bytes", bytes},
                     {"tokens", tokens},
                     {"seconds", seconds},
                     {"tokens_per_second", static_cast<double>(tokens) / seconds}});
  return answer;
}

}  // namespace lakehouse::app
