#include "ai/encoder/usable_cores.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

#include <sched.h>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

// The first line of a file of the kernel's; "" when there is none.
std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// Cores that `quota` microseconds in each `period` are; "max" and -1 mean no limit.
double QuotaCores(std::string_view quota, std::string_view period) {
  const std::optional<int64_t> numerator = ParseInt(quota);
  const std::optional<int64_t> denominator = ParseInt(period);
  if (!numerator || !denominator || *numerator <= 0 || *denominator <= 0) return kUnlimited;
  return static_cast<double>(*numerator) / static_cast<double>(*denominator);
}

double QuotaV2(const std::string& directory) {
  const std::string line = FirstLine(directory + "/cpu.max");
  const size_t space = line.find(' ');
  if (space == std::string::npos) return kUnlimited;
  return QuotaCores(std::string_view(line).substr(0, space),
                    std::string_view(line).substr(space + 1));
}

double QuotaV1(const std::string& directory) {
  return QuotaCores(FirstLine(directory + "/cpu.cfs_quota_us"),
                    FirstLine(directory + "/cpu.cfs_period_us"));
}

// The least quota of the cgroup `path` below `mount` and of every group above it. Inside a
// container the path may be the host's, of which only the top is there.
template <typename Quota>
double LeastQuota(const std::string& mount, std::string path, Quota quota) {
  double least = quota(mount);
  while (path.size() > 1) {
    least = std::min(least, quota(mount + path));
    path.resize(path.rfind('/'));
  }
  return least;
}

// The quota of this process in cores.
double CgroupQuota(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  double least = kUnlimited;
  std::ifstream groups(root + "/proc/self/cgroup");
  // Each line is "id:controllers:/path"; v2 has no controllers.
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.find('/', second) != second + 1) continue;
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, LeastQuota(mount, path, QuotaV2));
    } else if (std::ranges::count(SplitString(controllers, ','), "cpu") > 0) {
      least = std::min(least, LeastQuota(mount + "/cpu", path, QuotaV1));
    }
  }
  return least;
}

// The first processor of the core that `processor` belongs to, itself when that is not known. Lists
// of siblings look like "0,64" or "0-1".
int FirstSibling(int processor, const std::string& root) {
  const std::string line = FirstLine(
      StrCat(root, "/sys/devices/system/cpu/cpu", processor, "/topology/thread_siblings_list"));
  const auto first = ParseInt(std::string_view(line).substr(0, line.find_first_of(",-")));
  return first ? static_cast<int>(*first) : processor;
}

}  // namespace

UsableCores FindUsableCores(const std::vector<int>& allowed, const std::string& root) {
  CHECK(!allowed.empty());
  UsableCores usable;
  std::vector<int> cores;
  for (const int processor : allowed) {
    const int core = FirstSibling(processor, root);
    if (std::ranges::count(cores, core) > 0) continue;
    cores.push_back(core);
    usable.processors.push_back(processor);
  }
  const double paid = std::floor(std::min(CgroupQuota(root), static_cast<double>(cores.size())));
  usable.count = std::max(size_t{1}, static_cast<size_t>(paid));
  return usable;
}

UsableCores UsableCoresOfThisProcess() {
  std::vector<int> allowed;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) {
    for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
      if (CPU_ISSET(processor, &mask)) allowed.push_back(processor);
    }
  }
  if (allowed.empty()) allowed.push_back(0);
  return FindUsableCores(allowed, "");
}

}  // namespace lakehouse::ai
