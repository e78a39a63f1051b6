// Counters, gauges and histograms with Prometheus text exposition (format version 0.0.4).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace lakehouse {

// Label names with values, for example {{"route", "/query/sql"}, {"status", "200"}}.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Monotonic. Thread-safe, lock-free.
class Counter {
 public:
  void Add(uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Goes up and down. Thread-safe, lock-free.
class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Seconds in fixed buckets from 1 ms to 60 s. Thread-safe, lock-free.
class Histogram {
 public:
  static const std::vector<double>& BucketBounds();
  Histogram();
  // A negative or non-finite duration counts as zero.
  void Observe(double seconds);

 private:
  friend class MetricsRegistry;
  std::vector<std::atomic<uint64_t>> buckets_;
  std::atomic<uint64_t> sum_micros_{0};
};

// Owns every metric; returned references live as long as the registry. The same name and labels
// give the same metric, in whatever order the labels come. Thread-safe.
// REQUIRES: one name has one type and one help text; names and label names follow Prometheus's
// grammar; a label's values come from a small set, for each makes a series that is never dropped.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  Counter& GetCounter(std::string_view name, std::string_view help,
                      const MetricLabels& labels = {});
  Gauge& GetGauge(std::string_view name, std::string_view help, const MetricLabels& labels = {});
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          const MetricLabels& labels = {});
  // Every metric as Prometheus text, sorted by name.
  std::string PrometheusText() const;

 private:
  enum class Type { kCounter, kGauge, kHistogram };
  struct Family;
  Family& GetFamily(std::string_view name, std::string_view help, Type type) REQUIRES_LOCK(mutex_);
  static void AppendHistogram(std::string& out, std::string_view name, std::string_view labels,
                              const Histogram& histogram);

  mutable Mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse
