// For tests: a server that speaks enough S3 to be probed, and keeps its promises only as far as the
// test lets it. What a good server does is tested with real ones.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_source.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "net/test_server.h"
#include "storage/s3/s3_checksum.h"
#include "storage/s3/s3_reader.h"

namespace lakehouse::storage::testing {

struct S3Flaws {
  // Of GetObject, PutObject, DeleteObject and ListObjects: answered with 403 AccessDenied.
  std::set<std::string> denied;
  bool ignores_conditions = false;
  bool ignores_upload_conditions = false;
  bool ignores_checksums = false;
  bool refuses_checksums = false;
  bool loses_writes = false;
  bool keeps_deleted = false;
  // Answers in the server's place where it returns something.
  std::function<std::optional<net::Response>(const net::Request&)> instead;
};

// One bucket, `lake`, addressed by path, in memory. Looks at no signature.
class FlawedS3Server {
 public:
  explicit FlawedS3Server(S3Flaws flaws)
      : flaws_(std::move(flaws)),
        server_(net::testing::StartServer([this](net::Request& request) { return Serve(request); },
                                          Options())) {}

  std::string endpoint() const { return net::testing::Url(*server_, ""); }
  size_t object_count() {
    const MutexLock lock(mutex_);
    return objects_.size();
  }
  size_t unfinished_uploads() {
    const MutexLock lock(mutex_);
    return uploads_.size();
  }

  static net::Response Error(int status, std::string_view code) {
    net::Response response;
    response.status = status;
    response.body = StrCat("<Error><Code>", code, "</Code><Message>because</Message></Error>");
    return response;
  }

 private:
  struct Object {
    std::string bytes;
    std::string write_id;
  };

  static net::HttpServerOptions Options() {
    net::HttpServerOptions options;
    options.worker_threads = 16;
    options.max_body_bytes = 16 << 20;
    return options;
  }

  net::Response Serve(net::Request& request) {
    if (flaws_.instead) {
      if (auto response = flaws_.instead(request)) return *std::move(response);
    }
    const std::string body = ReadAll(*request.body, 16 << 20).value_or("");
    if (request.path == "/") return Error(403, "AccessDenied");
    const MutexLock lock(mutex_);
    if (request.path == "/lake") {
      return Denied("ListObjects") ? Error(403, "AccessDenied") : List(request);
    }
    const std::string key = request.path.substr(sizeof("/lake/") - 1);
    switch (request.method) {
      case net::Method::kPut:
        if (Denied("PutObject")) return Error(403, "AccessDenied");
        return request.QueryParam("uploadId") ? PutPart(request, body) : Put(request, key, body);
      case net::Method::kPost:
        if (Denied("PutObject")) return Error(403, "AccessDenied");
        return request.QueryParam("uploadId") ? Complete(request, key) : Begin();
      case net::Method::kDelete:
        return Delete(request, key);
      default:
        return Denied("GetObject") ? Error(403, "AccessDenied") : Get(key);
    }
  }

  bool Denied(const std::string& operation) const { return flaws_.denied.contains(operation); }

  static std::string EtagOf(const Object& object) {
    return StrCat('"', Sha256Hex(object.bytes).substr(0, 32), '"');
  }

  net::Response List(const net::Request& request) REQUIRES_LOCK(mutex_) {
    net::Response response;
    response.body = "<ListBucketResult><IsTruncated>false</IsTruncated>";
    for (const auto& [key, object] : objects_) {
      if (!key.starts_with(request.QueryParam("prefix").value_or(""))) continue;
      StrAppend(response.body, "<Contents><Key>", key,
                "</Key><LastModified>2026-11-23T17:00:00Z</LastModified><ETag>", EtagOf(object),
                "</ETag><Size>", object.bytes.size(), "</Size></Contents>");
    }
    response.body += "</ListBucketResult>";
    return response;
  }

  // The answer when a condition of the request fails.
  std::optional<net::Response> Refusal(const net::Request& request, const std::string& key)
      REQUIRES_LOCK(mutex_) {
    const auto found = objects_.find(key);
    if (request.headers.Get("If-None-Match").has_value() && found != objects_.end()) {
      return Error(412, "PreconditionFailed");
    }
    if (const auto version = request.headers.Get("If-Match"); version.has_value()) {
      if (found == objects_.end()) return Error(404, "NoSuchKey");
      if (*version != EtagOf(found->second)) return Error(412, "PreconditionFailed");
    }
    return std::nullopt;
  }

