#include "ai/self_check.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

using Vector = std::vector<float>;

// Longer texts would take seconds and show nothing new: errors do not add up over tokens.
constexpr size_t kLongestTextWords = 512;

// -1 when one of two vectors has no direction.
double Cosine(const std::vector<double>& a, const std::vector<double>& b) {
  if (a == b) return 1;
  double product = 0;
  double squares_a = 0;
  double squares_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += a[i] * b[i];
    squares_a += a[i] * a[i];
    squares_b += b[i] * b[i];
  }
  const double squares = squares_a * squares_b;
  return squares > 0 ? product / std::sqrt(squares) : -1;
}

// Scores less their mean: models differ in where their zero is.
std::vector<double> CentredScores(const Embeddings& results) {
  std::vector<double> scores;
  double sum = 0;
  for (const Result<Vector>& result : results) {
    scores.push_back((*result)[0]);
    sum += scores.back();
  }
  for (double& score : scores) score -= sum / static_cast<double>(scores.size());
  return scores;
}

// Cosines as decimals that show how near 1 they are.
std::string CosineText(double cosine) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), cosine, std::chars_format::fixed, 6);
  return {text, end.ptr};
}

// Tries encoders of one model one after the other, never two at once.
class Trial {
 public:
  Trial(const ModelConfig& config, ModelReader& reader, const TokenizeText& tokenize,
        const FaithfulEncoderOptions& options)
      : config_(config), reader_(reader), tokenize_(tokenize), options_(options) {}

  Result<std::unique_ptr<EncoderPool>> Start(Precision precision) {
    ASSIGN_OR_RETURN(auto encoder,
                     TextEncoder::Load(config_, reader_, precision, *options_.kernels));
    return EncoderPool::Start(std::move(encoder), options_.pool);
  }

  // What the model answers in f32.
  Status SetReference() {
    const auto limit = static_cast<size_t>(config_.max_tokens);
    texts_ = SelfCheckTexts(std::min(limit, kLongestTextWords));
    ASSIGN_OR_RETURN(const auto pool, Start(Precision::kF32));
    ASSIGN_OR_RETURN(Embeddings results, Embed(*pool));
    // A text that the model itself cannot embed, as one without tokens, says nothing.
    for (size_t i = 0; i < results.size(); ++i) {
      if (!results[i].ok()) continue;
      texts_[reference_.size()] = texts_[i];
      reference_.push_back(std::move(results[i]));
    }
    texts_.resize(reference_.size());
    if (texts_.empty()) return InvalidArgument("the model makes no finite vector of any text");
    return OkStatus();
  }
  Result<double> LikenessTo(EncoderPool& pool) {
    ASSIGN_OR_RETURN(const Embeddings results, Embed(pool));
    return Likeness(results, reference_);
  }
  size_t texts() const { return texts_.size(); }

 private:
  Result<Embeddings> Embed(EncoderPool& pool) {
    return pool.Encode(texts_, tokenize_, EncoderPool::Lane::kQueries, CancelToken());
  }

  const ModelConfig& config_;
  ModelReader& reader_;
  const TokenizeText& tokenize_;
  const FaithfulEncoderOptions& options_;
  std::vector<std::string> texts_;
  Embeddings reference_;
};

Result<std::unique_ptr<EncoderPool>> OpenFaithfulBf16(Trial& trial, const std::string& model) {
  TRY(trial.SetReference());
  ASSIGN_OR_RETURN(auto pool, trial.Start(Precision::kBf16));
  ASSIGN_OR_RETURN(const double plain, trial.LikenessTo(*pool));
  if (plain >= kFaithfulCosine) {
    LogInfo("model computes in bf16",
            {{"model", model}, {"minimum_cosine", CosineText(plain)}, {"texts", trial.texts()}});
    return pool;
  }
  pool.reset();
  ASSIGN_OR_RETURN(pool, trial.Start(Precision::kBf16F32Attention));
  ASSIGN_OR_RETURN(const double with_f32_attention, trial.LikenessTo(*pool));
  const bool is_faithful = with_f32_attention >= kFaithfulCosine;
  LogWarning(is_faithful ? "bf16 is not faithful to the model; attention is computed in f32"
                         : "bf16 is not faithful to the model; everything is computed in f32",
             {{"model", model},
              {"minimum_cosine", CosineText(plain)},
              {"with_f32_attention", CosineText(with_f32_attention)},
              {"expected", kFaithfulCosine},
              {"texts", trial.texts()}});
  if (is_faithful) return pool;
  pool.reset();
  return trial.Start(Precision::kF32);
}

Result<std::unique_ptr<EncoderPool>> OpenInt8(Trial& trial, const std::string& model) {
  TRY(trial.SetReference());
  ASSIGN_OR_RETURN(auto pool, trial.Start(Precision::kInt8));
  ASSIGN_OR_RETURN(const double likeness, trial.LikenessTo(*pool));
  LogInfo("model computes in int8",
          {{"model", model}, {"minimum_cosine", CosineText(likeness)}, {"texts", trial.texts()}});
  return pool;
}

}  // namespace

double Likeness(const Embeddings& a, const Embeddings& b) {
  CHECK(a.size() == b.size() && !a.empty());
  const auto is_finite = [](const Result<Vector>& result) {
    return result.ok() && std::ranges::all_of(*result, [](float x) { return std::isfinite(x); });
  };
  if (!std::ranges::all_of(a, is_finite) || !std::ranges::all_of(b, is_finite)) return -1;
  if (a[0]->size() == 1) return Cosine(CentredScores(a), CentredScores(b));
  double least = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    least = std::min(least, Cosine(std::vector<double>(a[i]->begin(), a[i]->end()),
                                   std::vector<double>(b[i]->begin(), b[i]->end())));
  }
  return least;
}

const char* PrecisionName(Precision precision) {
  switch (precision) {
    case Precision::kF32:
      return "f32";
    case Precision::kBf16:
    case Precision::kBf16F32Attention:
      return "bf16";
    case Precision::kInt8:
      return "int8";
  }
  return "";
}

Result<std::unique_ptr<EncoderPool>> OpenFaithfulEncoder(const ModelConfig& config,
                                                         ModelReader& reader,
                                                         const TokenizeText& tokenize,
                                                         const FaithfulEncoderOptions& options) {
  const std::string& asked = options.precision;
  Trial trial(config, reader, tokenize, options);
  const auto can = [&](Precision precision) {
    return TextEncoder::CanCompute(precision, *options.kernels);
  };
  if (asked == "auto" || asked == "bf16") {
    if (can(Precision::kBf16)) return OpenFaithfulBf16(trial, options.model_name);
    if (asked == "auto") return trial.Start(Precision::kF32);
    return InvalidArgument(
        "precision bf16 needs AVX-512 BF16, which this machine does not have: "
        "use auto");
  }
  if (asked == "int8") {
    if (can(Precision::kInt8)) return OpenInt8(trial, options.model_name);
    return InvalidArgument(
        "precision int8 needs AVX-512 VNNI, which this machine does not have: "
        "use auto");
  }
  if (asked == "f32") return trial.Start(Precision::kF32);
  return InvalidArgument("precision must be auto, f32, bf16 or int8, not ", asked);
}

}  // namespace lakehouse::ai
