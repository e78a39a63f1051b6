// How many requests one bucket gets, how they end and how long they take.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/metrics.h"
#include "storage/s3/s3_client.h"

namespace lakehouse::storage {

// Thread-safe.
class S3Metrics {
 public:
  // A null `registry` counts nothing; else it outlives this object.
  S3Metrics(MetricsRegistry* registry, const std::string& bucket);

  void Count(S3Operation operation, const S3Outcome& outcome, double seconds);
  void CountRetry(S3Operation operation);
  void CountBytes(uint64_t sent, uint64_t received);

 private:
  // ok, refused (4xx), failed (5xx), lost (no or no usable answer).
  enum class End { kOk, kRefused, kFailed, kLost };
  static constexpr size_t kEndCount = 4;
  static End EndOf(const S3Outcome& outcome);

  struct PerOperation {
    std::array<Counter*, kEndCount> requests{};
    Histogram* seconds = nullptr;
    Counter* retries = nullptr;
  };
  const bool enabled_;
  std::array<PerOperation, kS3OperationCount> operations_{};
  Counter* sent_bytes_ = nullptr;
  Counter* received_bytes_ = nullptr;
};

}  // namespace lakehouse::storage
