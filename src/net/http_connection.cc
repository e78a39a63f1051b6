#include "net/http_connection.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"

namespace lakehouse::net {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using asio::ip::tcp;

constexpr size_t kHeadReadBytes = 8'192;
constexpr size_t kReadBytes = 65'536;
constexpr size_t kMinProgressBytes = 4'096;
constexpr size_t kMaxReadAheadBytes = 65'536;
constexpr size_t kMaxDrainBytes = 65'536;
constexpr int64_t kDrainTimeoutMs = 2'000;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

bool IsTokenByte(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

bool IsSaneRequestId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace

Connection::Connection(tcp::socket socket, const ConnectionContext& context)
    : context_(context),
      socket_(std::move(socket)),
      read_timer_(socket_.get_executor()),
      write_timer_(socket_.get_executor()),
      main_signal_(std::make_shared<AsyncSignal>(socket_.get_executor())),
      reader_signal_(std::make_shared<AsyncSignal>(socket_.get_executor())) {}

void Connection::Start(bool refuse, std::function<void()> closed) {
  refuse_ = refuse;
  closed_ = std::move(closed);
  // The completion handler keeps the connection alive for as long as the coroutine runs.
  asio::co_spawn(socket_.get_executor(), Run(),
                 [self = shared_from_this()](std::exception_ptr error) {
                   if (error != nullptr) LogError("a connection ended with an exception");
                   ErrorCode ignored;
                   self->socket_.close(ignored);
                   self->closed_();
                 });
}

void Connection::Drain() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->draining_ = true;
    ErrorCode ignored;
    if (self->idle_) self->socket_.shutdown(tcp::socket::shutdown_receive, ignored);
  });
}

void Connection::CancelWork() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->exchange_ == nullptr) return;
    self->exchange_->cancel().Cancel();
    self->exchange_->input().CloseWriter(Cancelled("the server stops"));
  });
}

void Connection::Abort() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->aborted_ = true;
    if (self->exchange_ != nullptr) self->exchange_->Cancel();
    ErrorCode ignored;
    self->socket_.close(ignored);
  });
}

Connection::Awaitable<void> Connection::Run() {
  ErrorCode ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  bool again = true;
  while (again) {
    const HeadResult head = co_await ReadHead();
    if (head == HeadResult::kClosed) co_return;
    if (head == HeadResult::kRefused) break;
    again = co_await ServeRequest();
    first_request_ = false;
  }
  co_await Linger();
}

// Reading between requests ------------------------------------------------------------------------

