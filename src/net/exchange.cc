#include "net/exchange.h"

#include <exception>
#include <utility>

#include "base/log.h"

namespace lakehouse::net {
namespace {

constexpr size_t kPipeBytes = 262'144;

}  // namespace

Exchange::Exchange(Request incoming, std::function<void()> input_changed,
                   std::function<void()> output_changed)
    : method_(incoming.method),
      request_id_(incoming.request_id),
      output_changed_(std::move(output_changed)),
      input_(std::make_shared<BytePipe>(kPipeBytes, std::move(input_changed))),
      output_(kPipeBytes, output_changed_),
      request_(std::move(incoming)) {
  request_.body = std::make_unique<PipeSource>(input_);
  request_.cancel = cancel_;
}

void Exchange::Run(const Application& application, const ErrorRenderer& errors) {
  Response response = Handle(application, errors);
  const BodyProducer producer = response.stream;
  {
    MutexLock lock(mutex_);
    answer_ = std::move(response);
  }
  output_changed_();
  if (producer && method_ != Method::kHead) Produce(producer);
  output_.CloseWriter(OkStatus());
  request_.body.reset();
}

Response Exchange::Handle(const Application& application, const ErrorRenderer& errors) {
  try {
    return application(request_);
  } catch (const std::exception& error) {
    LogError("a handler threw", {{"request_id", request_id_}, {"error", error.what()}});
    return errors(500, "internal error", request_id_);
  }
}

void Exchange::Produce(const BodyProducer& producer) {
  Status status;
  try {
    status = producer([this](std::string_view bytes) { return output_.Write(bytes); });
  } catch (const std::exception& error) {
    status = Internal(error.what());
  }
  if (!status.ok()) {
    // A client that left is its own affair.
    Log(output_.reader_closed() ? LogLevel::kDebug : LogLevel::kWarning,
        "a streamed answer broke off", {{"request_id", request_id_}, {"error", status.ToString()}});
  }
  output_.CloseWriter(std::move(status));
}

std::optional<Response> Exchange::TakeAnswer() {
  MutexLock lock(mutex_);
  return std::exchange(answer_, std::nullopt);
}

void Exchange::Cancel() {
  cancel_.Cancel();
  input_->CloseWriter(Cancelled("the client is gone or the server stops"));
  output_.CloseReader();
}

}  // namespace lakehouse::net
