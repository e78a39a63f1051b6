#include "net/http_client.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include <curl/curl.h>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::net {
namespace {

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What the callbacks of one transfer share.
struct Transfer {
  ClientRequest& request;
  const BodySink& sink;
  ClientResponse response;
  Status failure;  // Why a callback stopped the transfer.
};

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line = TrimWhitespace(std::string_view(data, size));
  if (line.starts_with("HTTP/")) {
    transfer.response.headers = {};  // Those of an interim answer do not count.
    const size_t space = line.find(' ');
    transfer.response.status = 0;
    if (space != std::string_view::npos) {
      for (const char digit : line.substr(space + 1, 3)) {
        if (digit < '0' || digit > '9') break;
        transfer.response.status = transfer.response.status * 10 + (digit - '0');
      }
    }
    return size;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    transfer.response.headers.Add(line.substr(0, colon), TrimWhitespace(line.substr(colon + 1)));
  }
  return size;
}

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view bytes(data, size);
  if (transfer.sink && transfer.response.status >= 200 && transfer.response.status < 300) {
    transfer.failure = transfer.sink(bytes);
  } else if (bytes.size() > transfer.request.max_response_bytes - transfer.response.body.size()) {
    transfer.failure = ResourceExhausted("the server's answer is larger than allowed: ",
                                         transfer.request.max_response_bytes, " bytes");
  } else {
    transfer.response.body.append(bytes);
  }
  return transfer.failure.ok() ? size : CURL_WRITEFUNC_ERROR;
}

size_t OnRead(char* buffer, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const Result<size_t> count = transfer.request.body->Read({buffer, size});
  if (count.ok()) return *count;
  transfer.failure = count.status();
  return CURL_READFUNC_ABORT;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.failure.ok()) transfer.failure = transfer.request.cancel.Check();
  return transfer.failure.ok() ? 0 : 1;
}

bool HasControlBytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

Result<std::unique_ptr<curl_slist, CurlDeleter>> HeaderList(const Headers& headers) {
  std::unique_ptr<curl_slist, CurlDeleter> list;
  for (const auto& [name, value] : headers.all()) {
    if (name.empty() || HasControlBytes(name) || HasControlBytes(value)) {
      return InvalidArgument("a request header holds control bytes: ", name);
    }
    // libcurl sends a field without a value only in this form.
    const std::string line = value.empty() ? StrCat(name, ";") : StrCat(name, ": ", value);
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    CHECK(longer != nullptr);
    (void)list.release();
    list.reset(longer);
  }
  return list;
}

void SetMethod(CURL* curl, const ClientRequest& request) {
  const std::string method(MethodName(request.method));
  if (request.body != nullptr) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body_size));
  } else if (request.method == Method::kHead) {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return;
  } else if (request.method != Method::kGet) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
}

void SetOptions(CURL* curl, Transfer& transfer) {
  const ClientRequest& request = transfer.request;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout_ms));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, OnRead);
  curl_easy_setopt(curl, CURLOPT_READDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  SetMethod(curl, request);
}

Status StatusOf(CURLcode code, const Transfer& transfer) {
  if (!transfer.failure.ok()) return transfer.failure;
  const std::string_view reason = curl_easy_strerror(code);
  switch (code) {
    case CURLE_OK:
      return OkStatus();
    case CURLE_OPERATION_TIMEDOUT:
      return DeadlineExceeded("no answer in time from ", transfer.request.url);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return InvalidArgument("expected an http or https URL, not: ", transfer.request.url);
    default:
      return Unavailable("cannot reach ", transfer.request.url, ": ", reason);
  }
}

}  // namespace

Result<ClientResponse> Fetch(ClientRequest request, const BodySink& sink) {
  static std::once_flag once;
  std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK); });
  CHECK(request.method != Method::kOther);
  TRY(request.cancel.Check());
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  CHECK(curl != nullptr);
  ASSIGN_OR_RETURN(const auto headers, HeaderList(request.headers));
  Transfer transfer{.request = request, .sink = sink, .response = {}, .failure = {}};
  SetOptions(curl.get(), transfer);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  TRY(StatusOf(curl_easy_perform(curl.get()), transfer));
  return std::move(transfer.response);
}

}  // namespace lakehouse::net
