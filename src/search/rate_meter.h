// How fast something advances, measured over the last seconds.
#pragma once

#include <cstdint>
#include <deque>

namespace lakehouse::search {

// Keeps samples of a counter over a sliding window of 30 s. Not thread-safe.
class RateMeter {
 public:
  // Forgets everything; the counter stands at `done` from now on.
  void Restart(int64_t now_micros, uint64_t done);
  void Record(int64_t now_micros, uint64_t done);

  // Advance a second over the window that ends now, so that a stall shows; -1 until half a second
  // has been measured.
  double RatePerSecond(int64_t now_micros) const;
  // Seconds until the counter reaches `total` at that rate; -1 when unknown or at a stand.
  double EtaSeconds(int64_t now_micros, uint64_t total) const;

 private:
  struct Sample {
    int64_t micros = 0;
    uint64_t done = 0;
  };
  std::deque<Sample> samples_;
};

}  // namespace lakehouse::search