  net::Response Store(const std::string& key, Object object) REQUIRES_LOCK(mutex_) {
    net::Response response;
    response.headers.Set("ETag", EtagOf(object));
    if (!flaws_.loses_writes) objects_[key] = std::move(object);
    return response;
  }

  net::Response Put(const net::Request& request, const std::string& key, const std::string& body)
      REQUIRES_LOCK(mutex_) {
    const auto checksum = request.headers.Get("x-amz-checksum-crc32c");
    if (checksum.has_value() && flaws_.refuses_checksums) return Error(501, "NotImplemented");
    if (checksum.has_value() && !flaws_.ignores_checksums &&
        *checksum != Crc32cBase64(Crc32c(body))) {
      return Error(400, "XAmzContentChecksumMismatch");
    }
    if (!flaws_.ignores_conditions) {
      if (auto refusal = Refusal(request, key)) return *std::move(refusal);
    }
    return Store(key, {body, std::string(request.headers.Get(kWriteIdHeader).value_or(""))});
  }

  net::Response Get(const std::string& key) REQUIRES_LOCK(mutex_) {
    const auto found = objects_.find(key);
    if (found == objects_.end()) return Error(404, "NoSuchKey");
    net::Response response;
    response.headers.Set("ETag", EtagOf(found->second));
    response.headers.Set("Last-Modified", "Mon, 23 Nov 2026 17:00:00 GMT");
    if (!found->second.write_id.empty()) {
      response.headers.Set(kWriteIdHeader, found->second.write_id);
    }
    response.body = found->second.bytes;
    return response;
  }

  net::Response Delete(const net::Request& request, const std::string& key) REQUIRES_LOCK(mutex_) {
    if (const auto upload = request.QueryParam("uploadId"); upload.has_value()) {
      uploads_.erase(*upload);
    } else {
      if (Denied("DeleteObject")) return Error(403, "AccessDenied");
      if (!flaws_.keeps_deleted) objects_.erase(key);
    }
    net::Response response;
    response.status = 204;
    return response;
  }

  net::Response Begin() REQUIRES_LOCK(mutex_) {
    const std::string id = StrCat("upload-", ++uploads_begun_);
    uploads_[id];
    net::Response response;
    response.body = StrCat("<InitiateMultipartUploadResult><UploadId>", id,
                           "</UploadId></InitiateMultipartUploadResult>");
    return response;
  }

  net::Response PutPart(const net::Request& request, const std::string& body)
      REQUIRES_LOCK(mutex_) {
    uploads_[*request.QueryParam("uploadId")][*request.QueryParam("partNumber")] = body;
    net::Response response;
    response.headers.Set("ETag", EtagOf({body, ""}));
    return response;
  }

  net::Response Complete(const net::Request& request, const std::string& key)
      REQUIRES_LOCK(mutex_) {
    const auto upload = uploads_.find(*request.QueryParam("uploadId"));
    if (upload == uploads_.end()) return Error(404, "NoSuchUpload");
    if (!flaws_.ignores_upload_conditions) {
      if (auto refusal = Refusal(request, key)) return *std::move(refusal);
    }
    Object object;
    for (const auto& [number, bytes] : upload->second) object.bytes += bytes;
    uploads_.erase(upload);
    net::Response response = Store(key, object);
    response.body = StrCat("<CompleteMultipartUploadResult><ETag>", EtagOf(object),
                           "</ETag></CompleteMultipartUploadResult>");
    return response;
  }

  const S3Flaws flaws_;
  Mutex mutex_;
  std::map<std::string, Object> objects_ GUARDED_BY(mutex_);
  std::map<std::string, std::map<std::string, std::string>> uploads_ GUARDED_BY(mutex_);
  int uploads_begun_ GUARDED_BY(mutex_) = 0;
  std::unique_ptr<net::HttpServer> server_;  // Last: it calls this object.
};

}  // namespace lakehouse::storage::testing
