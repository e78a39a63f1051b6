#include "storage/s3/s3_metrics.h"

namespace lakehouse::storage {

S3Metrics::S3Metrics(MetricsRegistry* registry, const std::string& bucket)
    : enabled_(registry != nullptr) {
  if (registry == nullptr) return;
  static constexpr std::array<const char*, kEndCount> kEnds = {"ok", "refused", "failed", "lost"};
  for (size_t i = 0; i < kS3OperationCount; ++i) {
    const std::string operation(S3OperationName(static_cast<S3Operation>(i)));
    const MetricLabels labels = {{"bucket", bucket}, {"operation", operation}};
    for (size_t end = 0; end < kEndCount; ++end) {
      MetricLabels with_outcome = labels;
      with_outcome.emplace_back("outcome", kEnds[end]);
      operations_[i].requests[end] = &registry->GetCounter(
          "lakehouse_s3_requests_total", "Requests to S3 servers by outcome", with_outcome);
    }
    operations_[i].seconds = &registry->GetHistogram(
        "lakehouse_s3_request_seconds", "Time from a request to S3 to its whole answer", labels);
    operations_[i].retries = &registry->GetCounter("lakehouse_s3_retries_total",
                                                   "Requests to S3 that were repeated", labels);
  }
  const MetricLabels labels = {{"bucket", bucket}};
  sent_bytes_ = &registry->GetCounter("lakehouse_s3_sent_bytes_total",
                                      "Bytes of request bodies sent to S3", labels);
  received_bytes_ = &registry->GetCounter("lakehouse_s3_received_bytes_total",
                                          "Bytes of answers received from S3", labels);
}

S3Metrics::End S3Metrics::EndOf(const S3Outcome& outcome) {
  if (outcome.ok()) return End::kOk;
  if (outcome.error.http_status >= 500) return End::kFailed;
  return outcome.error.http_status >= 300 ? End::kRefused : End::kLost;
}

void S3Metrics::Count(S3Operation operation, const S3Outcome& outcome, double seconds) {
  if (!enabled_) return;
  const PerOperation& metrics = operations_[static_cast<size_t>(operation)];
  metrics.requests[static_cast<size_t>(EndOf(outcome))]->Add();
  metrics.seconds->Observe(seconds);
}

void S3Metrics::CountRetry(S3Operation operation) {
  if (enabled_) operations_[static_cast<size_t>(operation)].retries->Add();
}

void S3Metrics::CountBytes(uint64_t sent, uint64_t received) {
  if (!enabled_) return;
  sent_bytes_->Add(sent);
  received_bytes_->Add(received);
}

}  // namespace lakehouse::storage
