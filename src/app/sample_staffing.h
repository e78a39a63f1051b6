// Writes a believable staffing company as CSV files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace lakehouse::app {

struct SampleOptions {
  int64_t candidates = 2'000;  // 1 to 10,000,000; every other count follows from it.
  uint64_t seed = 42;
  std::string directory;  // Created when missing; existing files are replaced.
};

struct SampleFile {
  std::string path;
  uint64_t rows = 0;
  uint64_t size_bytes = 0;
};

// Writes candidates, clients, jobs, placements, timesheets, calls and emails, each as
// `<directory>/<name>.csv` (UTF-8, header, RFC 4180). The same options give the same bytes on every
// machine. All names are invented; telephone numbers use the reserved 555-01xx range and addresses
// the reserved example domains. From 400 candidates on some Java developers in Chicago were called
// five times or more and never placed.
Result<std::vector<SampleFile>> WriteStaffingSample(const SampleOptions& options);

}  // namespace lakehouse::app
