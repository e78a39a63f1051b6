#include "storage/s3/s3_multipart.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/s3/parallel.h"
#include "storage/s3/s3_checksum.h"
#include "storage/s3/s3_xml.h"

namespace lakehouse::storage {
namespace {

constexpr uint64_t kMaxParts = 10'000;

class Upload {
 public:
  Upload(S3Client& client, const S3Reader& reader, const S3Write& write, std::string whole_key)
      : client_(client), reader_(reader), write_(write), whole_key_(std::move(whole_key)) {}

  Result<ObjectInfo> Run(const S3PartSource& source) {
    TRY(Begin().Annotate(write_.key));
    Status sent = SendParts(source).Annotate(write_.key);
    if (!sent.ok()) {
      Abort();
      return sent;
    }
    Result<ObjectInfo> info = Complete();
    if (!info.ok() && info.status().code() != StatusCode::kCommitStateUnknown) Abort();
    return info;
  }

  // The server wants the whole upload again, since another write came between.
  bool must_begin_again() const { return must_begin_again_; }

 private:
  S3Request NewRequest(S3Operation operation, net::Method method) const {
    S3Request request;
    request.operation = operation;
    request.method = method;
    request.key = whole_key_;
    if (!upload_id_.empty()) request.query.emplace_back("uploadId", upload_id_);
    return request;
  }

  Status Begin() {
    S3Request request = NewRequest(S3Operation::kCreateUpload, net::Method::kPost);
    request.query.emplace_back("uploads", "");
    request.headers.Set("content-type", kObjectContentType);
    request.headers.Set(kWriteIdHeader, write_.id);
    request.checksum = S3Checksum::kAlgorithm;
    std::string upload_id;
    request.check = [&](const net::ClientResponse& answer) -> Status {
      ASSIGN_OR_RETURN(upload_id, ParseUploadId(answer.body));
      return OkStatus();
    };
    TRY(client_.Send(std::move(request)).status);
    upload_id_ = std::move(upload_id);
    with_checksums_ = client_.sends_checksums();
    return OkStatus();
  }

  Status SendParts(const S3PartSource& source) {
    const uint64_t part_bytes = std::max<uint64_t>(client_.options().part_bytes,
                                                   (write_.size_bytes + kMaxParts - 1) / kMaxParts);
    const size_t count = (write_.size_bytes + part_bytes - 1) / part_bytes;
    parts_.resize(count);
    return ParallelFor(count, client_.options().parallel_requests, [&](size_t i) -> Status {
      const uint64_t offset = i * part_bytes;
      const size_t size = std::min(part_bytes, write_.size_bytes - offset);
      std::string buffer;
      ASSIGN_OR_RETURN(const std::string_view bytes, source(offset, size, buffer));
      return SendPart(i, bytes);
    });
  }

  Status SendPart(size_t index, std::string_view bytes) {
    S3Part& part = parts_[index];
    S3Request request = NewRequest(S3Operation::kUploadPart, net::Method::kPut);
    request.query.emplace_back("partNumber", StrCat(index + 1));
    request.body = bytes;
    if (with_checksums_) {
      request.checksum = S3Checksum::kBody;
      part.crc32c = Crc32cBase64(Crc32c(bytes));
    }
    request.check = [&](const net::ClientResponse& answer) -> Status {
      part.etag = answer.headers.Get("etag").value_or("");
      if (part.etag.empty()) return Unavailable("the server took a part and named no ETag");
      return OkStatus();
    };
    return client_.Send(std::move(request)).status;
  }

  Result<ObjectInfo> Complete() {
    const std::string body = WriteCompleteUpload(parts_);
    return CommitWrite(
        client_, reader_, S3Operation::kCompleteUpload, write_, [&](int64_t timeout_ms) {
          S3Sent sent;
          S3Request request = NewRequest(S3Operation::kCompleteUpload, net::Method::kPost);
          AddCondition(write_.condition, request.headers);
          request.headers.Set("content-type", "application/xml");
          request.body = body;
          request.check = [&](const net::ClientResponse& answer) -> Status {
            ASSIGN_OR_RETURN(sent.version, ParseCompletedVersion(answer.body));
            return OkStatus();
          };
          sent.outcome = client_.SendOnce(request, timeout_ms);
          if (sent.outcome.error.code == "ConditionalRequestConflict") {
            must_begin_again_ = true;
            sent.outcome.retryable = false;
          }
          return sent;
        });
  }

  void Abort() {
    S3Request request = NewRequest(S3Operation::kAbortUpload, net::Method::kDelete);
    const S3Outcome outcome = client_.Send(std::move(request));
    if (outcome.ok() || outcome.error.code == "NoSuchUpload") return;
    LogWarning("a multipart upload was left behind",
               {{"key", whole_key_}, {"error", outcome.status.ToString()}});
  }

  S3Client& client_;
  const S3Reader& reader_;
  const S3Write& write_;
  const std::string whole_key_;
  std::string upload_id_;
  bool with_checksums_ = false;
  std::vector<S3Part> parts_;
  bool must_begin_again_ = false;
};

}  // namespace

Result<ObjectInfo> WriteInParts(S3Client& client, const S3Reader& reader, const S3Write& write,
                                const S3PartSource& source) {
  ASSIGN_OR_RETURN(const std::string whole_key, WholeKey(client.options().location, write.key));
  for (int64_t repeats = 0;; ++repeats) {
    Upload upload(client, reader, write, whole_key);
    Result<ObjectInfo> info = upload.Run(source);
    const bool again = !info.ok() && info.status().code() == StatusCode::kUnavailable &&
                       upload.must_begin_again() && repeats < client.options().retry.max_retries;
    if (!again) return info;
  }
}

}  // namespace lakehouse::storage
