#include <string>

#include <benchmark/benchmark.h>

#include "ai/chunker.h"
#include "ai/model_file.h"
#include "ai/tokenizer/tokenizer.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kTenMegabytes = 10 << 20;

const Tokenizer& ModelTokenizer() {
  static const Result<Tokenizer> tokenizer = Tokenizer::Load(ModelDirectory(AiConfig()));
  CHECK(tokenizer.ok());
  return *tokenizer;
}

std::string Repeat(std::string_view piece, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += piece;
  return text;
}

void Cut(benchmark::State& state, const std::string& piece, size_t bytes) {
  const std::string text = Repeat(piece, bytes);
  const TokenCounter count = [](std::string_view part) { return ModelTokenizer().Count(part); };
  size_t chunks = 0;
  for (auto _ : state) chunks = ChunkText(text, {}, count).size();
  state.counters["chunks"] = static_cast<double>(chunks);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}

constexpr const char* kProse =
    "The river crossed the northern valley before anyone noticed, although the weather was poor. "
    "Dr. Okonkwo rebuilt 3,000 signatures; \"nobody\" volunteered. Why does bread rise?\n\n";

BENCHMARK_CAPTURE(Cut, ShortText, "The harvest was postponed.", 1);
BENCHMARK_CAPTURE(Cut, Page, kProse, 4000);
BENCHMARK_CAPTURE(Cut, Prose, kProse, kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, OneWord, "x", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Minified, "{\"k\":12345},", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Emoji, "\U0001F469\u200D\U0001F680\U0001F600", kTenMegabytes)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Headings, "# a\n", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Chinese, "\u4eca\u5929\u5929\u6c14\u5f88\u597d", kTenMegabytes)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Thai, "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27",
                  kTenMegabytes)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Marks, "\u0301", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Spaces, " ", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, TinySentences, "a. ", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, TinyParagraphs, "a.\n\n", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Rows, "a,b,17\n", kTenMegabytes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cut, Fences, "```\n", kTenMegabytes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lakehouse::ai
