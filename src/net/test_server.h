// For tests: a real server on a free port of the loopback address, and a client on a bare socket.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/strings.h"
#include "net/http_server.h"

namespace lakehouse::net::testing {

// Renders errors as "<status> <detail>".
inline Response PlainError(int status, std::string_view detail, std::string_view) {
  return {.status = status, .headers = {}, .body = StrCat(status, " ", detail), .stream = {}};
}

inline std::unique_ptr<HttpServer> StartServer(Application application,
                                               HttpServerOptions options = {}) {
  auto server = HttpServer::Start(options, std::move(application), PlainError);
  CHECK(server.ok());
  return *std::move(server);
}

inline std::string Url(const HttpServer& server, std::string_view target) {
  return StrCat("http://127.0.0.1:", server.port(), target);
}

// A TCP connection that sends what it is told to and reads with a time limit of 10 seconds.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer_bytes = 0) {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer_bytes > 0) {
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(int));
    }
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void Close() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  // False when the connection is gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  // Reads until `mark` was seen and returns everything up to its end; "" at the end of the stream.
  std::string ReadUntil(std::string_view mark) {
    while (true) {
      const size_t found = buffer_.find(mark);
      if (found != std::string::npos) return Take(found + mark.size());
      if (!Fill()) return "";
    }
  }

  // Reads the head and the Content-Length body of one answer.
  std::string ReadAnswer() {
    std::string answer = ReadUntil("\r\n\r\n");
    const size_t at = answer.find("Content-Length: ");
    if (at == std::string::npos) return answer;
    const size_t length = std::stoul(answer.substr(at + 16));
    while (buffer_.size() < length) {
      if (!Fill()) break;
    }
    return answer + Take(std::min(length, buffer_.size()));
  }

  // Reads to the end of the stream.
  std::string ReadToEnd() {
    while (Fill()) {
    }
    return Take(buffer_.size());
  }

 private:
  bool Fill() {
    char bytes[65'536];
    const ssize_t count = recv(socket_, bytes, sizeof(bytes), 0);
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<size_t>(count));
    return true;
  }
  std::string Take(size_t count) {
    std::string taken = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return taken;
  }

  int socket_ = -1;
  std::string buffer_;
};

// Sends one request as bytes on a fresh connection and returns everything that comes back.
inline std::string RoundTrip(const HttpServer& server, std::string_view request) {
  RawClient client(server.port());
  client.Send(request);
  return client.ReadToEnd();
}

}  // namespace lakehouse::net::testing
