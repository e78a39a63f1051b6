#include "app/serve.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <thread>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "app/core.h"
#include "base/log.h"
#include "net/http_server.h"

namespace lakehouse::app {

namespace {

// Blocks the signals that end the server in this thread and all that it starts.
sigset_t BlockStopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

net::HttpServerOptions ServerOptions(const ServerConfig& config, const ListenAddress& address,
                                     MetricsRegistry& metrics) {
  net::HttpServerOptions options;
  options.host = address.host;
  options.port = address.port;
  options.io_threads = static_cast<int>(config.io_threads);
  options.worker_threads = static_cast<int>(config.worker_threads);
  options.max_connections = static_cast<int>(config.max_connections);
  options.max_header_bytes = static_cast<uint64_t>(config.max_header_bytes);
  options.max_body_bytes = static_cast<uint64_t>(config.max_upload_bytes);
  options.header_timeout_ms = config.header_timeout_ms;
  options.body_idle_timeout_ms = config.body_idle_timeout_ms;
  options.keep_alive_timeout_ms = config.keep_alive_timeout_ms;
  options.urgent = gateway::IsUrgent;
  options.metrics = &metrics;
  return options;
}

void WaitForStop(const sigset_t& set) {
  int received = 0;
  sigwait(&set, &received);
  LogInfo("draining", {{"signal", received}});
  // From here a second signal means "now".
  std::thread([set] {
    int second = 0;
    sigwait(&set, &second);
    _exit(1);
  }).detach();
}

}  // namespace

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const Status bad =
      InvalidArgument("a listen address is HOST:PORT, for example 127.0.0.1:3100, not: ", text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad;
  ListenAddress address;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  address.host = host;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (host.empty() || port.empty() || error != std::errc() || end != port.data() + port.size()) {
    return bad;
  }
  return address;
}

Status Serve(const std::string& data_dir, const Config& config, const SecretStore& secrets) {
  ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(config.server.listen));
  if (!IsLoopback(address.host)) {
    return InvalidArgument(
        "without access keys the server listens on loopback only; use 127.0.0.1, not: ",
        address.host);
  }
  const sigset_t stop_signals = BlockStopSignals();
  std::signal(SIGPIPE, SIG_IGN);
  ASSIGN_OR_RETURN(DataDirectory directory, DataDirectory::Open(data_dir, "serve", nullptr));
  ASSIGN_OR_RETURN(const std::unique_ptr<Core> core,
                   Core::Open(std::move(directory),
                              {.config = config, .secrets = secrets, .preload_model = true}));
  ASSIGN_OR_RETURN(const std::unique_ptr<net::HttpServer> server,
                   net::HttpServer::Start(
                       ServerOptions(config.server, address, core->metrics()),
                       [&core](net::Request& request) { return core->gateway().Handle(request); },
                       gateway::ProblemResponse));
  const bool ipv6 = address.host.find(':') != std::string::npos;
  const std::string url =
      StrCat("http://", ipv6 ? "[" : "", address.host, ipv6 ? "]" : "", ":", server->port());
  TRY(core->directory().SetAddress(url));
  LogInfo("serving", {{"address", url}, {"data", data_dir}, {"access", "loopback only, no keys"}});
  std::printf("lakehouse ready at %s\n", url.c_str());
  std::fflush(stdout);

  WaitForStop(stop_signals);
  core->StartDraining();
  server->Shutdown(config.server.drain_timeout_ms);
  return OkStatus();
}

}  // namespace lakehouse::app
