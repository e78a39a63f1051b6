#include <algorithm>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ai/embedded_encoder.h"
#include "ai/embedded_model.h"
#include "ai/gemm_peak.h"
#include "app/bench.h"
#include "app/bench_query_latency.h"
#include "app/npy_file.h"
#include "base/clock.h"

namespace lakehouse::app {

namespace {

constexpr size_t kTextsPerCall = 4096;
constexpr size_t kWarmUpTexts = 256;

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

// The encoder without its tokenizer: the texts that it is given are numbers of texts whose ids are
// known.
class Encoder {
 public:
  static Result<Encoder> Open(const ai::EmbeddedModelOptions& options,
                              std::span<const std::string> texts) {
    ASSIGN_OR_RETURN(ai::EmbeddedEncoder opened,
                     ai::OpenEmbeddedEncoder(options, ai::EncoderTask::kEmbed));
    return Encoder(std::move(opened), texts);
  }

  // Token ids of the texts, cut where the model cuts them.
  const std::vector<std::vector<int32_t>>& ids() const { return ids_; }
  ai::Precision precision() const { return opened_.pool->encoder().precision(); }

  // Of encoding all texts: 2 for every multiply-accumulate of the linear layers and of attention;
  // nothing else is counted.
  double Operations() const {
    const ai::ModelConfig& config = opened_.config;
    const auto d = static_cast<double>(config.hidden_size);
    const auto f = static_cast<double>(config.intermediate_size);
    const double feed_forwards = config.activation == ai::Activation::kSwiGlu ? 3 : 2;
    double operations = 0;
    for (const auto& ids : ids_) {
      const auto tokens = static_cast<double>(ids.size());
      operations += tokens * (2 * (4 * d * d + feed_forwards * d * f) + 4 * tokens * d);
    }
    return operations * static_cast<double>(config.layers);
  }

  // Encodes the ids of all texts; returns seconds.
  Result<double> TimeIds() const {
    const ai::TokenizeText look_up = [this](const std::string& number) -> Result<ai::TokenPair> {
      return ai::OneText(ids_[std::stoul(number)]);
    };
    const int64_t started = Clock::System().MonotonicMicros();
    for (size_t begin = 0; begin < numbers_.size(); begin += kTextsPerCall) {
      const auto call =
          std::span(numbers_).subspan(begin, std::min(kTextsPerCall, numbers_.size() - begin));
      TRY(opened_.pool->Encode(call, look_up, ai::EncoderPool::Lane::kDocuments, CancelToken())
              .status());
    }
    return static_cast<double>(Clock::System().MonotonicMicros() - started) / 1e6;
  }

 private:
  Encoder(ai::EmbeddedEncoder opened, std::span<const std::string> texts)
      : opened_(std::move(opened)) {
    for (const std::string& text : texts) {
      numbers_.push_back(std::to_string(ids_.size()));
      ids_.push_back(opened_.tokenizer->Encode(opened_.config.document_prefix + text,
                                               static_cast<size_t>(opened_.config.max_tokens)));
    }
  }

  ai::EmbeddedEncoder opened_;
  std::vector<std::vector<int32_t>> ids_;
  std::vector<std::string> numbers_;  // What the encoder is given as texts: places in `ids_`.
};

// Embeds all texts; returns seconds, and the vectors one after the other.
Result<double> TimeTexts(ai::EmbeddingModel& model, std::span<const std::string> texts,
                         std::vector<float>& vectors) {
  vectors.clear();
  int64_t micros = 0;
  for (size_t begin = 0; begin < texts.size(); begin += kTextsPerCall) {
    const auto call = texts.subspan(begin, std::min(kTextsPerCall, texts.size() - begin));
    const int64_t started = Clock::System().MonotonicMicros();
    ASSIGN_OR_RETURN(const ai::Embeddings embeddings, model.Embed(call, ai::EmbedOptions()));
    micros += Clock::System().MonotonicMicros() - started;
    for (const auto& embedding : embeddings) {
      TRY(embedding.status());
      vectors.insert(vectors.end(), embedding->begin(), embedding->end());
    }
  }
  return static_cast<double>(micros) / 1e6;
}

}  // namespace

Result<Json> BenchEmbed(const BenchEmbedOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> texts, ReadTexts(options.texts_file));
  const ai::EmbeddedModelOptions model_options = {
      .name = "model", .directory = options.model_dir, .precision = options.precision};
  ASSIGN_OR_RETURN(const auto model, ai::OpenEmbeddedModel(model_options));
  ASSIGN_OR_RETURN(const Encoder encoder, Encoder::Open(model_options, texts));

  std::vector<float> vectors;
  TRY(TimeTexts(*model, std::span(texts).first(std::min(kWarmUpTexts, texts.size())), vectors)
          .status());
  std::vector<double> seconds;
  std::vector<double> encode_seconds;
  for (int64_t i = 0; i < options.repeat; ++i) {
    ASSIGN_OR_RETURN(seconds.emplace_back(), TimeTexts(*model, texts, vectors));
    ASSIGN_OR_RETURN(encode_seconds.emplace_back(), encoder.TimeIds());
  }
  const ai::EmbeddingSpace& space = model->space();
  if (!options.vectors_file.empty()) {
    TRY(WriteNpy(options.vectors_file, vectors, static_cast<size_t>(space.dimensions)));
  }

  size_t tokens = 0;
  for (const auto& ids : encoder.ids()) tokens += ids.size();
  const double whole = Median(seconds);
  const double encoding = Median(encode_seconds);
  const double peak = ai::MeasureGemmPeak(encoder.precision());
  Json answer = BenchHeader(0);
  answer.update(Json{{"model", options.model_dir},
                     {"precision", space.precision},
                     {"texts", texts.size()},
                     {"tokens", tokens},
                     {"repeat", options.repeat},
                     {"seconds", whole},
                     {"encode_seconds", encoding},
                     {"texts_per_second", static_cast<double>(texts.size()) / whole},
                     {"tokens_per_second", static_cast<double>(tokens) / whole},
                     {"gemm_peak_operations", peak},
                     {"gemm_peak_share", encoder.Operations() / encoding / peak}});
  if (options.query_latency) {
    ASSIGN_OR_RETURN(answer["query_latency"], MeasureQueryLatency(*model, texts));
  }
  return answer;
}

}  // namespace lakehouse::app
