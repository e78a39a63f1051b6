#include "app/bench.h"

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/version.h"

namespace lakehouse::app {

namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

}  // namespace

Json BenchHeader(uint64_t seed) {
  return {
      {"machine", {{"processor", ProcessorName()}, {"cores", std::thread::hardware_concurrency()}}},
      {"versions", {{"lakehouse", kVersion}, {"compiler", __VERSION__}}},
      {"seed", seed}};
}

double Median(std::vector<double> values) {
  CHECK(!values.empty());
  const auto middle = values.begin() + static_cast<int64_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace lakehouse::app
