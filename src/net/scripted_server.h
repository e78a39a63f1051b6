// For tests: a server that does to each connection what the test says, right or wrong.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::net::testing {

// One accepted connection. Ends when it goes out of scope.
class Peer {
 public:
  explicit Peer(int socket) : socket_(socket) {}
  ~Peer() { close(socket_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  int socket() const { return socket_; }

  // False when the connection is gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  // Reads up to the end of a request's head; "" when the connection ends before.
  std::string ReadHead() {
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return "";
    }
    return Take(end + 4);
  }

  // Reads a request whose body, if any, has a Content-Length; "" when the connection ends before.
  std::string ReadRequest() {
    std::string request = ReadHead();
    const size_t at = request.find("Content-Length: ");
    if (at == std::string::npos) return request;
    const size_t length = std::stoul(request.substr(at + 16));
    while (buffer_.size() < length) {
      if (!Fill()) return "";
    }
    return request + Take(length);
  }

  // Reads everything until the client ends the connection.
  std::string ReadToEnd() {
    while (Fill()) {
    }
    return Take(buffer_.size());
  }

  // The client gets a reset instead of an end.
  void ResetWhenClosed() {
    const linger abort{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  }

 private:
  bool Fill() {
    char bytes[65'536];
    const ssize_t count = recv(socket_, bytes, sizeof(bytes), 0);
    if (count > 0) buffer_.append(bytes, static_cast<size_t>(count));
    return count > 0;
  }
  std::string Take(size_t count) {
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return taken;
  }

  const int socket_;
  std::string buffer_;
};

// A bound port of the loopback address; listens when `backlog` is not negative.
class LoopbackSocket {
 public:
  explicit LoopbackSocket(int backlog) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    CHECK(socket_ >= 0 && bind(socket_, generic, size) == 0);
    CHECK(backlog < 0 || listen(socket_, backlog) == 0);
    CHECK(getsockname(socket_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~LoopbackSocket() { close(socket_); }
  LoopbackSocket(const LoopbackSocket&) = delete;
  LoopbackSocket& operator=(const LoopbackSocket&) = delete;

  int socket() const { return socket_; }
  uint16_t port() const { return port_; }
  std::string Url(std::string_view target) const {
    return StrCat("http://127.0.0.1:", port_, target);
  }

 private:
  const int socket_;
  uint16_t port_ = 0;
};

// Runs the script on a thread for each connection; `index` counts connections from 0. The
// destructor waits for every script: the client's connections must have ended by then, or the
// script must end by itself.
class ScriptedServer {
 public:
  using Script = std::function<void(Peer& peer, int index)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)), listener_(128) {
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~ScriptedServer() {
    shutdown(listener_.socket(), SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : scripts_) thread.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  uint16_t port() const { return listener_.port(); }
  std::string Url(std::string_view target = "/") const { return listener_.Url(target); }
  int accepted() const { return accepted_; }
  // Connections whose script has not ended.
  int open() const { return open_; }

 private:
  void Accept() {
    while (true) {
      const int socket = accept4(listener_.socket(), nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      ++open_;
      scripts_.emplace_back([this, socket, index = accepted_++] {
        {
          Peer peer(socket);
          script_(peer, index);
        }
        --open_;
      });
    }
  }

  const Script script_;
  LoopbackSocket listener_;
  std::atomic<int> accepted_ = 0;
  std::atomic<int> open_ = 0;
  std::vector<std::thread> scripts_;  // Of the acceptor until it is joined.
  std::thread acceptor_;
};

// A whole answer.
inline std::string Answer(std::string_view body, int status = 200) {
  return StrCat("HTTP/1.1 ", status, " X\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

}  // namespace lakehouse::net::testing
