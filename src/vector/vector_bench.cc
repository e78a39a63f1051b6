// Exact search and its kernels: rows per second, so bytes per second, per instruction set.
#include <vector>

#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "vector/flat_index.h"
#include "vector/kernels/dispatch.h"

namespace lakehouse::vector {
namespace {

std::vector<float> RandomFloats(size_t count) {
  Rng rng(42);
  std::vector<float> floats(count);
  for (float& value : floats) value = static_cast<float>(rng.NextDouble() * 2 - 1);
  return floats;
}

// Arguments: kernel set (by speed), rows, dimensions.
void BM_FlatSearch(benchmark::State& state) {
  const auto sets = kernels::SupportedKernels();
  const size_t choice = state.range(0), rows = state.range(1), dimensions = state.range(2);
  if (choice >= sets.size()) return state.SkipWithError("not supported by this machine");
  CHECK(kernels::UseKernels(sets[choice]->name).ok());
  state.SetLabel(sets[choice]->name);

  FlatIndex index = *FlatIndex::Create(Metric::kCosine, dimensions);
  CHECK(index.Add(RandomFloats(rows * dimensions)).ok());
  const std::vector<float> query = RandomFloats(dimensions);
  for (auto _ : state) benchmark::DoNotOptimize(index.Search(query, 10));
  state.SetItemsProcessed(state.iterations() * rows);
  state.SetBytesProcessed(state.iterations() * rows * dimensions * sizeof(float));
  CHECK(kernels::UseKernels(sets.back()->name).ok());
}
BENCHMARK(BM_FlatSearch)
    ->ArgsProduct({{0, 1, 2}, {2'048, 20'000}, {384, 768}})
    ->Args({2, 100'000, 384})
    ->Unit(benchmark::kMicrosecond);

// One row of `state.range(0)` passes the filter.
void BM_FilteredSearch(benchmark::State& state) {
  constexpr size_t kRows = 20'000, kDimensions = 384;
  FlatIndex index = *FlatIndex::Create(Metric::kCosine, kDimensions);
  CHECK(index.Add(RandomFloats(kRows * kDimensions)).ok());
  std::vector<uint64_t> filter((kRows + 63) / 64);
  for (size_t r = 0; r < kRows; r += state.range(0)) filter[r / 64] |= uint64_t{1} << (r % 64);
  const std::vector<float> query = RandomFloats(kDimensions);
  for (auto _ : state) benchmark::DoNotOptimize(index.Search(query, 10, filter));
}
BENCHMARK(BM_FilteredSearch)->Arg(1)->Arg(2)->Arg(10)->Arg(100)->Unit(benchmark::kMicrosecond);

void BM_Add(benchmark::State& state) {
  const std::vector<float> rows = RandomFloats(2'048 * 384);
  for (auto _ : state) {
    FlatIndex index = *FlatIndex::Create(Metric::kCosine, 384);
    CHECK(index.Add(rows).ok());
    benchmark::DoNotOptimize(index.size());
  }
  state.SetItemsProcessed(state.iterations() * 2'048);
}
BENCHMARK(BM_Add)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace lakehouse::vector
