#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "ai/chunker.h"
#include "ai/embedding_model.h"

namespace lakehouse::ai {
namespace {

EmbeddingModel& Provider() {
  static const auto provider = OpenEmbeddedModel(AiConfig());
  CHECK(provider.ok());
  return **provider;
}

// Texts of `tokens` tokens, special ones included, all different.
std::vector<std::string> Texts(size_t count, size_t tokens) {
  const char* const kWords[] = {"the", "river", "nurse", "works", "at", "night", "in", "chicago"};
  std::vector<std::string> texts(count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k + 2 < tokens; ++k) {
      texts[i] += kWords[(i >> (3 * (k % 4)) ^ k) % std::size(kWords)];
      texts[i] += ' ';
    }
  }
  return texts;
}

void EmbedDocuments(benchmark::State& state) {
  const auto tokens = static_cast<size_t>(state.range(0));
  const std::vector<std::string> texts = Texts(512, tokens);
  CHECK(Provider().CountTokens(texts[0]) == tokens);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Provider().Embed(texts, Role::kDocument, CancelToken()));
  }
  const auto texts_done = static_cast<double>(state.iterations()) * 512;
  state.counters["texts"] = benchmark::Counter(texts_done, benchmark::Counter::kIsRate);
  state.counters["tokens"] =
      benchmark::Counter(texts_done * static_cast<double>(tokens), benchmark::Counter::kIsRate);
}
BENCHMARK(EmbedDocuments)
    ->Arg(25)
    ->Arg(128)
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void EmbedQuery(benchmark::State& state) {
  const std::vector<std::string> texts = Texts(1, static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Provider().Embed(texts, Role::kQuery, CancelToken()));
  }
}
BENCHMARK(EmbedQuery)->Arg(12)->Arg(64)->UseRealTime()->Unit(benchmark::kMicrosecond);

void CountTokens(benchmark::State& state) {
  const std::string text = Texts(1, 100'000)[0];
  for (auto _ : state) benchmark::DoNotOptimize(Provider().CountTokens(text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(CountTokens)->Unit(benchmark::kMillisecond);

void ChunkDocument(benchmark::State& state) {
  std::string text;
  for (const std::string& sentence : Texts(8'000, 20)) text += sentence + ".\n";
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        ChunkText(text, {}, [](std::string_view piece) { return Provider().CountTokens(piece); }));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(ChunkDocument)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lakehouse::ai
