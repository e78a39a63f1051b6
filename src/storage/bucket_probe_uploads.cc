#include "storage/bucket_probe_uploads.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/strings.h"
#include "storage/s3/s3_checksum.h"
#include "storage/s3/s3_xml.h"

namespace lakehouse::storage {
namespace {

constexpr int64_t kTimeoutMs = 6'000;
// The smallest part that S3 takes but for the last one.
constexpr size_t kPartBytes = 5 << 20;

S3Request MakeRequest(S3Operation operation, net::Method method, const std::string& key) {
  S3Request request;
  request.operation = operation;
  request.method = method;
  request.key = key;
  return request;
}

S3Outcome Put(S3Client& client, const std::string& key, std::string_view body, S3Checksum checksum,
              net::Headers headers = {}) {
  S3Request request = MakeRequest(S3Operation::kPutObject, net::Method::kPut, key);
  request.headers = std::move(headers);
  request.body = body;
  request.checksum = checksum;
  return client.SendOnce(request, kTimeoutMs);
}

// One multipart upload on its way. Aborts it unless it was completed.
class Upload {
 public:
  Upload(S3Client& client, std::string key, int64_t limit_ms)
      : client_(client), key_(std::move(key)), deadline_micros_(NowMicros() + limit_ms * 1'000) {}
  ~Upload() {
    if (id_.empty()) return;
    S3Request request = MakeRequest(S3Operation::kAbortUpload, net::Method::kDelete, key_);
    request.query = {{"uploadId", id_}};
    // What stays after a failure here is ended with the other stale uploads of the bucket.
    (void)client_.SendOnce(request, kTimeoutMs);
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  Status Begin() {
    S3Request request = MakeRequest(S3Operation::kCreateUpload, net::Method::kPost, key_);
    request.query = {{"uploads", ""}};
    request.checksum = S3Checksum::kAlgorithm;
    S3Outcome outcome = client_.SendOnce(request, RemainingMs());
    TRY(outcome.status);
    ASSIGN_OR_RETURN(id_, ParseUploadId(outcome.answer.body));
    return OkStatus();
  }

  Status Send(std::string_view bytes) {
    S3Request request = MakeRequest(S3Operation::kUploadPart, net::Method::kPut, key_);
    request.query = {{"partNumber", StrCat(parts_.size() + 1)}, {"uploadId", id_}};
    request.body = bytes;
    request.checksum = S3Checksum::kBody;
    const S3Outcome outcome = client_.SendOnce(request, RemainingMs());
    TRY(outcome.status);
    parts_.push_back({std::string(outcome.answer.headers.Get("ETag").value_or("")),
                      client_.sends_checksums() ? Crc32cBase64(Crc32c(bytes)) : ""});
    return OkStatus();
  }

  S3Outcome CompleteIfAbsent() {
    S3Request request = MakeRequest(S3Operation::kCompleteUpload, net::Method::kPost, key_);
    request.query = {{"uploadId", id_}};
    request.headers.Set("If-None-Match", "*");
    const std::string body = WriteCompleteUpload(parts_);
    request.body = body;
    S3Outcome outcome = client_.SendOnce(request, RemainingMs());
    if (outcome.ok() || outcome.error.code == "NoSuchUpload") id_.clear();
    return outcome;
  }

 private:
  static int64_t NowMicros() { return Clock::System().MonotonicMicros(); }
  int64_t RemainingMs() const { return (deadline_micros_ - NowMicros()) / 1'000; }

  S3Client& client_;
  const std::string key_;
  const int64_t deadline_micros_;
  std::string id_;  // "" when there is nothing to abort.
  std::vector<S3Part> parts_;
};

}  // namespace

Finding ProbeChecksum(S3Client& client, const std::string& key, const ProbeWritePlan& plan) {
  const std::string_view body = "lakehouse probe of checksums";
  const S3Outcome right = Put(client, key, body, S3Checksum::kBody);
  if (!right.ok()) return Failed(right.status, plan.mend_put);
  if (!client.sends_checksums()) {
    return Passed("the server refuses CRC-32C checksums; objects are written without them");
  }
  net::Headers headers;
  headers.Set("x-amz-checksum-crc32c", Crc32cBase64(Crc32c("other bytes")));
  const S3Outcome wrong = Put(client, key, body, S3Checksum::kNone, std::move(headers));
  if (wrong.ok()) {
    return Passed(
        "the server takes CRC-32C checksums and does not check them: it does not notice "
        "what an upload damages");
  }
  const bool refused = wrong.error.http_status >= 400 && wrong.error.http_status < 500;
  return refused ? Passed() : Failed(wrong.status, "try again");
}

Finding ProbeMultipart(S3Client& client, const std::string& key, const ProbeWritePlan& plan,
                       int64_t limit_ms) {
  const S3Outcome taken = Put(client, key, "taken", S3Checksum::kBody);
  if (!taken.ok()) return Failed(taken.status, plan.mend_put);
  Upload upload(client, key, limit_ms);
  if (const Status begun = upload.Begin(); !begun.ok()) {
    return Failed(begun, StrCat(plan.mend_put, "; multipart uploads need it, too"));
  }
  const std::string part(kPartBytes, 'p');
  for (const std::string_view bytes : {std::string_view(part), std::string_view("q")}) {
    if (const Status sent = upload.Send(bytes); !sent.ok()) return Failed(sent, plan.mend_put);
  }
  const S3Outcome refused = upload.CompleteIfAbsent();
  if (refused.ok()) {
    return Failed(
        InvalidArgument("the condition of a multipart upload is ignored: an object that exists "
                        "was created once more"),
        plan.mend_conditions);
  }
  if (refused.error.http_status != 412) return Failed(refused.status, plan.mend_conditions);

  S3Request remove = MakeRequest(S3Operation::kDeleteObject, net::Method::kDelete, key);
  if (const S3Outcome removed = client.SendOnce(remove, kTimeoutMs); !removed.ok()) {
    return Failed(removed.status, plan.mend_delete);
  }
  const S3Outcome completed = upload.CompleteIfAbsent();
  if (completed.error.code == "NoSuchUpload") {
    return Passed("the server drops an upload whose condition failed");
  }
  if (!completed.ok()) return Failed(completed.status, plan.mend_conditions);
  S3Request head = MakeRequest(S3Operation::kHeadObject, net::Method::kHead, key);
  const S3Outcome size = client.SendOnce(head, kTimeoutMs);
  if (!size.ok()) return Failed(size.status, plan.mend_get);
  const std::string_view length = size.answer.headers.Get("Content-Length").value_or("");
  if (length == StrCat(kPartBytes + 1)) return Passed();
  return Failed(
      Internal("a multipart upload of ", kPartBytes + 1, " bytes has become an object of ", length),
      "use a server whose multipart uploads are whole");
}

}  // namespace lakehouse::storage
