// One request on its way through a handler, seen by the connection and by the worker.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/mutex.h"
#include "net/byte_pipe.h"
#include "net/http_message.h"
#include "net/http_server.h"

namespace lakehouse::net {

// Shared by the connection and the worker that runs the handler. `request` belongs to the worker
// from Run on; the pipes and the answer are thread-safe.
class Exchange {
 public:
  // `input_changed` and `output_changed` are called on the worker's thread; see BytePipe.
  Exchange(Request incoming, std::function<void()> input_changed,
           std::function<void()> output_changed);

  // Runs the handler and, when its answer is a stream, its producer. Never throws.
  void Run(const Application& application, const ErrorRenderer& errors);

  // The handler's answer, once it is there. `stream` is set on it when a body comes through output.
  std::optional<Response> TakeAnswer() EXCLUDES_LOCK(mutex_);

  // Stops the work: the handler's token, its body and its output.
  void Cancel();

  BytePipe& input() { return *input_; }
  BytePipe& output() { return output_; }
  CancelToken& cancel() { return cancel_; }
  Method method() const { return method_; }
  const std::string& request_id() const { return request_id_; }

 private:
  Response Handle(const Application& application, const ErrorRenderer& errors);
  void Produce(const BodyProducer& producer);

  const Method method_;
  const std::string request_id_;
  const std::function<void()> output_changed_;
  const std::shared_ptr<BytePipe> input_;  // Shared with the request's body.
  BytePipe output_;
  CancelToken cancel_;
  Request request_;
  Mutex mutex_;
  std::optional<Response> answer_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::net
