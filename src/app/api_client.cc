#include "app/api_client.h"

#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "app/core.h"
#include "app/data_directory.h"
#include "net/http_client.h"

namespace lakehouse::app {

namespace {

constexpr int64_t kLockWaitMs = 5'000;
constexpr int64_t kLockPollMs = 50;

StatusCode CodeFromName(std::string_view name) {
  static constexpr std::array kCodes = {
      StatusCode::kInvalidArgument,   StatusCode::kNotFound,          StatusCode::kConflict,
      StatusCode::kOutOfScope,        StatusCode::kUnauthenticated,   StatusCode::kPermissionDenied,
      StatusCode::kResourceExhausted, StatusCode::kUnavailable,       StatusCode::kDeadlineExceeded,
      StatusCode::kCancelled,         StatusCode::kCommitStateUnknown};
  for (const StatusCode code : kCodes) {
    if (StatusCodeName(code) == name) return code;
  }
  return StatusCode::kInternal;
}

class RemoteClient : public ApiClient {
 public:
  explicit RemoteClient(std::string url) : url_(std::move(url)) {
    while (url_.ends_with('/')) url_.pop_back();
  }

  Result<ApiAnswer> Call(ApiCall call) override {
    net::ClientRequest request;
    request.method = call.method;
    request.url = url_ + call.target;
    request.headers = std::move(call.headers);
    request.cancel = call.cancel;
    if (call.body) {
      request.body = std::move(call.body);
      request.body_size = call.body_size;
    } else if (!call.json.empty()) {
      request.body_size = static_cast<int64_t>(call.json.size());
      request.body = std::make_unique<StringSource>(std::move(call.json));
    }
    if (request.body) request.headers.Set("Content-Type", call.content_type);
    ASSIGN_OR_RETURN(net::ClientResponse response, client_.Fetch(std::move(request)));
    return ApiAnswer{response.status, std::move(response.body)};
  }

  bool remote() const override { return true; }

 private:
  std::string url_;
  net::HttpClient client_;
};

class InProcessClient : public ApiClient {
 public:
  explicit InProcessClient(std::unique_ptr<Core> core) : core_(std::move(core)) {}

  Result<ApiAnswer> Call(ApiCall call) override {
    net::Request request;
    request.method = call.method;
    request.headers = std::move(call.headers);
    request.cancel = call.cancel;
    TRY(net::ParseTarget(call.target, request));
    if (call.body) {
      request.body = std::move(call.body);
    } else {
      request.body = std::make_unique<StringSource>(std::move(call.json));
    }
    if (call.method == net::Method::kPost) request.headers.Set("Content-Type", call.content_type);
    net::Response response = core_->gateway().Handle(request);
    ApiAnswer answer{response.status, std::move(response.body)};
    if (response.stream) {
      TRY(response.stream([&answer](std::string_view bytes) {
        answer.body.append(bytes);
        return OkStatus();
      }));
    }
    return answer;
  }

  bool remote() const override { return false; }

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace

Result<Json> ApiAnswer::ParseBody() const {
  auto json = ParseJson(body);
  if (!json.ok()) return Internal("the answer is not JSON: ", json.status().message());
  return json;
}

Status ApiAnswer::problem() const {
  const auto json = ParseJson(body);
  if (!json.ok() || !json->is_object()) {
    return Unavailable("the server answered with HTTP status ", http_status,
                       " and no problem text");
  }
  return {CodeFromName(json->value("code", "")), json->value("detail", "")};
}

Result<std::unique_ptr<ApiClient>> ConnectApi(const ConnectOptions& options) {
  if (!options.server.empty()) return std::make_unique<RemoteClient>(options.server);
  for (int64_t waited_ms = 0;; waited_ms += kLockPollMs) {
    DataDirectoryOwner owner;
    auto directory = DataDirectory::Open(options.data_dir, options.command, &owner);
    if (directory.ok()) {
      ASSIGN_OR_RETURN(std::unique_ptr<Core> core,
                       Core::Open(*std::move(directory), {.config = *options.config,
                                                          .secrets = *options.secrets,
                                                          .run_jobs = options.run_jobs}));
      return std::make_unique<InProcessClient>(std::move(core));
    }
    if (directory.status().code() != StatusCode::kConflict) return directory.status();
    if (!owner.address.empty()) return std::make_unique<RemoteClient>(owner.address);
    if (waited_ms >= kLockWaitMs) return directory.status();
    std::this_thread::sleep_for(std::chrono::milliseconds(kLockPollMs));
  }
}

}  // namespace lakehouse::app
