#include "storage/s3/parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace lakehouse::storage {

Status ParallelFor(size_t count, int threads, const std::function<Status(size_t index)>& work) {
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  Mutex mutex;
  Status first_error;
  const auto run = [&] {
    while (!failed.load()) {
      const size_t index = next.fetch_add(1);
      if (index >= count) return;
      const Status status = work(index);
      if (status.ok()) continue;
      MutexLock lock(mutex);
      if (first_error.ok()) first_error = status;
      failed.store(true);
    }
  };
  const size_t wanted = std::min(count, static_cast<size_t>(std::max(threads, 1)));
  std::vector<std::thread> helpers;
  try {
    while (helpers.size() + 1 < wanted) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // With fewer threads it takes longer.
  }
  run();
  for (std::thread& helper : helpers) helper.join();
  return first_error;
}

}  // namespace lakehouse::storage
