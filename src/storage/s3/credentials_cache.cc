#include "storage/s3/credentials_cache.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::storage {
namespace {

constexpr int64_t kRenewAheadMicros = int64_t{5} * 60 * 1'000'000;
// Between two attempts while the old credentials are valid: services that keep credentials
// themselves may give the old ones once more, or be down.
constexpr int64_t kRepeatMicros = int64_t{10} * 1'000'000;

}  // namespace

CredentialsCache::CredentialsCache(std::unique_ptr<CredentialsSource> source,
                                   std::string bucket_url, const Clock& clock)
    : source_(std::move(source)), bucket_url_(std::move(bucket_url)), clock_(clock) {}

bool CredentialsCache::Valid(Timestamp now) const {
  return current_.has_value() && (!current_->expires.has_value() || now < *current_->expires);
}

Result<S3Credentials> CredentialsCache::Get() {
  const MutexLock lock(mutex_);
  while (true) {
    const Timestamp now = clock_.Now();
    if (Valid(now) && (renewing_ || !current_->expires.has_value() || now < next_renewal_)) {
      return current_->credentials;
    }
    if (!renewing_) {
      Renew();
      if (failure_.ok() || Valid(now)) return current_->credentials;
      return failure_;
    }
    const uint64_t seen = renewals_;
    while (renewals_ == seen) renewed_.Wait(mutex_);
    if (!failure_.ok()) return failure_;
  }
}

void CredentialsCache::Invalidate() {
  const MutexLock lock(mutex_);
  current_.reset();
}

void CredentialsCache::Renew() {
  renewing_ = true;
  mutex_.Unlock();
  Result<IssuedCredentials> issued = source_->Issue();
  mutex_.Lock();
  renewing_ = false;
  ++renewals_;
  Keep(std::move(issued));
  renewed_.NotifyAll();
}

void CredentialsCache::Keep(Result<IssuedCredentials> issued) {
  const Timestamp now = clock_.Now();
  next_renewal_ = {now.micros + kRepeatMicros};
  failure_ = issued.status();
  if (issued.ok() && issued->expires.has_value() && *issued->expires <= now) {
    failure_ =
        Unavailable("the credentials that were issued are expired already; the clock here says ",
                    FormatTimestamp(now), ", they ended ", FormatTimestamp(*issued->expires));
  }
  if (failure_.ok()) {
    current_ = *std::move(issued);
    if (current_->expires.has_value()) {
      next_renewal_.micros =
          std::max(next_renewal_.micros, current_->expires->micros - kRenewAheadMicros);
    }
    return;
  }
  failure_ = failure_.Annotate(StrCat("credentials for ", bucket_url_));
  if (Valid(now)) {
    LogWarning("credentials could not be renewed; the old ones are used until they expire",
               {{"error", failure_.message()}, {"expires", FormatTimestamp(*current_->expires)}});
  }
}

}  // namespace lakehouse::storage
