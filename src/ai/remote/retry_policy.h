// When a failed request is sent again.
#pragma once

#include <cstdint>
#include <optional>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/status.h"
#include "net/http_message.h"

namespace lakehouse::ai {

struct RetryPolicy {
  int64_t max_retries = 3;
  int64_t first_wait_ms = 250;  // Doubles with each retry, …
  int64_t max_wait_ms = 8'000;  // … up to this.
  // The longest wait that a server may ask for; who asks for more gets no retry.
  int64_t max_asked_wait_ms = 30'000;
};

// The wait before retry number `retry`, from 0: half of its full length and a random part of the
// other half, for clients that failed together must not come back together.
int64_t BackOffMs(const RetryPolicy& policy, int64_t retry, Rng& rng);

// What Retry-After asks for in seconds; nullopt without it, or where it is a date.
std::optional<int64_t> RetryAfterMs(const net::Headers& headers);

// Waits so long on `clock`. kCancelled or kDeadlineExceeded when `cancel` stops before.
Status Pause(int64_t wait_ms, const Clock& clock, const CancelToken& cancel);

}  // namespace lakehouse::ai
