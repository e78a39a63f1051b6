// The writing half of a connection.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "base/clock.h"
#include "net/http_connection.h"

namespace lakehouse::net {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using asio::ip::tcp;

constexpr size_t kSliceBytes = 65'536;
constexpr size_t kLingerReadBytes = 65'536;
constexpr size_t kMaxLingerBytes = 16'777'216;
constexpr int64_t kLingerTimeoutMs = 1'000;

std::string HexSize(size_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value, 16).ptr;
  return std::string(digits, end);
}

}  // namespace

Connection::Awaitable<bool> Connection::WriteAnswer(const Response& response, Method method,
                                                    bool close) {
  HeadOptions head{.body_bytes = response.body.size(),
                   .close = close,
                   .request_id = request_id_,
                   .now = Clock::System().Now()};
  if (IsBodiless(response.status)) {
    head.framing = Framing::kNone;
  } else if (response.stream != nullptr) {
    head.framing = response.stream_bytes.has_value() ? Framing::kLength : Framing::kChunked;
    head.body_bytes = response.stream_bytes.value_or(0);
  }
  const std::string text = EncodeHead(response, head);
  const bool has_body = method != Method::kHead && head.framing == Framing::kLength;
  const std::string_view body = has_body ? std::string_view(response.body) : std::string_view();
  const std::string_view slice = body.substr(0, kSliceBytes);
  bool ok = co_await Write(text, slice);
  for (size_t at = slice.size(); ok && at < body.size(); at += kSliceBytes) {
    ok = co_await Write(body.substr(at, kSliceBytes));
  }
  co_return ok;
}

Connection::Awaitable<bool> Connection::WriteStream(Exchange& exchange, const Response& response,
                                                    bool close) {
  Framing framing = Framing::kUntilClose;
  if (response.stream_bytes.has_value()) {
    framing = Framing::kLength;
  } else if (decoder_->head().version >= 11) {
    framing = Framing::kChunked;
  }
  const bool chunked = framing == Framing::kChunked;
  uint64_t promised_bytes = response.stream_bytes.value_or(UINT64_MAX);
  const std::string text = EncodeHead(response, {.framing = framing,
                                                 .body_bytes = promised_bytes,
                                                 .close = close,
                                                 .request_id = request_id_,
                                                 .now = Clock::System().Now()});
  bool ok = co_await Write(text);
  while (ok) {
    // The end is asked for first: bytes that come before it are then surely in what is taken.
    const bool ended = exchange.output().writer_closed();
    const std::string bytes = exchange.output().TakeAll();
    if (bytes.size() > promised_bytes) co_return false;
    promised_bytes -= bytes.size();
    for (size_t at = 0; ok && at < bytes.size(); at += kSliceBytes) {
      const std::string_view slice = std::string_view(bytes).substr(at, kSliceBytes);
      const std::string size_line = chunked ? StrCat(HexSize(slice.size()), "\r\n") : "";
      ok = co_await Write(size_line, slice, chunked ? "\r\n" : "");
    }
    if (!ok) break;
    if (ended) {
      // Without the last chunk, or the last byte, the client knows that the answer is not whole.
      if (!exchange.output().end().ok()) co_return false;
      if (framing == Framing::kLength && promised_bytes > 0) co_return false;
      if (chunked) ok = co_await Write("0\r\n\r\n");
      break;
    }
    if (bytes.empty()) co_await main_signal_->Wait();
  }
  co_return ok;
}

// Answers without a handler, after which the connection closes.
Connection::Awaitable<bool> Connection::Refuse(int status, std::string detail) {
  Response response = context_.errors(status, detail, request_id_);
  if (status == 503) response.headers.Set("Retry-After", "1");
  const Method method = ParseMethod(decoder_->head().method);
  co_await WriteAnswer(response, method, true);
  Finish(status);
  co_return false;
}

Connection::Awaitable<bool> Connection::Write(std::string_view first, std::string_view second,
                                              std::string_view third) {
  write_timer_.expires_after(std::chrono::milliseconds(context_.options.body_idle_timeout_ms));
  const uint64_t generation = ++write_generation_;
  write_timer_.async_wait([self = shared_from_this(), generation](ErrorCode error) {
    if (error || generation != self->write_generation_) return;
    ErrorCode ignored;
    self->socket_.close(ignored);
  });
  const std::array<asio::const_buffer, 3> buffers = {
      asio::const_buffer(first.data(), first.size()),
      asio::const_buffer(second.data(), second.size()),
      asio::const_buffer(third.data(), third.size())};
  auto [error, count] =
      co_await asio::async_write(socket_, buffers, asio::as_tuple(asio::use_awaitable));
  ++write_generation_;
  write_timer_.cancel();
  co_return !error;
}

// Closing with unread bytes would reset the connection and could destroy the answer on its way
// (RFC 9112 section 9.6): says that nothing more comes, then reads for a moment.
Connection::Awaitable<void> Connection::Linger() {
  ErrorCode ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  if (peer_closed_ || read_timed_out_) co_return;
  ArmRead(kLingerTimeoutMs);
  size_t total = 0;
  while (total < kMaxLingerBytes) {
    buffer_.clear();
    const size_t count = co_await ReadSome(kLingerReadBytes);
    if (count == 0) break;
    total += count;
  }
  DisarmRead();
}

void Connection::Finish(int status) {
  const std::string_view method = MethodName(ParseMethod(decoder_->head().method));
  context_.metrics
      ->GetCounter("lakehouse_http_requests_total", "HTTP requests answered.",
                   {{"method", std::string(method)}, {"status", StrCat(status)}})
      .Add();
  if (started_micros_ == 0) return;
  const int64_t micros = Clock::System().MonotonicMicros() - started_micros_;
  context_.seconds->Observe(static_cast<double>(micros) / 1e6);
}

}  // namespace lakehouse::net
