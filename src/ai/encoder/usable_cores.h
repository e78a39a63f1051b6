// The cores that this process may compute on.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lakehouse::ai {

struct UsableCores {
  // One logical processor of each core, ascending: a second thread on a core finds its arithmetic
  // units taken. Not empty.
  std::vector<int> processors;
  // How many of them the quota of the cgroup pays for in full; at least 1.
  size_t count = 1;
};

// Reduces `allowed`, the processors of a CPU mask, by what the files of the operating system below
// `root` say: siblings of simultaneous multithreading, and CPU quotas of cgroups (v2 `cpu.max`, v1
// `cpu.cfs_quota_us`) of this process and everything above it. A file that is missing limits
// nothing. REQUIRES: `allowed` is ascending and not empty.
UsableCores FindUsableCores(const std::vector<int>& allowed, const std::string& root);

// The same for this process on this machine.
UsableCores UsableCoresOfThisProcess();

}  // namespace lakehouse::ai
