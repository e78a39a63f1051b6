#include "ai/gemm_peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <unordered_map>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>
#include <sched.h>

// From the OpenMP runtime that oneDNN brings along.
extern "C" void omp_set_num_threads(int threads);

namespace lakehouse::ai {

namespace {

// The up projection of a small encoder over one micro-batch.
constexpr int64_t kRows = 512;
constexpr int64_t kColumns = 1536;
constexpr int64_t kInner = 384;
constexpr double kFlopPerCall = 2.0 * kRows * kColumns * kInner;
// Bytes that make an ordinary number in every type: 0.0115 in floats, 60 in integers.
constexpr std::byte kAnyNumber{0x3C};
constexpr auto kRound = std::chrono::milliseconds(250);
constexpr int kRounds = 4;

struct OperandTypes {
  dnnl::memory::data_type left = dnnl::memory::data_type::f32;
  dnnl::memory::data_type right = dnnl::memory::data_type::f32;
};

OperandTypes TypesOf(Precision precision) {
  using Type = dnnl::memory::data_type;
  switch (precision) {
    case Precision::kF32:
      return {.left = Type::f32, .right = Type::f32};
    case Precision::kBf16:
    case Precision::kBf16F32Attention:
      return {.left = Type::bf16, .right = Type::bf16};
    case Precision::kInt8:
      return {.left = Type::u8, .right = Type::s8};
  }
  return {};
}

// Multiplies for one round on the calling thread; returns operations a second.
double MeasureRound(const OperandTypes& types) {
  using dnnl::memory;
  omp_set_num_threads(1);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc a({kRows, kInner}, types.left, memory::format_tag::ab);
  const memory::desc c({kRows, kColumns}, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc b({kInner, kColumns}, types.right, memory::format_tag::any);
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), engine);
  const dnnl::matmul multiply(description);
  std::vector<std::byte> left(a.get_size(), kAnyNumber);
  std::vector<std::byte> right(description.weights_desc().get_size(), kAnyNumber);
  std::vector<float> product(kRows * kColumns);
  const std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, memory(a, engine, left.data())},
      {DNNL_ARG_WEIGHTS, memory(description.weights_desc(), engine, right.data())},
      {DNNL_ARG_DST, memory(c, engine, product.data())}};
  multiply.execute(stream, arguments);
  stream.wait();

  int64_t calls = 0;
  const auto started = std::chrono::steady_clock::now();
  auto elapsed = std::chrono::steady_clock::duration::zero();
  while (elapsed < kRound) {
    multiply.execute(stream, arguments);
    stream.wait();
    ++calls;
    elapsed = std::chrono::steady_clock::now() - started;
  }
  return static_cast<double>(calls) * kFlopPerCall / std::chrono::duration<double>(elapsed).count();
}

size_t CoresOfThisProcess() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) return 1;
  return static_cast<size_t>(CPU_COUNT(&mask));
}

}  // namespace

double MeasureGemmPeak(Precision precision) {
  const OperandTypes types = TypesOf(precision);
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> rates(CoresOfThisProcess());
    std::vector<std::thread> threads;
    for (double& rate : rates) threads.emplace_back([&] { rate = MeasureRound(types); });
    for (std::thread& thread : threads) thread.join();
    double total = 0;
    for (const double rate : rates) total += rate;
    best = std::max(best, total);
  }
  return best;
}

}  // namespace lakehouse::ai
