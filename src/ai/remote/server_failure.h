// What a failed request means for the others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secrets.h"
#include "base/status.h"
#include "net/http_client.h"

namespace lakehouse::ai {

// Whom a failure concerns, and so what can be done about it.
enum class Blame {
  kServer,  // Every request would meet it.
  kTexts,   // Perhaps one text of the request: divide it.
  kSize,    // Too much in one request: divide it, and make later ones smaller.
  kLength,  // A text is longer than the model takes: cut it.
  kModel,   // The model crashed or made no number: may go well once more, or for other texts.
};

struct ServerFailure {
  Status status;  // Ok: nothing failed, and the rest means nothing.
  Blame blame = Blame::kServer;
  bool retryable = false;     // The same request may succeed later.
  bool unreachable = false;   // No server was reached, or only one on the way to it.
  bool no_such_call = false;  // The server does not know the path.
  std::optional<int64_t> retry_after_ms = std::nullopt;

  bool ok() const { return status.ok(); }
};

// Which request failed, for messages.
struct RequestName {
  std::string_view method;
  std::string_view url;
};

// Of an answer that is not 2xx. What the server says stands in the message, shortened, on one line
// and without `key`.
ServerFailure FailureOfAnswer(const net::ClientResponse& answer, const RequestName& request,
                              const Secret& key);
// Of what HttpClient::Fetch returned. Not retryable where time ran out or an answer was too large.
ServerFailure FailureOfTransfer(const Status& status);
// Of a 2xx answer that is not what was expected.
ServerFailure FailureOfContent(std::string_view body, const RequestName& request);
// Of a line with an error inside a 2xx answer.
ServerFailure FailureInStream(std::string_view message, const RequestName& request,
                              const Secret& key);

// What an error's body says: the text of "error", "message" or "detail" in the forms of Ollama,
// OpenAI, TEI and vLLM, or else the body itself.
std::string ErrorMessageOf(std::string_view body);

}  // namespace lakehouse::ai
