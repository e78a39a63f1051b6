// A few threads for one operation.
#pragma once

#include <cstddef>
#include <functional>

#include "base/status.h"

namespace lakehouse::storage {

// Calls work(0) … work(count - 1), at most `threads` at a time, one of them on this thread, and
// returns when all have ended. After an error nothing more is begun; returns the first error.
Status ParallelFor(size_t count, int threads, const std::function<Status(size_t index)>& work);

}  // namespace lakehouse::storage
