#include <algorithm>
#include <fstream>

#include "ai/embedded_model.h"
#include "ai/gemm_peak.h"
#include "app/bench.h"
#include "app/npy_file.h"
#include "base/clock.h"
#include "base/config.h"

namespace lakehouse::app {

namespace {

constexpr size_t kTextsPerCall = 256;

Result<std::vector<std::string>> ReadTexts(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound("the file of texts cannot be read: ", path);
  std::vector<std::string> texts;
  std::string line;
  while (std::getline(file, line)) {
    const auto json = ParseJson(line);
    if (!json.ok() || !json->is_string()) {
      return InvalidArgument("expected one JSON string a line in ", path, " at line ",
                             texts.size() + 1);
    }
    texts.push_back(json->get<std::string>());
  }
  if (texts.empty()) return InvalidArgument("the file of texts is empty: ", path);
  return texts;
}

// Floating-point operations of one BERT forward pass: 2 for every multiply-accumulate of the four
// linear layers and of attention; nothing else is counted.
Result<double> ForwardFlop(const std::string& model_dir, const std::vector<size_t>& token_counts) {
  std::ifstream file(model_dir + "/config.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  const double d = json.value("hidden_size", 0.0);
  const double f = json.value("intermediate_size", 0.0);
  const double layers = json.value("num_hidden_layers", 0.0);
  double flop = 0;
  for (const size_t count : token_counts) {
    const auto tokens = static_cast<double>(count);
    flop += layers * tokens * (2 * (4 * d * d + 2 * d * f) + 4 * tokens * d);
  }
  return flop;
}

}  // namespace

Result<Json> BenchEmbed(const BenchEmbedOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> texts, ReadTexts(options.texts_file));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ai::EmbeddingModel> provider,
      ai::OpenEmbeddedModel(
          {.name = "model", .directory = options.model_dir, .precision = options.precision}));
  std::vector<size_t> token_counts;
  size_t tokens = 0;
  for (const std::string& text : texts) {
    token_counts.push_back(
        std::min(provider->CountTokens(text), static_cast<size_t>(provider->space().max_tokens)));
    tokens += token_counts.back();
  }
  std::vector<float> vectors;
  const int64_t started = Clock::System().MonotonicMicros();
  for (size_t begin = 0; begin < texts.size(); begin += kTextsPerCall) {
    const size_t count = std::min(kTextsPerCall, texts.size() - begin);
    ASSIGN_OR_RETURN(auto results,
                     provider->Embed({texts.data() + begin, count}, ai::EmbedOptions()));
    for (auto& result : results) {
      TRY(result.status());
      vectors.insert(vectors.end(), result->begin(), result->end());
    }
  }
  const double seconds = static_cast<double>(Clock::System().MonotonicMicros() - started) / 1e6;
  ASSIGN_OR_RETURN(const double flop, ForwardFlop(options.model_dir, token_counts));
  const double peak = ai::MeasureGemmPeakF32();
  const ai::EmbeddingSpace& space = provider->space();
  if (!options.vectors_file.empty()) {
    TRY(WriteNpy(options.vectors_file, vectors, static_cast<size_t>(space.dimensions)));
  }
  Json answer = BenchHeader(0);
  answer.update(Json{{"model", space.model},
                     {"precision", space.precision},
                     {"texts", texts.size()},
                     {"tokens", tokens},
                     {"seconds", seconds},
                     {"texts_per_second", static_cast<double>(texts.size()) / seconds},
                     {"tokens_per_second", static_cast<double>(tokens) / seconds},
                     {"gemm_peak_flops", peak},
                     {"gemm_peak_share", flop / seconds / peak}});
  return answer;
}

}  // namespace lakehouse::app
