#include "storage/s3/s3_commit.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "storage/s3/s3_time.h"

namespace lakehouse::storage {
namespace {

// Kept from the time of a write for finding out what became of it.
constexpr int64_t kMaxInspectionMs = 10'000;

int64_t InspectionMs(int64_t remaining_ms) { return std::min(remaining_ms / 4, kMaxInspectionMs); }

Status Unknown(const S3Write& write, const Status& cause) {
  return CommitStateUnknown("the write may or may not have happened: ", write.key, ": ",
                            cause.message());
}

// What a HEAD said about a write of unknown fate.
struct Finding {
  enum class Fate {
    kDone,
    kNotDone,  // Nothing of it is there, and its condition still holds.
    kLost,     // Somebody else's write stands in the way.
    kUnknown,
  };
  Fate fate = Fate::kUnknown;
  Status status;    // Of kLost and kUnknown.
  ObjectInfo info;  // Of kDone.
};

class Commit {
 public:
  Commit(S3Client& client, const S3Reader& reader, S3Operation operation, const S3Write& write)
      : client_(client),
        reader_(reader),
        operation_(operation),
        write_(write),
        attempts_(client.options().retry, *client.options().clock) {}

  Result<ObjectInfo> Run(const S3Send& send) {
    while (true) {
      const int64_t remaining_ms = attempts_.remaining_ms();
      const S3Sent sent = send(remaining_ms - InspectionMs(remaining_ms));
      if (sent.outcome.ok()) return Written(sent);
      may_be_applied_ |= sent.outcome.may_be_applied;
      may_be_in_flight_ |= sent.outcome.may_be_in_flight;
      const bool refused = ConditionFailed(sent.outcome.error);
      Status status = sent.outcome.status.Annotate(write_.key);
      // What is impossible now was so on every earlier attempt.
      if (IsImpossibleKey(sent.outcome.error)) return status;
      if (MustInspect(sent.outcome)) {
        Finding finding = Inspect(status);
        if (finding.fate == Finding::Fate::kDone) return std::move(finding.info);
        if (finding.fate != Finding::Fate::kNotDone) return finding.status;
        if (refused) status = Unavailable("the condition failed and then held: ", write_.key);
      }
      const bool again = sent.outcome.retryable || refused;
      if (!again || !attempts_.WaitForNext()) return GiveUp(status);
      client_.CountRetry(operation_);
    }
  }

 private:
  bool ConditionFailed(const S3Error& error) const {
    return error.http_status == 412 ||
           (error.http_status == 404 && write_.condition.if_version && error.code == "NoSuchKey");
  }

  bool MustInspect(const S3Outcome& outcome) const {
    if (ConditionFailed(outcome.error)) return true;
    // The upload is gone because it was completed, or because somebody ended it.
    if (outcome.error.code == "NoSuchUpload") return true;
    return may_be_applied_ && (write_.conditional() || !outcome.retryable);
  }

  Result<ObjectInfo> Written(const S3Sent& sent) {
    std::string version = sent.version;
    if (version.empty()) {
      const Finding finding = Inspect(Unavailable("the server names no ETag"));
      if (finding.fate != Finding::Fate::kDone) {
        return Unknown(write_, Unavailable("the server names no ETag, and another write followed"));
      }
      version = finding.info.version;
    }
    const std::string_view date = sent.outcome.answer.headers.Get("date").value_or("");
    return ObjectInfo{.key = write_.key,
                      .size_bytes = write_.size_bytes,
                      .version = std::move(version),
                      .modified = ParseHttpDate(date).value_or(client_.Now())};
  }

  Finding Inspect(const Status& cause) {
    const auto found = reader_.Head(write_.key, std::max<int64_t>(attempts_.remaining_ms(), 1));
    const bool absent = found.status().code() == StatusCode::kNotFound;
    const std::optional<std::string>& if_version = write_.condition.if_version;
    if (found.ok() && found->write_id == write_.id) {
      return {.fate = Finding::Fate::kDone, .status = {}, .info = found->info};
    }
    if (!found.ok() && !absent) {
      return {.fate = Finding::Fate::kUnknown,
              .status = Unknown(write_, Unreadable(cause, found.status())),
              .info = {}};
    }
    if (write_.condition.if_absent ? absent : (found.ok() && found->info.version == if_version)) {
      return {.fate = Finding::Fate::kNotDone, .status = {}, .info = {}};
    }
    if (!write_.conditional() && !may_be_applied_) {
      return {.fate = Finding::Fate::kNotDone, .status = {}, .info = {}};
    }
    if (!write_.conditional() || (may_be_applied_ && !write_.condition.if_absent)) {
      return {.fate = Finding::Fate::kUnknown, .status = Unknown(write_, cause), .info = {}};
    }
    return {.fate = Finding::Fate::kLost,
            .status = absent ? Conflict("no object holds the expected version: ", write_.key)
                             : Conflict("another object is stored under the key: ", write_.key),
            .info = {}};
  }

  static Status Unreadable(const Status& cause, const Status& reading) {
    return Unavailable(cause.message(), "; and it cannot be read back: ", reading.message());
  }

  // No further attempt is made.
  Result<ObjectInfo> GiveUp(const Status& status) {
    if (!may_be_applied_) return status;
    if (write_.conditional()) {
      // The last HEAD found the write undone; only one that is still on its way may change that.
      return may_be_in_flight_ ? Unknown(write_, status) : status;
    }
    Finding finding = Inspect(status);
    if (finding.fate == Finding::Fate::kDone) return std::move(finding.info);
    return Unknown(write_, status);
  }

  S3Client& client_;
  const S3Reader& reader_;
  const S3Operation operation_;
  const S3Write& write_;
  S3Attempts attempts_;
  bool may_be_applied_ = false;
  bool may_be_in_flight_ = false;
};

}  // namespace

void AddCondition(const PutCondition& condition, net::Headers& headers) {
  if (condition.if_absent) headers.Set("if-none-match", "*");
  if (condition.if_version) headers.Set("if-match", StrCat("\"", *condition.if_version, "\""));
}

Result<ObjectInfo> CommitWrite(S3Client& client, const S3Reader& reader, S3Operation operation,
                               const S3Write& write, const S3Send& send) {
  return Commit(client, reader, operation, write).Run(send);
}

}  // namespace lakehouse::storage