// Returns the size of the head in buffer_ with its empty line, or 0 when it is not there yet. Drops
// empty lines before the request line (RFC 9112 section 2.2).
size_t Connection::FindHeadEnd() {
  while (Buffered().starts_with("\r\n")) buffer_.consume(2);
  const size_t end = Buffered().find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

Connection::Awaitable<Connection::HeadResult> Connection::ReadHead() {
  started_micros_ = 0;
  decoder_ = std::make_unique<RequestDecoder>(
      DecoderLimits{.max_body_bytes = context_.options.max_body_bytes});
  if (Buffered().empty()) buffer_ = {};  // An idle connection holds no memory for bodies.
  const HttpServerOptions& options = context_.options;
  ArmRead(first_request_ ? options.header_timeout_ms : options.keep_alive_timeout_ms);
  bool begun = false;
  size_t head_bytes = FindHeadEnd();
  while (head_bytes == 0) {
    const std::string_view bytes = Buffered();
    if (!bytes.empty() && bytes != "\r" && !IsTokenByte(bytes.front())) {
      co_return co_await RefuseHead(400, "the request does not start with a method");
    }
    if (bytes.size() > options.max_header_bytes) break;
    if (draining_ && bytes.empty()) co_return HeadResult::kClosed;
    if (!bytes.empty() && !begun) {
      begun = true;
      if (!first_request_) ArmRead(options.header_timeout_ms);
    }
    idle_ = bytes.empty();
    const size_t count = co_await ReadSome(kHeadReadBytes);
    idle_ = false;
    if (count == 0) {
      if (!read_timed_out_ || Buffered().empty()) co_return HeadResult::kClosed;
      co_return co_await RefuseHead(408, "the request head did not arrive in time");
    }
    head_bytes = FindHeadEnd();
  }
  DisarmRead();
  started_micros_ = Clock::System().MonotonicMicros();
  if (head_bytes == 0 || head_bytes > options.max_header_bytes) {
    co_return co_await RefuseHead(431, StrCat("the request head is too large: send at most ",
                                              options.max_header_bytes, " bytes"));
  }
  const Status status = decoder_->ParseHead(Buffered().substr(0, head_bytes));
  buffer_.consume(head_bytes);
  if (!status.ok()) {
    co_return co_await RefuseHead(decoder_->error_http_status(), status.message());
  }
  co_return HeadResult::kRequest;
}

Connection::Awaitable<Connection::HeadResult> Connection::RefuseHead(int status,
                                                                     std::string detail) {
  request_id_ = NewUuid(Clock::System());
  co_await Refuse(status, std::move(detail));
  co_return HeadResult::kRefused;
}

// One request -------------------------------------------------------------------------------------

Status Connection::PrepareRequest(Request& request, int& http_status) {
  const RequestHead& head = decoder_->head();
  request.method = ParseMethod(head.method);
  request.headers = head.headers;
  const std::string_view wanted_id = head.headers.Get("X-Request-Id").value_or("");
  request_id_ = IsSaneRequestId(wanted_id) ? std::string(wanted_id) : NewUuid(Clock::System());
  request.request_id = request_id_;
  if (context_.loopback) {
    http_status = 403;
    TRY(CheckLoopbackOrigin(head.headers));
  }
  http_status = 400;
  return ParseTarget(head.target, request);
}

Connection::Awaitable<bool> Connection::ServeRequest() {
  Request request;
  int http_status = 0;
  const Status status = PrepareRequest(request, http_status);
  if (!status.ok()) co_return co_await Refuse(http_status, status.message());
  if (refuse_) co_return co_await Refuse(503, "too many connections are open: try again later");

  const bool urgent = context_.options.urgent && context_.options.urgent(request);
  auto on_input = [main = main_signal_, reader = reader_signal_] {
    reader->Notify();
    main->Notify();
  };
  auto on_output = [main = main_signal_] { main->Notify(); };
  auto exchange = std::make_shared<Exchange>(std::move(request), on_input, on_output);
  const Status queued = (urgent ? context_.urgent_workers : context_.workers)
                            ->Submit([exchange, context = &context_] {
                              exchange->Run(context->application, context->errors);
                            });
  if (!queued.ok()) co_return co_await Refuse(503, queued.message());
  context_.in_flight->Add(1);
  const bool again = co_await Exchanged(exchange);
  context_.in_flight->Add(-1);
  co_return again;
}

Connection::Awaitable<bool> Connection::Exchanged(std::shared_ptr<Exchange> exchange) {
  exchange_ = exchange;
  body_allowed_ = !decoder_->head().expects_continue;
  body_error_status_ = 0;
  finished_ = false;
  reading_ = true;
  if (aborted_) exchange->Cancel();
  asio::co_spawn(socket_.get_executor(), ReadRequest(exchange),
                 [self = shared_from_this()](std::exception_ptr error) {
                   if (error != nullptr) self->exchange_->Cancel();
                   self->reading_ = false;
                   self->main_signal_->Notify();
                 });
  const bool written = co_await Respond(*exchange);
  co_await StopReading();
  exchange_ = nullptr;
  if (!written || !KeepAlive()) co_return false;
  if (decoder_->done()) co_return true;
  const bool drained = co_await DrainBody();
  co_return drained;
}

bool Connection::KeepAlive() const {
  return decoder_->head().keep_alive && !draining_ && !peer_closed_ && !refuse_ &&
         (decoder_->done() || (body_allowed_ && body_error_status_ == 0));
}

Connection::Awaitable<Response> Connection::AwaitAnswer(Exchange& exchange) {
  while (true) {
    std::optional<Response> answer = exchange.TakeAnswer();
    const bool wants_body =
        exchange.input().reader_waited() || (answer.has_value() && answer->stream != nullptr);
    if (!body_allowed_ && wants_body) {
      co_await Write("HTTP/1.1 100 Continue\r\n\r\n");
      body_allowed_ = true;
      reader_signal_->Notify();
    }
    if (answer.has_value()) co_return *std::move(answer);
    co_await main_signal_->Wait();
  }
}

Connection::Awaitable<bool> Connection::Respond(Exchange& exchange) {
  Response response = co_await AwaitAnswer(exchange);
  // What the handler made of a broken body is worth less than what was wrong with the body.
  if (body_error_status_ != 0 && exchange.input().error_delivered() &&
      !exchange.cancel().stopped()) {
    response = context_.errors(body_error_status_, body_error_.message(), request_id_);
  }
  const int status = response.status;
  const bool close = !KeepAlive();
  const bool streams =
      response.stream != nullptr && exchange.method() != Method::kHead && !IsBodiless(status);
  bool written = false;
  if (streams) {
    written = co_await WriteStream(exchange, response, close);
  } else {
    written = co_await WriteAnswer(response, exchange.method(), close);
  }
  exchange.output().CloseReader();
  if (!written) exchange.cancel().Cancel();
  Finish(status);
  co_return written && !close;
}

Connection::Awaitable<void> Connection::StopReading() {
  finished_ = true;
  DisarmRead();
  reader_signal_->Notify();
  ErrorCode ignored;
  if (reading_) socket_.cancel(ignored);
  while (reading_) co_await main_signal_->Wait();
}

Connection::Awaitable<bool> Connection::DrainBody() {
  ArmRead(kDrainTimeoutMs);
  std::string dropped;
  size_t total = 0;
  while (!decoder_->done() && total <= kMaxDrainBytes) {
    size_t used = 0;
    if (!Buffered().empty()) {
      const Result<size_t> decoded = decoder_->DecodeBody(Buffered(), dropped);
      if (!decoded.ok()) co_return false;
      used = *decoded;
      dropped.clear();
      buffer_.consume(used);
      total += used;
    }
    if (used > 0) continue;
    const size_t count = co_await ReadSome(kReadBytes);
    if (count == 0) co_return false;
  }
  DisarmRead();
  co_return decoder_->done();
}

// Reading while a handler runs --------------------------------------------------------------------

Connection::Awaitable<void> Connection::ReadRequest(std::shared_ptr<Exchange> exchange) {
  const bool complete = co_await ReadBody(*exchange);
  if (complete) co_await WatchForClose(*exchange);
}

Connection::Awaitable<bool> Connection::ReadBody(Exchange& exchange) {
  while (!body_allowed_ && !finished_) co_await reader_signal_->Wait();
  size_t window_bytes = 0;
  while (!decoder_->done()) {
    if (finished_ || exchange.input().reader_closed()) co_return false;
    if (exchange.input().full()) {
      DisarmRead();
      window_bytes = 0;
      co_await reader_signal_->Wait();
      continue;
    }
    size_t used = 0;
    if (!Buffered().empty()) {
      std::string decoded;
      const Result<size_t> step = decoder_->DecodeBody(Buffered(), decoded);
      if (!step.ok()) {
        FailBody(exchange, decoder_->error_http_status(), step.status());
        co_return false;
      }
      used = *step;
      buffer_.consume(used);
      exchange.input().Append(decoded);
    }
    if (used > 0) continue;
    const bool more = co_await ReadMoreBody(exchange, window_bytes);
    if (!more) co_return false;
  }
  DisarmRead();
  exchange.input().CloseWriter(OkStatus());
  co_return true;
}

// A new window of time begins with the first read and then with every kMinProgressBytes.
Connection::Awaitable<bool> Connection::ReadMoreBody(Exchange& exchange, size_t& window_bytes) {
  if (window_bytes == 0) ArmRead(context_.options.body_idle_timeout_ms);
  const size_t count = co_await ReadSome(kReadBytes);
  if (finished_) co_return false;
  if (count == 0) {
    if (read_timed_out_) {
      FailBody(exchange, 408, DeadlineExceeded("the request body came too slowly"));
    } else {
      peer_closed_ = true;
      FailBody(exchange, 400, InvalidArgument("the request body ended early"));
      exchange.cancel().Cancel();
    }
    co_return false;
  }
  window_bytes += count;
  if (window_bytes >= kMinProgressBytes) window_bytes = 0;
  co_return true;
}

void Connection::FailBody(Exchange& exchange, int http_status, Status status) {
  body_error_status_ = http_status;
  body_error_ = status;
  exchange.input().CloseWriter(std::move(status));
}

// Reads ahead while the handler runs, only to learn that the client went away. A client that sent
// its next request before it stopped sending still waits for answers.
Connection::Awaitable<void> Connection::WatchForClose(Exchange& exchange) {
  while (!finished_) {
    if (Buffered().size() >= kMaxReadAheadBytes) {
      co_await reader_signal_->Wait();
      continue;
    }
    const size_t count = co_await ReadSome(kReadBytes);
    if (count > 0) continue;
    if (finished_ || !Buffered().empty()) co_return;
    peer_closed_ = true;
    exchange.cancel().Cancel();
    co_return;
  }
}

Connection::Awaitable<size_t> Connection::ReadSome(size_t max_bytes) {
  const auto space = buffer_.prepare(max_bytes);
  auto [error, count] = co_await socket_.async_read_some(space, kTuple);
  if (error) co_return 0;
  buffer_.commit(count);
  co_return count;
}

// At the deadline the receiving side is shut down: the pending read ends, while an answer can still
// be written.
void Connection::ArmRead(int64_t timeout_ms) {
  const uint64_t generation = ++read_generation_;
  read_timed_out_ = false;
  read_timer_.expires_after(std::chrono::milliseconds(timeout_ms));
  read_timer_.async_wait([self = shared_from_this(), generation](ErrorCode error) {
    if (error || generation != self->read_generation_) return;
    self->read_timed_out_ = true;
    ErrorCode ignored;
    self->socket_.shutdown(tcp::socket::shutdown_receive, ignored);
  });
}

void Connection::DisarmRead() {
  ++read_generation_;
  read_timer_.cancel();
}

std::string_view Connection::Buffered() const {
  return {static_cast<const char*>(buffer_.data().data()), buffer_.size()};
}

}  // namespace lakehouse::net
