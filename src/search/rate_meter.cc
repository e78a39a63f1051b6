#include "search/rate_meter.h"

#include <cstddef>

namespace lakehouse::search {

namespace {

constexpr int64_t kWindowMicros = 30'000'000;
constexpr int64_t kMinSpanMicros = 500'000;
// Samples nearer together replace each other, so their number is bounded.
constexpr int64_t kMinStepMicros = 100'000;

}  // namespace

void RateMeter::Restart(int64_t now_micros, uint64_t done) { samples_ = {{now_micros, done}}; }

void RateMeter::Record(int64_t now_micros, uint64_t done) {
  const size_t size = samples_.size();
  if (size >= 2 && now_micros - samples_[size - 2].micros < kMinStepMicros) samples_.pop_back();
  samples_.push_back({now_micros, done});
  while (samples_.size() > 2 && samples_[1].micros <= now_micros - kWindowMicros) {
    samples_.pop_front();
  }
}

double RateMeter::RatePerSecond(int64_t now_micros) const {
  if (samples_.empty()) return -1;
  // The newest sample before the window tells where the counter stood when the window began.
  const Sample* base = &samples_.front();
  for (const Sample& sample : samples_) {
    if (sample.micros <= now_micros - kWindowMicros) base = &sample;
  }
  const int64_t span = now_micros - base->micros;
  if (span < kMinSpanMicros || samples_.back().done < base->done) return -1;
  return static_cast<double>(samples_.back().done - base->done) * 1e6 / static_cast<double>(span);
}

double RateMeter::EtaSeconds(int64_t now_micros, uint64_t total) const {
  const double rate = RatePerSecond(now_micros);
  if (rate <= 0 || total < samples_.back().done) return -1;
  return static_cast<double>(total - samples_.back().done) / rate;
}

}  // namespace lakehouse::search
