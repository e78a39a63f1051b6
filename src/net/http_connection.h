// One client connection: reads requests, hands them to workers, writes answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "base/metrics.h"
#include "net/async_signal.h"
#include "net/exchange.h"
#include "net/http_decoder.h"
#include "net/http_encoder.h"
#include "net/http_server.h"
#include "net/worker_pool.h"

namespace lakehouse::net {

// What all connections of one server share. Outlives them.
struct ConnectionContext {
  HttpServerOptions options;
  bool loopback = false;
  Application application;
  ErrorRenderer errors;
  WorkerPool* workers = nullptr;
  WorkerPool* urgent_workers = nullptr;
  MetricsRegistry* metrics = nullptr;
  Gauge* in_flight = nullptr;
  Histogram* seconds = nullptr;
};

// Lives on one strand; owned by its coroutine. Invariants:
// 1. One coroutine (Run and what it awaits) writes to the socket, so answers never interleave.
// 2. At most one coroutine reads: Run between requests, ReadRequest while a handler runs.
// 3. Every read has a deadline, unless a handler runs and its body is complete; every write has
// one.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, const ConnectionContext& context);

  // Starts serving; `closed` is called on the strand at the end. With `refuse`, answers the first
  // request with 503 and closes.
  void Start(bool refuse, std::function<void()> closed);
  // Thread-safe: close when idle, else after the running request.
  void Drain();
  // Thread-safe: stop the running request's work.
  void CancelWork();
  // Thread-safe: drop the connection.
  void Abort();

 private:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;
  enum class HeadResult { kRequest, kClosed, kRefused };

  Awaitable<void> Run();
  // Reading between requests.
  Awaitable<HeadResult> ReadHead();
  Awaitable<HeadResult> RefuseHead(int status, std::string detail);
  size_t FindHeadEnd();
  // One request. Returns true when the connection can take another.
  Awaitable<bool> ServeRequest();
  Status PrepareRequest(Request& request, int& http_status);
  Awaitable<bool> Exchanged(std::shared_ptr<Exchange> exchange);
  Awaitable<bool> Respond(Exchange& exchange);
  Awaitable<Response> AwaitAnswer(Exchange& exchange);
  Awaitable<void> StopReading();
  Awaitable<bool> DrainBody();
  // Reading while a handler runs.
  Awaitable<void> ReadRequest(std::shared_ptr<Exchange> exchange);
  Awaitable<bool> ReadBody(Exchange& exchange);
  Awaitable<bool> ReadMoreBody(Exchange& exchange, size_t& window_bytes);
  void FailBody(Exchange& exchange, int http_status, Status status);
  Awaitable<void> WatchForClose(Exchange& exchange);
  // Writing.
  Awaitable<bool> WriteAnswer(const Response& response, Method method, bool close);
  Awaitable<bool> WriteStream(Exchange& exchange, const Response& response, bool close);
  Awaitable<bool> Refuse(int status, std::string detail);
  Awaitable<bool> Write(std::string_view first, std::string_view second = {},
                        std::string_view third = {});
  Awaitable<void> Linger();

  // Reads into buffer_, at most `max_bytes`; 0 at the end, at an error or at the deadline.
  Awaitable<size_t> ReadSome(size_t max_bytes);
  void ArmRead(int64_t timeout_ms);
  void DisarmRead();
  std::string_view Buffered() const;
  bool KeepAlive() const;
  void Finish(int status);

  const ConnectionContext& context_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer read_timer_;
  boost::asio::steady_timer write_timer_;
  boost::beast::flat_buffer buffer_;
  std::shared_ptr<AsyncSignal> main_signal_;    // Shared with the workers' callbacks.
  std::shared_ptr<AsyncSignal> reader_signal_;  // As above.
  std::function<void()> closed_;

  // Of the connection.
  bool refuse_ = false;
  bool first_request_ = true;
  bool draining_ = false;
  bool aborted_ = false;
  bool idle_ = false;  // Waiting for the first byte of a request.
  bool peer_closed_ = false;
  bool read_timed_out_ = false;
  uint64_t read_generation_ = 0;  // Tells an old deadline from the current one.
  uint64_t write_generation_ = 0;

  // Of the request.
  std::unique_ptr<RequestDecoder> decoder_;
  std::shared_ptr<Exchange> exchange_;  // Shared with the worker; null between requests.
  std::string request_id_;
  bool body_allowed_ = false;  // False until a client that waits for "100 Continue" got it.
  bool finished_ = false;      // The answer is written: ReadRequest must end.
  bool reading_ = false;       // ReadRequest runs.
  int body_error_status_ = 0;  // The HTTP status of what was wrong with the body.
  Status body_error_;
  int64_t started_micros_ = 0;
};

}  // namespace lakehouse::net
