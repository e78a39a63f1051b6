#include "net/http_server.h"

#include <chrono>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include "base/check.h"
#include "base/log.h"
#include "base/mutex.h"
#include "net/http_connection.h"

namespace lakehouse::net {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using asio::ip::tcp;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
// Connections above the limit that may wait for their 503 at the same time.
constexpr size_t kMaxRefusedConnections = 64;
constexpr int64_t kCancelGraceMs = 2'000;
constexpr auto kAcceptRetryDelay = std::chrono::milliseconds(50);

Result<asio::ip::address> ParseHost(const std::string& host) {
  ErrorCode error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error)
    return InvalidArgument("the listen host must be an IP address or localhost, not: ", host);
  return address;
}

// Invariants: 1. Connections and workers end before the loop that they post to.
class Server : public HttpServer {
 public:
  Server(const HttpServerOptions& options, Application application, ErrorRenderer errors)
      : metrics_(options.metrics != nullptr ? *options.metrics : own_metrics_),
        workers_(options.worker_threads, static_cast<size_t>(options.max_queued_requests)),
        urgent_workers_(1, static_cast<size_t>(options.max_queued_requests)),
        acceptor_(asio::make_strand(loop_)),
        connections_gauge_(
            metrics_.GetGauge("lakehouse_http_connections", "Open HTTP connections.")),
        context_{
            .options = options,
            .application = std::move(application),
            .errors = std::move(errors),
            .workers = &workers_,
            .urgent_workers = &urgent_workers_,
            .metrics = &metrics_,
            .in_flight = &metrics_.GetGauge("lakehouse_http_requests_in_flight",
                                            "HTTP requests being answered."),
            .seconds = &metrics_.GetHistogram("lakehouse_http_request_seconds",
                                              "Time from a request's head to its answer's end.")} {}

  ~Server() override { Shutdown(0); }

  Status Listen() {
    const HttpServerOptions& options = context_.options;
    ASSIGN_OR_RETURN(const asio::ip::address address, ParseHost(options.host));
    const tcp::endpoint endpoint(address, options.port);
    context_.loopback = address.is_loopback();
    ErrorCode error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (error) {
      return Unavailable("cannot listen on ", options.host, ":", options.port, ": ",
                         error.message());
    }
    return OkStatus();
  }

  void Run() {
    asio::co_spawn(acceptor_.get_executor(), Accept(), [](std::exception_ptr error) {
      if (error != nullptr) LogError("the HTTP server stopped accepting with an exception");
    });
    for (int i = 0; i < context_.options.io_threads; ++i) {
      threads_.emplace_back([this] { loop_.run(); });
    }
  }

  uint16_t port() const override { return port_; }

  void Shutdown(int64_t drain_ms) override {
    MutexLock only_one(shutdown_mutex_);
    if (stopped_) return;
    stopped_ = true;
    asio::post(acceptor_.get_executor(), [this] {
      ErrorCode ignored;
      acceptor_.close(ignored);
    });
    ForEachConnection([](Connection& connection) { connection.Drain(); }, /*stopping=*/true);
    if (!AwaitNoConnections(drain_ms)) {
      ForEachConnection([](Connection& connection) { connection.CancelWork(); });
      AwaitNoConnections(kCancelGraceMs);
      ForEachConnection([](Connection& connection) { connection.Abort(); });
    }
    workers_.Stop();
    urgent_workers_.Stop();
    AwaitNoConnections(-1);
    work_.reset();
    loop_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  asio::awaitable<void> Accept() {
    while (acceptor_.is_open()) {
      asio::any_io_executor strand = asio::make_strand(loop_);
      auto [error, socket] = co_await acceptor_.async_accept(strand, kTuple);
      if (!error) {
        Admit(std::move(socket));
        continue;
      }
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
      // Out of descriptors, most likely: connections that end give some back.
      LogWarning("cannot accept a connection", {{"error", error.message()}});
      asio::steady_timer pause(acceptor_.get_executor(), kAcceptRetryDelay);
      co_await pause.async_wait(kTuple);
    }
  }

  void Admit(tcp::socket socket) {
    const auto limit = static_cast<size_t>(context_.options.max_connections);
    auto connection = std::make_shared<Connection>(std::move(socket), context_);
    bool refuse = false;
    {
      MutexLock lock(mutex_);
      if (stopping_ || connections_.size() >= limit + kMaxRefusedConnections) return;
      refuse = connections_.size() >= limit;
      connections_.insert(connection);
      connections_gauge_.Set(static_cast<int64_t>(connections_.size()));
    }
    connection->Start(
        refuse, [this, weak = std::weak_ptr<Connection>(connection)] { Forget(weak.lock()); });
  }

  void Forget(const std::shared_ptr<Connection>& connection) {
    MutexLock lock(mutex_);
    connections_.erase(connection);
    connections_gauge_.Set(static_cast<int64_t>(connections_.size()));
    condition_.NotifyAll();
  }

  void ForEachConnection(const std::function<void(Connection&)>& visit, bool stopping = false) {
    MutexLock lock(mutex_);
    stopping_ = stopping_ || stopping;
    for (const auto& connection : connections_) visit(*connection);
  }

  // Waits at most `timeout_ms` (-1: for ever) and says whether all are gone.
  bool AwaitNoConnections(int64_t timeout_ms) {
    const int64_t deadline = Clock::System().MonotonicMicros() + timeout_ms * 1'000;
    MutexLock lock(mutex_);
    while (!connections_.empty()) {
      const int64_t left = deadline - Clock::System().MonotonicMicros();
      if (timeout_ms < 0) {
        condition_.Wait(mutex_);
      } else if (left <= 0) {
        return false;
      } else {
        condition_.WaitFor(mutex_, std::chrono::microseconds(left));
      }
    }
    return true;
  }

  MetricsRegistry own_metrics_;  // For when the options name none.
  MetricsRegistry& metrics_;
  asio::io_context loop_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  WorkerPool workers_;
  WorkerPool urgent_workers_;
  tcp::acceptor acceptor_;
  Gauge& connections_gauge_;
  ConnectionContext context_;
  uint16_t port_ = 0;
  std::vector<std::thread> threads_;

  Mutex shutdown_mutex_;
  bool stopped_ GUARDED_BY(shutdown_mutex_) = false;
  Mutex mutex_;
  CondVar condition_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<Connection>> connections_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                      Application application,
                                                      ErrorRenderer errors) {
  CHECK(options.io_threads > 0 && options.worker_threads > 0);
  auto server = std::make_unique<Server>(options, std::move(application), std::move(errors));
  TRY(server->Listen());
  server->Run();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace lakehouse::net
