#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "ai/cached_embedding_model.h"
#include "ai/chunker.h"
#include "ai/embedded_model.h"
#include "ai/model_file.h"
#include "base/check.h"
#include "base/config.h"

namespace lakehouse::ai {
namespace {

// $LAKEHOUSE_BENCH_MODEL is a directory of another model, $LAKEHOUSE_BENCH_PRECISION another
// precision than auto.
EmbeddedModelOptions BenchOptions() {
  const auto variable = [](const char* name, const std::string& fallback) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::string(value) : fallback;
  };
  const AiConfig config;
  return {.name = config.model,
          .directory = variable("LAKEHOUSE_BENCH_MODEL", ModelDirectory(config)),
          .precision = variable("LAKEHOUSE_BENCH_PRECISION", "auto")};
}

EmbeddingModel& Model() {
  static const auto model = OpenEmbeddedModel(BenchOptions());
  CHECK(model.ok());
  return **model;
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

void OpenModel(benchmark::State& state) {
  for (auto _ : state) CHECK(OpenEmbeddedModel(BenchOptions()).ok());
}
BENCHMARK(OpenModel)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);

void EmbedDocuments(benchmark::State& state) {
  const auto tokens = static_cast<size_t>(state.range(0));
  const std::vector<std::string> texts = Texts(512, tokens);
  CHECK(Model().CountTokens(texts[0]) == tokens);
  for (auto _ : state) benchmark::DoNotOptimize(Model().Embed(texts, {}));
  const auto texts_done = static_cast<double>(state.iterations()) * 512;
  state.counters["texts"] = benchmark::Counter(texts_done, benchmark::Counter::kIsRate);
  state.counters["tokens"] =
      benchmark::Counter(texts_done * static_cast<double>(tokens), benchmark::Counter::kIsRate);
}
BENCHMARK(EmbedDocuments)
    ->Arg(25)
    ->Arg(128)
    ->Arg(256)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void EmbedQuery(benchmark::State& state) {
  const std::vector<std::string> texts = Texts(1, static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Model().Embed(texts, {.role = Role::kQuery}));
}
BENCHMARK(EmbedQuery)
    ->Arg(12)
    ->Arg(64)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Documents that are embedded without an end, in calls as large as those of an indexing job.
class Job {
 public:
  explicit Job(size_t texts) : texts_(Texts(texts, 128)) {
    if (texts > 0) thread_ = std::thread([this] { Run(); });
  }
  ~Job() {
    cancel_.Cancel();
    if (thread_.joinable()) thread_.join();
  }
  size_t done() const { return done_; }

 private:
  void Run() {
    while (Model().Embed(texts_, {.cancel = cancel_}).ok()) done_ += texts_.size();
  }

  const std::vector<std::string> texts_;
  CancelToken cancel_;
  std::atomic<size_t> done_ = 0;
  std::thread thread_;
};

// Asks for 12 tokens five times a second, with nothing else to do or beside a job. Without queries
// it prints what the job alone does.
void EmbedQueryNowAndThen(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  const bool with_job = state.range(0) != 0;
  const bool with_queries = state.range(1) != 0;
  const std::vector<std::string> query = Texts(1, 12);
  Job job(with_job ? 256 : 0);
  benchmark::DoNotOptimize(Model().Embed(query, {.role = Role::kQuery}));
  std::vector<double> seconds;
  const size_t done = job.done();
  const auto begin = Clock::now();
  for (auto _ : state) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const auto asked = Clock::now();
    if (with_queries) benchmark::DoNotOptimize(Model().Embed(query, {.role = Role::kQuery}));
    seconds.push_back(Seconds(Clock::now() - asked));
    state.SetIterationTime(seconds.back());
  }
  if (with_job) {
    state.counters["job_texts_per_s"] =
        static_cast<double>(job.done() - done) / Seconds(Clock::now() - begin);
  }
  std::ranges::sort(seconds);
  state.counters["median_ms"] = 1000 * seconds[seconds.size() / 2];
  state.counters["p95_ms"] = 1000 * seconds[seconds.size() * 95 / 100];
}
BENCHMARK(EmbedQueryNowAndThen)
    ->ArgNames({"job", "queries"})
    ->Args({0, 1})
    ->Args({1, 0})
    ->Args({1, 1})
    ->Iterations(50)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// What the cache adds to a query that it knows.
class RememberingCache final : public VectorCache {
 public:
  std::vector<std::optional<Vector>> Find(const std::string& /*space_id*/, size_t /*dimensions*/,
                                          std::span<const std::string> keys) override {
    return std::vector<std::optional<Vector>>(keys.size(), vector_);
  }
  void Put(const std::string& /*space_id*/, std::span<const std::string> /*keys*/,
           std::span<const Vector> vectors) override {
    vector_ = vectors[0];
  }

 private:
  std::optional<Vector> vector_;
};

void EmbedKnownQuery(benchmark::State& state) {
  RememberingCache cache;
  MetricsRegistry metrics;
  auto opened = OpenEmbeddedModel(BenchOptions());
  CHECK(opened.ok());
  const auto cached = CacheEmbeddings(*std::move(opened), cache, metrics);
  const std::vector<std::string> query = Texts(1, 12);
  for (auto _ : state) benchmark::DoNotOptimize(cached->Embed(query, {.role = Role::kQuery}));
}
BENCHMARK(EmbedKnownQuery)->Unit(benchmark::kMicrosecond);

void CountTokens(benchmark::State& state) {
  const std::string text = Texts(1, 100'000)[0];
  for (auto _ : state) benchmark::DoNotOptimize(Model().CountTokens(text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(CountTokens)->Unit(benchmark::kMillisecond);

void ChunkDocument(benchmark::State& state) {
  std::string text;
  for (const std::string& sentence : Texts(8'000, 20)) text += sentence + ".\n";
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        ChunkText(text, {}, [](std::string_view piece) { return Model().CountTokens(piece); }));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(ChunkDocument)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lakehouse::ai
