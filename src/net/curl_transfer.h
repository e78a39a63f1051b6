// One exchange over one libcurl handle.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <curl/curl.h>

#include "base/status.h"
#include "net/curl_pool.h"
#include "net/curl_url.h"
#include "net/http_client.h"

namespace lakehouse::net {

// Finds transfers that are too slow. A stretch begins whenever enough bytes for a whole timeout, at
// least one, have moved, and may last one timeout at most.
class StallWatch {
 public:
  // A timeout of 0 never stalls.
  explicit StallWatch(int64_t timeout_ms, int64_t bytes_per_second = 1'024)
      : timeout_micros_(timeout_ms * 1'000),
        enough_bytes_(std::max<uint64_t>(
            static_cast<uint64_t>(bytes_per_second) * static_cast<uint64_t>(timeout_ms) / 1'000,
            1)) {}

  // Begins a stretch. `moved_bytes` counts from any start.
  void Restart(int64_t now_micros, uint64_t moved_bytes);
  // Leaves out time that our own side took.
  void Exclude(int64_t micros) { start_micros_ += micros; }
  bool IsStalled(int64_t now_micros, uint64_t moved_bytes);

 private:
  int64_t timeout_micros_;
  uint64_t enough_bytes_;
  int64_t start_micros_ = 0;
  uint64_t start_bytes_ = 0;
};

// Not thread-safe. Everything it is given outlives it.
class CurlTransfer {
 public:
  CurlTransfer(const HttpClientOptions& options, const ClientUrl& url, ClientRequest& request,
               const BodySink& sink, CurlSlot& slot);

  // Performs the exchange. REQUIRES: called once.
  Status Run();
  TransferPhase reached() const { return reached_; }
  // REQUIRES: Run() was ok.
  ClientResponse TakeResponse() { return std::move(response_); }

 private:
  // libcurl's callbacks; the last argument is the transfer.
  static curl_socket_t OnSocket(void* user, curlsocktype, curl_sockaddr* address);
  static CURLcode OnTls(CURL*, void*, void* user);
  static int OnRequest(void* user, char*, char*, int, int);
  static size_t OnRead(char* buffer, size_t, size_t size, void* user);
  static size_t OnHeader(char* data, size_t, size_t size, void* user);
  static size_t OnBody(char* data, size_t, size_t size, void* user);

  void SetOptions(curl_slist* headers);
  void SetTransport();
  void SetMethod();
  CURLcode Perform();
  Status CheckTime();

  Result<size_t> ReadBody(std::span<char> buffer);
  Status TakeHeaderLine(std::string_view line);
  Status TakeBody(std::string_view bytes);
  // Runs what belongs to the caller. False, with `failure_` set, when it fails.
  template <typename Call>
  bool RunForCaller(const Call& call);

  uint64_t SentBytes() const;
  // Never goes back: when libcurl connects once more, the server may have acted already.
  void Advance(TransferPhase phase) { reached_ = std::max(reached_, phase); }

  const HttpClientOptions& options_;
  const ClientUrl& url_;
  ClientRequest& request_;
  const BodySink& sink_;
  CurlSlot& slot_;
  CURL* const curl_;

  TransferPhase reached_ = TransferPhase::kResolve;
  ClientResponse response_;
  Status failure_;  // Why we ended the transfer.
  bool address_refused_ = false;
  bool body_ended_ = false;        // Of the request.
  uint64_t body_bytes_ = 0;        // Taken from the request's body.
  uint64_t received_bytes_ = 0;    // Of the answer, head included.
  bool head_complete_ = false;     // Of the final answer.
  int64_t wait_start_micros_ = 0;  // When the wait for the answer began; 0: not yet.
  StallWatch stall_;
  std::array<char, CURL_ERROR_SIZE> detail_{};
};

}  // namespace lakehouse::net
