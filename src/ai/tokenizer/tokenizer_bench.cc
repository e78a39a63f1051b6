#include <string>

#include <benchmark/benchmark.h>

#include "ai/model_file.h"
#include "ai/tokenizer/tokenizer.h"

namespace lakehouse::ai {
namespace {

const Tokenizer& ModelTokenizer() {
  static const Result<Tokenizer> tokenizer = Tokenizer::Load(ModelDirectory(AiConfig()));
  CHECK(tokenizer.ok());
  return *tokenizer;
}

// English with names, numbers and punctuation; about 1.3 tokens a word.
std::string English(size_t bytes) {
  constexpr std::string_view kText =
      "The river crossed the northern valley before anyone noticed, although the weather was poor. "
      "Dr. Okonkwo-Smith rebuilt 3,000 signatures; \"nobody\" volunteered. Kubernetes and "
      "PostgreSQL engineers earn $120,500.75 in Chicago. Why does bread rise? An unexpected storm "
      "photographed a forgotten manuscript, mistook the harvest, and postponed its celebration.\n";
  std::string text;
  while (text.size() < bytes) text += kText;
  return text;
}

std::string Repeat(std::string_view piece, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += piece;
  return text;
}

void Report(benchmark::State& state, size_t tokens, size_t bytes) {
  state.counters["tokens"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(tokens),
                         benchmark::Counter::kIsRate);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void Count(benchmark::State& state, const std::string& text) {
  const size_t tokens = ModelTokenizer().Count(text);
  for (auto _ : state) benchmark::DoNotOptimize(ModelTokenizer().Count(text));
  Report(state, tokens, text.size());
}
BENCHMARK_CAPTURE(Count, English, English(1 << 20));
BENCHMARK_CAPTURE(Count, Accents, Repeat("Caf\u00e9 na\u00efve \u00dcber stra\u00dfe. ", 1 << 20));
BENCHMARK_CAPTURE(Count, Russian,
                  Repeat("\u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440. ", 1 << 20));
BENCHMARK_CAPTURE(Count, Chinese, Repeat("\u4eca\u5929\u5929\u6c14\u5f88\u597d\u3002", 1 << 20));
BENCHMARK_CAPTURE(Count, Korean, Repeat("\ud55c\uad6d\uc5b4 \ubb38\uc7a5. ", 1 << 20));
BENCHMARK_CAPTURE(Count, Emoji, Repeat("\U0001F468\u200D\U0001F469\u200D\U0001F467", 1 << 20));

void EncodeShortText(benchmark::State& state) {
  const std::string text = English(100).substr(0, 92);
  const size_t tokens = ModelTokenizer().Count(text);
  for (auto _ : state) benchmark::DoNotOptimize(ModelTokenizer().Encode(text, 256));
  Report(state, tokens, text.size());
}
BENCHMARK(EncodeShortText);

// Stops at the limit, so the length of the text hardly matters.
void EncodeTenMegabytes(benchmark::State& state) {
  const std::string text = English(10 << 20);
  for (auto _ : state) benchmark::DoNotOptimize(ModelTokenizer().Encode(text, 256));
  Report(state, 256, text.size());
}
BENCHMARK(EncodeTenMegabytes);

}  // namespace
}  // namespace lakehouse::ai
