#include "storage/reporting_store.h"

#include <utility>

namespace lakehouse::storage {

namespace {

class ReportingStore : public ObjectStore {
 public:
  ReportingStore(std::unique_ptr<ObjectStore> target, const BucketName& bucket,
                 ErrorJournal& errors, const Clock& clock, MetricsRegistry* metrics)
      : target_(std::move(target)),
        bucket_(bucket.str()),
        errors_(errors),
        clock_(clock),
        metrics_(metrics) {}

  Result<std::string> Get(std::string_view key, ByteRange range) const override {
    return Watch("get", key, target_->Get(key, range));
  }
  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    return Watch("get", object.key, target_->ReadAt(object, offset, buffer, size));
  }
  Result<ObjectInfo> Head(std::string_view key) const override {
    return Watch("head", key, target_->Head(key));
  }
  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition) override {
    return Watch("put", key, target_->Put(key, bytes, condition));
  }
  Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                             const PutCondition& condition) override {
    return Watch("put", key, target_->PutFile(key, path, condition));
  }
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) const override {
    return Watch("list", prefix, target_->List(prefix, start_after, limit));
  }
  Status Delete(std::string_view key) override {
    return Report("delete", key, target_->Delete(key));
  }
  Status DeleteMany(const std::vector<std::string>& keys) override {
    return Report("delete", keys.empty() ? "" : keys.front(), target_->DeleteMany(keys));
  }
  std::optional<std::string> LocalPath(std::string_view key) const override {
    return target_->LocalPath(key);
  }

 private:
  template <typename T>
  Result<T> Watch(const char* operation, std::string_view key, Result<T> answer) const {
    if (answer.ok()) return answer;
    return Report(operation, key, answer.status());
  }

  Status Report(const char* operation, std::string_view key, Status status) const {
    if (!IsStorageFailure(status)) return status;
    status = status.Annotate(StrCat("bucket ", bucket_));
    errors_.Record({.at = clock_.Now(),
                    .bucket = bucket_,
                    .operation = operation,
                    .key = std::string(key),
                    .status = status,
                    .rescued_by = ""});
    if (metrics_ != nullptr) {
      metrics_
          ->GetCounter("lakehouse_storage_errors_total",
                       "Operations that failed because of their bucket.",
                       {{"bucket", bucket_},
                        {"operation", operation},
                        {"code", std::string(StatusCodeName(status.code()))}})
          .Add();
    }
    return status;
  }

  const std::unique_ptr<ObjectStore> target_;
  const std::string bucket_;
  ErrorJournal& errors_;
  const Clock& clock_;
  MetricsRegistry* const metrics_;
};

}  // namespace

bool IsStorageFailure(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnavailable:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kPermissionDenied:
    case StatusCode::kResourceExhausted:
    case StatusCode::kCommitStateUnknown:
    case StatusCode::kInternal:
      return true;
    case StatusCode::kOk:
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kConflict:
    case StatusCode::kOutOfScope:
    case StatusCode::kUnauthenticated:
    case StatusCode::kCancelled:
      return false;
  }
  return false;
}

bool MayBeRescued(const Status& status) {
  return status.code() == StatusCode::kNotFound || status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kDeadlineExceeded;
}

std::unique_ptr<ObjectStore> NewReportingStore(std::unique_ptr<ObjectStore> target,
                                               const BucketName& bucket, ErrorJournal& errors,
                                               const Clock& clock, MetricsRegistry* metrics) {
  return std::make_unique<ReportingStore>(std::move(target), bucket, errors, clock, metrics);
}

}  // namespace lakehouse::storage
