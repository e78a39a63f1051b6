#include "net/curl_transfer.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/strings.h"
#include "net/curl_error.h"
#include "net/loopback.h"

namespace lakehouse::net {
namespace {

constexpr long kBufferBytes = 512 << 10;
constexpr int kPollMs = 50;  // How late a cancellation or a time limit may be noticed.
constexpr int64_t kMaxReserveBytes = 64 << 20;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderLines = std::unique_ptr<curl_slist, ListDeleter>;

int64_t Now() { return Clock::System().MonotonicMicros(); }

bool HasControlBytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

void AppendLine(HeaderLines& lines, const std::string& line) {
  curl_slist* longer = curl_slist_append(lines.get(), line.c_str());
  CHECK(longer != nullptr);
  (void)lines.release();
  lines.reset(longer);
}

Result<HeaderLines> EncodeHeaders(const Headers& headers) {
  HeaderLines lines;
  // libcurl would wait up to a second for the server's leave to send a large body.
  AppendLine(lines, "Expect:");
  for (const auto& [name, value] : headers.all()) {
    if (name.empty() || HasControlBytes(name) || HasControlBytes(value)) {
      return InvalidArgument("a request header holds control bytes: ", QuoteForMessage(name));
    }
    // libcurl sends a field without a value only in this form.
    AppendLine(lines, value.empty() ? StrCat(name, ";") : StrCat(name, ": ", value));
  }
  return lines;
}

bool IsLinkLocalV4(const uint8_t* bytes) { return bytes[0] == 169 && bytes[1] == 254; }

// Also finds the metadata service of AWS, whose IPv6 address is a private one.
bool IsLinkLocal(const sockaddr& address) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static constexpr uint8_t kTranslated[12] = {0, 0x64, 0xFF, 0x9B};  // NAT64, RFC 6052.
  static constexpr uint8_t kAwsMetadata[16] = {0xFD, 0, 0x0E, 0xC2, 0, 0, 0,    0,
                                               0,    0, 0,    0,    0, 0, 0x02, 0x54};
  uint8_t bytes[16];
  if (address.sa_family == AF_INET) {
    std::memcpy(bytes, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
    return IsLinkLocalV4(bytes);
  }
  if (address.sa_family != AF_INET6) return true;
  std::memcpy(bytes, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  if (std::memcmp(bytes, kMapped, 12) == 0 || std::memcmp(bytes, kTranslated, 12) == 0) {
    return IsLinkLocalV4(bytes + 12);
  }
  return (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) ||
         std::memcmp(bytes, kAwsMetadata, 16) == 0;
}

}  // namespace

void StallWatch::Restart(int64_t now_micros, uint64_t moved_bytes) {
  start_micros_ = now_micros;
  start_bytes_ = moved_bytes;
}

bool StallWatch::IsStalled(int64_t now_micros, uint64_t moved_bytes) {
  if (timeout_micros_ == 0) return false;
  if (moved_bytes - start_bytes_ >= enough_bytes_) {
    Restart(now_micros, moved_bytes);
    return false;
  }
  return now_micros - start_micros_ > timeout_micros_;
}

CurlTransfer::CurlTransfer(const HttpClientOptions& options, const ClientUrl& url,
                           ClientRequest& request, const BodySink& sink, CurlSlot& slot)
    : options_(options),
      url_(url),
      request_(request),
      sink_(sink),
      slot_(slot),
      curl_(slot.easy.get()),
      stall_(options.stall_timeout_ms, options.stall_bytes_per_second) {}

Status CurlTransfer::Run() {
  ASSIGN_OR_RETURN(const HeaderLines headers, EncodeHeaders(request_.headers));
  if (request_.body == nullptr) {
    body_ended_ = true;
  } else if (request_.body_size == 0) {
    TRY(ReadBody({}).status());  // libcurl never asks for it.
  }
  SetOptions(headers.get());
  CURLcode code = Perform();
  // libcurl takes a head that ends with the connection for a whole one.
  if (code == CURLE_OK && !head_complete_) code = CURLE_PARTIAL_FILE;
  if (code == CURLE_OK) {
    Advance(TransferPhase::kDone);
    return OkStatus();
  }
  if (!failure_.ok()) return failure_;
  CurlFailure failure{.code = code,
                      .reached = reached_,
                      .os_error = 0,
                      .verify_result = 0,
                      .detail = detail_.data(),
                      .address_refused = address_refused_,
                      .loopback_only = options_.loopback_only,
                      .connect_timeout_ms = options_.connect_timeout_ms,
                      .timeout_ms = request_.timeout_ms,
                      .ca_file = options_.ca_file};
  curl_easy_getinfo(curl_, CURLINFO_OS_ERRNO, &failure.os_error);
  curl_easy_getinfo(curl_, CURLINFO_SSL_VERIFYRESULT, &failure.verify_result);
  return DescribeFailure(failure, url_);
}

void CurlTransfer::SetOptions(curl_slist* headers) {
  curl_easy_setopt(curl_, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(curl_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, detail_.data());
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout_ms));
  curl_easy_setopt(curl_, CURLOPT_PREREQFUNCTION, OnRequest);
  curl_easy_setopt(curl_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(curl_, CURLOPT_READFUNCTION, OnRead);
  curl_easy_setopt(curl_, CURLOPT_READDATA, this);
  curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, this);
  SetTransport();
  SetMethod();
}

void CurlTransfer::SetTransport() {
  curl_easy_setopt(curl_, CURLOPT_PROXY, "");
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  // A resolver that hangs is left to itself instead of waited for.
  curl_easy_setopt(curl_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl_, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(curl_, CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options_.connect_timeout_ms));
  curl_easy_setopt(curl_, CURLOPT_OPENSOCKETFUNCTION, OnSocket);
  curl_easy_setopt(curl_, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(curl_, CURLOPT_SSL_CTX_FUNCTION, OnTls);
  curl_easy_setopt(curl_, CURLOPT_SSL_CTX_DATA, this);
  // Without a folder libcurl keeps the parsed certificates for the next connection; and those of
  // the system must not stand beside a file that was named.
  curl_easy_setopt(curl_, CURLOPT_CAPATH, nullptr);
  if (!options_.ca_file.empty()) {
    curl_easy_setopt(curl_, CURLOPT_CAINFO, options_.ca_file.c_str());
  }
}

void CurlTransfer::SetMethod() {
  const bool has_content = request_.method == Method::kPost || request_.method == Method::kPut ||
                           request_.method == Method::kPatch;
  if (request_.body != nullptr || has_content) {
    const int64_t size = request_.body == nullptr ? 0 : request_.body_size;
    curl_easy_setopt(curl_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
  } else if (request_.method == Method::kHead) {
    curl_easy_setopt(curl_, CURLOPT_NOBODY, 1L);
    return;
  }
  const std::string method(MethodName(request_.method));
  curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, method.c_str());
}

CURLcode CurlTransfer::Perform() {
  CURLM* const multi = slot_.multi.get();
  CHECK(curl_multi_add_handle(multi, curl_) == CURLM_OK);
  CURLcode code = CURLE_ABORTED_BY_CALLBACK;
  while (true) {
    int running = 0;
    CHECK(curl_multi_perform(multi, &running) == CURLM_OK);
    if (running == 0) {
      int queued = 0;
      const CURLMsg* message = curl_multi_info_read(multi, &queued);
      CHECK(message != nullptr && message->msg == CURLMSG_DONE);
      code = message->data.result;
      break;
    }
    failure_ = CheckTime();
    if (!failure_.ok()) break;
    CHECK(curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr) == CURLM_OK);
  }
  if (reached_ == TransferPhase::kSend && body_ended_ && SentBytes() >= body_bytes_) {
    Advance(TransferPhase::kAnswer);
  }
  // Only a handle that is still among those of `multi` knows its connection.
  curl_easy_getinfo(curl_, CURLINFO_ACTIVESOCKET, &slot_.socket);
  CHECK(curl_multi_remove_handle(multi, curl_) == CURLM_OK);
  return code;
}

Status CurlTransfer::CheckTime() {
  TRY(request_.cancel.Check());
  if (reached_ < TransferPhase::kSend) return OkStatus();
  const int64_t now = Now();
  if (reached_ == TransferPhase::kSend && body_ended_ && SentBytes() >= body_bytes_) {
    Advance(TransferPhase::kAnswer);
    wait_start_micros_ = now;
  }
  if (reached_ == TransferPhase::kAnswer && received_bytes_ == 0) {
    if (options_.answer_timeout_ms > 0 &&
        now - wait_start_micros_ > options_.answer_timeout_ms * 1'000) {
      return DeadlineExceeded("no answer in time (", options_.answer_timeout_ms, " ms) from ",
                              url_.peer, ": ", url_.printable);
    }
    return OkStatus();
  }
  if (stall_.IsStalled(now, SentBytes() + received_bytes_)) {
    return DeadlineExceeded("the transfer stalled (", options_.stall_timeout_ms, " ms below ",
                            std::max<int64_t>(options_.stall_bytes_per_second, 1),
                            " bytes/s) with ", url_.peer, ": ", url_.printable);
  }
  return OkStatus();
}

uint64_t CurlTransfer::SentBytes() const {
  curl_off_t sent = 0;
  curl_easy_getinfo(curl_, CURLINFO_SIZE_UPLOAD_T, &sent);
  return static_cast<uint64_t>(sent);
}

template <typename Call>
bool CurlTransfer::RunForCaller(const Call& call) {
  const int64_t start = Now();
  failure_ = call();
  stall_.Exclude(Now() - start);
  return failure_.ok();
}

curl_socket_t CurlTransfer::OnSocket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<CurlTransfer*>(user);
  // When a kept connection breaks before the answer, libcurl would silently send the request again,
  // whatever its method. The server may have acted on it, so that is the caller's decision.
  if (transfer.reached_ >= TransferPhase::kSend) return CURL_SOCKET_BAD;
  transfer.Advance(TransferPhase::kConnect);
  if ((transfer.options_.refuse_link_local && IsLinkLocal(address->addr)) ||
      (transfer.options_.loopback_only && !IsLoopback(address->addr))) {
    transfer.address_refused_ = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

CURLcode CurlTransfer::OnTls(CURL*, void*, void* user) {
  static_cast<CurlTransfer*>(user)->Advance(TransferPhase::kTls);
  return CURLE_OK;
}

int CurlTransfer::OnRequest(void* user, char*, char*, int, int) {
  auto& transfer = *static_cast<CurlTransfer*>(user);
  CHECK(transfer.reached_ < TransferPhase::kSend);  // OnSocket sees to it.
  transfer.Advance(TransferPhase::kSend);
  transfer.stall_.Restart(Now(), 0);
  return CURL_PREREQFUNC_OK;
}

size_t CurlTransfer::OnRead(char* buffer, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<CurlTransfer*>(user);
  size_t count = 0;
  const bool ok = transfer.RunForCaller([&]() -> Status {
    ASSIGN_OR_RETURN(count, transfer.ReadBody({buffer, size}));
    return OkStatus();
  });
  return ok ? count : CURL_READFUNC_ABORT;
}

size_t CurlTransfer::OnHeader(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<CurlTransfer*>(user);
  const bool ok = transfer.RunForCaller([&] { return transfer.TakeHeaderLine({data, size}); });
  return ok ? size : CURL_WRITEFUNC_ERROR;
}

size_t CurlTransfer::OnBody(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<CurlTransfer*>(user);
  const bool ok = transfer.RunForCaller([&] { return transfer.TakeBody({data, size}); });
  return ok ? size : CURL_WRITEFUNC_ERROR;
}

Result<size_t> CurlTransfer::ReadBody(std::span<char> buffer) {
  TRY(request_.cancel.Check());
  if (body_ended_) return size_t{0};
  const bool sized = request_.body_size >= 0;
  const uint64_t left =
      sized ? static_cast<uint64_t>(request_.body_size) - body_bytes_ : UINT64_MAX;
  size_t count = 0;
  if (left > 0) {
    ASSIGN_OR_RETURN(count,
                     request_.body->Read(buffer.first(std::min<uint64_t>(left, buffer.size()))));
  }
  body_bytes_ += count;
  const bool at_end = count == 0 || count == left;
  if (!sized || !at_end) {
    body_ended_ = at_end;
    return count;
  }
  if (count < left) {
    return InvalidArgument("the request's body ended after ", body_bytes_, " bytes of ",
                           request_.body_size);
  }
  // Asked before the last bytes leave: the server must not take a part for the whole.
  char excess = 0;
  ASSIGN_OR_RETURN(const size_t more, request_.body->Read({&excess, 1}));
  if (more > 0) {
    return InvalidArgument(
        "the request's body is longer than it was said to be: ", request_.body_size, " bytes");
  }
  body_ended_ = true;
  return count;
}

Status CurlTransfer::TakeHeaderLine(std::string_view line) {
  received_bytes_ += line.size();
  Advance(TransferPhase::kAnswer);
  line = TrimWhitespace(line);
  if (head_complete_) return OkStatus();  // Trailers of a chunked body.
  if (line.starts_with("HTTP/")) {
    response_.headers = {};  // Those of an interim answer do not count.
    response_.status = 0;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return OkStatus();
    for (const char digit : line.substr(space + 1, 3)) {
      if (digit < '0' || digit > '9') break;
      response_.status = response_.status * 10 + (digit - '0');
    }
    return OkStatus();
  }
  if (line.empty()) {
    head_complete_ = response_.status >= 200;
    if (!head_complete_ || !request_.on_head) return OkStatus();
    return request_.on_head(response_.status, response_.headers);
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    response_.headers.Add(line.substr(0, colon), TrimWhitespace(line.substr(colon + 1)));
  }
  return OkStatus();
}

Status CurlTransfer::TakeBody(std::string_view bytes) {
  received_bytes_ += bytes.size();
  TRY(request_.cancel.Check());
  if (sink_ && response_.status >= 200 && response_.status < 300) return sink_(bytes);
  std::string& body = response_.body;
  if (bytes.size() > request_.max_response_bytes - body.size()) {
    return ResourceExhausted(
        "the server's answer is larger than allowed: ", request_.max_response_bytes, " bytes");
  }
  if (body.empty()) {
    curl_off_t length = 0;
    curl_easy_getinfo(curl_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    body.reserve(static_cast<size_t>(std::clamp<int64_t>(length, 0, kMaxReserveBytes)));
  }
  body.append(bytes);
  return OkStatus();
}

}  // namespace lakehouse::net
