#include "storage/s3/s3_store.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/rng.h"
#include "base/strings.h"
#include "storage/file_ops.h"
#include "storage/s3/s3_client.h"
#include "storage/s3/s3_commit.h"
#include "storage/s3/s3_lister.h"
#include "storage/s3/s3_multipart.h"
#include "storage/s3/s3_reader.h"

namespace lakehouse::storage {
namespace {

// What S3 demands of every part but the last, and of one request.
constexpr size_t kMinPartBytes = 5 << 20;
constexpr size_t kMaxDeletedAtOnce = 1000;

// Versions are ETags; what could not be one, or could be taken for a wildcard, matches nothing.
bool CanBeVersion(std::string_view version) {
  return !version.empty() && std::all_of(version.begin(), version.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '"' && c != '*' && c != ',';
  });
}

class HttpS3Store : public S3Store {
 public:
  explicit HttpS3Store(S3StoreOptions options)
      : client_(std::move(options)), reader_(client_), lister_(client_) {}

  Result<std::string> Get(std::string_view key, ByteRange range) const override {
    return reader_.Get(key, range);
  }

  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    return reader_.ReadAt(object, offset, buffer, size);
  }

  Result<ObjectInfo> Head(std::string_view key) const override {
    ASSIGN_OR_RETURN(S3Reader::Found found, reader_.Head(key));
    return std::move(found.info);
  }

  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition) override {
    ASSIGN_OR_RETURN(const S3Write write, NewWrite(key, bytes.size(), condition));
    return Write(write, [&](uint64_t offset, size_t size, std::string&) {
      return Result<std::string_view>(bytes.substr(offset, size));
    });
  }

  Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                             const PutCondition& condition) override {
    TRY(CheckKey(key));
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat metadata {};
    if (!file.valid() || ::fstat(file.get(), &metadata) != 0 || !S_ISREG(metadata.st_mode)) {
      return InvalidArgument("the file to store cannot be read, or is none: ", path);
    }
    ASSIGN_OR_RETURN(const S3Write write,
                     NewWrite(key, static_cast<uint64_t>(metadata.st_size), condition));
    return Write(write, [&](uint64_t offset, size_t size, std::string& buffer) {
      return ReadPart(file.get(), path, offset, size, buffer);
    });
  }

  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) const override {
    return lister_.List(prefix, start_after, limit);
  }

  Status Delete(std::string_view key) override {
    S3Request request;
    ASSIGN_OR_RETURN(request.key, WholeKey(client_.options().location, key));
    request.operation = S3Operation::kDeleteObject;
    request.method = net::Method::kDelete;
    const S3Outcome outcome = client_.Send(std::move(request));
    if (outcome.ok() || outcome.error.code == "NoSuchKey" || IsImpossibleKey(outcome.error)) {
      return OkStatus();
    }
    if (!outcome.may_be_applied) return outcome.status.Annotate(key);
    return CommitStateUnknown("the object may or may not be deleted: ", key, ": ",
                              outcome.status.message());
  }

  Status DeleteMany(const std::vector<std::string>& keys) override {
    for (const std::string& key : keys) TRY(CheckKey(key));
    std::vector<std::string> batch;
    for (const std::string& key : keys) {
      if (!FitsXml(key)) {
        TRY(Delete(key));
        continue;
      }
      batch.push_back(key);
      if (batch.size() < kMaxDeletedAtOnce) continue;
      TRY(DeleteBatch(batch));
      batch.clear();
    }
    return batch.empty() ? OkStatus() : DeleteBatch(batch);
  }

  std::optional<std::string> LocalPath(std::string_view) const override { return std::nullopt; }

  Result<size_t> AbortStaleUploads(Timestamp before) override {
    ASSIGN_OR_RETURN(const std::vector<S3Upload> uploads, lister_.ListUploads());
    size_t aborted = 0;
    for (const S3Upload& upload : uploads) {
      if (upload.initiated >= before) continue;
      S3Request request;
      request.operation = S3Operation::kAbortUpload;
      request.method = net::Method::kDelete;
      request.key = upload.key;
      request.query = {{"uploadId", upload.upload_id}};
      const S3Outcome outcome = client_.Send(std::move(request));
      if (outcome.error.code == "NoSuchUpload") continue;
      TRY(outcome.status.Annotate(upload.key));
      ++aborted;
    }
    return aborted;
  }

 private:
  Result<S3Write> NewWrite(std::string_view key, uint64_t size, const PutCondition& condition) {
    TRY(WholeKey(client_.options().location, key).status());
    if (condition.if_version && !CanBeVersion(*condition.if_version)) {
      return Conflict("no object has the expected version: ", key);
    }
    return S3Write{.key = std::string(key),
                   .size_bytes = size,
                   .id = NewUuid(*client_.options().clock),
                   .condition = condition};
  }

  Result<ObjectInfo> Write(const S3Write& write, const S3PartSource& source) {
    if (write.size_bytes >= client_.options().part_bytes) {
      return WriteInParts(client_, reader_, write, source);
    }
    std::string buffer;
    ASSIGN_OR_RETURN(const std::string_view bytes, source(0, write.size_bytes, buffer));
    ASSIGN_OR_RETURN(const std::string whole_key, WholeKey(client_.options().location, write.key));
    return CommitWrite(client_, reader_, S3Operation::kPutObject, write, [&](int64_t timeout_ms) {
      S3Request request;
      request.operation = S3Operation::kPutObject;
      request.method = net::Method::kPut;
      request.key = whole_key;
      request.body = bytes;
      request.checksum = S3Checksum::kBody;
      request.headers.Set("content-type", kObjectContentType);
      request.headers.Set(kWriteIdHeader, write.id);
      AddCondition(write.condition, request.headers);
      S3Sent sent;
      sent.outcome = client_.SendOnce(request, timeout_ms);
      sent.version = VersionOfEtag(sent.outcome.answer.headers.Get("etag").value_or(""));
      return sent;
    });
  }

  static Result<std::string_view> ReadPart(int file, const std::string& path, uint64_t offset,
                                           size_t size, std::string& buffer) {
    buffer.resize(size);
    const ssize_t count = ReadFully(file, buffer.data(), size, offset);
    if (count < 0) return ErrnoStatus(errno, "read the file to store", path);
    if (static_cast<size_t>(count) < size) {
      return InvalidArgument("the file to store became shorter while it was read: ", path);
    }
    return std::string_view(buffer);
  }

  Status DeleteBatch(const std::vector<std::string>& keys) {
    std::vector<std::string> whole_keys;
    for (const std::string& key : keys) {
      ASSIGN_OR_RETURN(whole_keys.emplace_back(), WholeKey(client_.options().location, key));
    }
    const std::string body = WriteDeleteObjects(whole_keys);
    std::vector<S3DeleteFailure> failures;
    S3Request request;
    request.operation = S3Operation::kDeleteObjects;
    request.method = net::Method::kPost;
    request.query = {{"delete", ""}};
    request.headers.Set("content-type", "application/xml");
    request.headers.Set("content-md5", Base64Encode(Md5Bytes(body)));
    request.body = body;
    request.check = [&](const net::ClientResponse& answer) -> Status {
      ASSIGN_OR_RETURN(failures, ParseDeleteResult(answer.body));
      return OkStatus();
    };
    const S3Outcome outcome = client_.Send(std::move(request));
    if (outcome.error.http_status == 501 || outcome.error.http_status == 405) {
      for (const std::string& key : keys) TRY(Delete(key));
      return OkStatus();
    }
    if (!outcome.ok() && outcome.may_be_applied) {
      return CommitStateUnknown("objects may or may not be deleted: ", outcome.status.message());
    }
    TRY(outcome.status);
    // What failed in the batch fails, or succeeds, with the error of its own deletion.
    for (const S3DeleteFailure& failure : failures) {
      if (!failure.key.starts_with(client_.options().location.prefix)) {
        return Internal("the server names a key that was not to be deleted: ",
                        QuoteForMessage(failure.key));
      }
      TRY(Delete(failure.key.substr(client_.options().location.prefix.size())));
    }
    return OkStatus();
  }

  mutable S3Client client_;
  const S3Reader reader_;
  const S3Lister lister_;
};

}  // namespace

Result<std::unique_ptr<S3Store>> S3Store::Open(S3StoreOptions options) {
  if (options.part_bytes < kMinPartBytes) {
    return InvalidArgument("S3 takes no parts below ", kMinPartBytes, " bytes, so not of ",
                           options.part_bytes);
  }
  if (options.parallel_requests < 1) {
    return InvalidArgument("a store needs at least 1 request at a time, not ",
                           options.parallel_requests);
  }
  CHECK(options.credentials != nullptr && options.clock != nullptr);
  return std::unique_ptr<S3Store>(std::make_unique<HttpS3Store>(std::move(options)));
}

}  // namespace lakehouse::storage
