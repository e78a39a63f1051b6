#include "ai/remote/server_failure.h"

#include <algorithm>
#include <initializer_list>

#include "ai/remote/retry_policy.h"
#include "base/json.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kMaxMessageBytes = 300;

// Keeps what a server says on one line, short and free of the key, of which it may remind us.
std::string Sanitized(std::string text, const Secret& key) {
  if (!key.empty()) {
    size_t at = 0;
    while ((at = text.find(key.Reveal(), at)) != std::string::npos) {
      text.replace(at, key.Reveal().size(), "[key]");
    }
  }
  std::string out;
  const std::string_view trimmed = TrimWhitespace(text);
  for (size_t i = 0; i < trimmed.size() && out.size() < kMaxMessageBytes;) {
    const size_t length = Utf8SequenceLength(trimmed.substr(i));
    const bool printable = length > 1 || (length == 1 && trimmed[i] >= 0x20 && trimmed[i] != 0x7F);
    out.append(printable ? trimmed.substr(i, length) : "?");
    i += std::max<size_t>(length, 1);
  }
  return out;
}

// " (POST http://127.0.0.1:11434/api/embed answered 400: no)"
std::string Said(int status, const std::string& message, const RequestName& request) {
  std::string out = StrCat(" (", request.method, " ", request.url, " answered ", status);
  if (!message.empty()) StrAppend(out, ": ", message);
  return out + ")";
}

bool HoldsAny(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

// The words of Ollama, llama.cpp, TEI, vLLM and OpenAI, lowered.
bool SaysTooLong(std::string_view text) {
  return HoldsAny(text, {"context length", "context size", "too large to process",
                         "must have less than", "maximum sequence length", "too many tokens",
                         "input is too long", "exceeds the maximum number of tokens"});
}
bool SaysModelFailed(std::string_view text) {
  return HoldsAny(text,
                  {"nan or inf", "unsupported value", ": eof", "unexpected eof", "runner process",
                   "runner has", "forcibly closed", "connection refused", "connection reset"});
}
bool SaysBatchTooLarge(std::string_view text) {
  return HoldsAny(text, {"batch size", "payload too large", "too many inputs"});
}

// Of 400, 413, 422, 424 and 500, which name neither the server nor a text for sure.
ServerFailure RefusedFailure(int status, const std::string& lowered, const std::string& said) {
  if (SaysModelFailed(lowered)) {
    return {.status = InvalidArgument("the model fails for this text", said),
            .blame = Blame::kModel};
  }
  if (SaysBatchTooLarge(lowered) || status == 413) {
    const bool length = SaysTooLong(lowered);
    return {.status = InvalidArgument("the request is too large for the server", said),
            .blame = length ? Blame::kLength : Blame::kSize};
  }
  if (SaysTooLong(lowered)) {
    return {.status = InvalidArgument("the text is longer than the model takes", said),
            .blame = Blame::kLength};
  }
  if (status < 500 && HoldsAny(lowered, {"does not support"})) {
    return {.status = InvalidArgument("the model is not one for this kind of request", said)};
  }
  if (status == 424 || status == 500) {
    return {.status = Unavailable("the server fails for this text", said), .blame = Blame::kTexts};
  }
  return {.status = InvalidArgument("the server refuses this text", said), .blame = Blame::kTexts};
}

ServerFailure MissingFailure(const std::string& lowered, const std::string& said) {
  if (lowered.find("model") != std::string::npos) {
    return {.status = NotFound(
                "the server does not have this model; add it there, or correct `model`", said)};
  }
  return {.status = Unavailable(
              "the server has no such call; correct the provider's `kind` and `url`", said),
          .no_such_call = true};
}

}  // namespace

std::string ErrorMessageOf(std::string_view body) {
  const Result<Json> json = ParseJson(body);
  if (!json.ok() || !json->is_object()) return std::string(body);
  const Json* found = &*json;
  for (const char* name : {"error", "message", "detail"}) {
    if (!found->is_object()) break;
    const auto field = found->find(name);
    if (field != found->end() && !field->is_null()) found = &*field;
  }
  if (found->is_string()) return found->get<std::string>();
  return DumpJson(*found);
}

ServerFailure FailureOfAnswer(const net::ClientResponse& answer, const RequestName& request,
                              const Secret& key) {
  const std::string message = Sanitized(ErrorMessageOf(answer.body), key);
  const std::string said = Said(answer.status, message, request);
  const std::string lowered = ToLowerAscii(message);
  switch (answer.status) {
    case 400:
    case 413:
    case 422:
    case 424:
    case 500:
      return RefusedFailure(answer.status, lowered, said);
    case 401:
      return {.status = Unauthenticated("the server wants another API key; correct `api_key` of "
                                        "the provider's secret",
                                        said)};
    case 403:
      return {.status = PermissionDenied("the server does not allow this", said)};
    case 404:
      return MissingFailure(lowered, said);
    case 405:
    case 501:
      return {.status = InvalidArgument("the server does not have this kind of request", said),
              .no_such_call = true};
    case 408:
    case 429:
    case 503:
      return {.status = Unavailable("the server is busy", said),
              .retryable = true,
              .retry_after_ms = RetryAfterMs(answer.headers)};
    case 502:
    case 504:
      return {.status = Unavailable("the server is not there behind its gateway", said),
              .retryable = true,
              .unreachable = true,
              .retry_after_ms = RetryAfterMs(answer.headers)};
    default:
      break;
  }
  if (answer.status >= 300 && answer.status < 400) {
    return {.status = Unavailable("the server redirects, which is not followed; set the "
                                  "provider's `url` to where it is",
                                  said)};
  }
  if (answer.status >= 500) {
    return {.status = Unavailable("the server fails", said), .blame = Blame::kTexts};
  }
  return {.status = InvalidArgument("the server refuses the request", said),
          .blame = Blame::kTexts};
}

ServerFailure FailureOfTransfer(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnavailable:
      return {.status = status, .retryable = true, .unreachable = true};
    case StatusCode::kDeadlineExceeded:
      return {.status = status.Annotate(
                  "the model server did not answer in time; raise request_timeout_ms or lower "
                  "max_batch_texts of the provider"),
              .unreachable = true};
    case StatusCode::kResourceExhausted:
      return {.status = Unavailable("the model server does not behave: ", status.message())};
    default:
      return {.status = status};
  }
}

ServerFailure FailureOfContent(std::string_view body, const RequestName& request) {
  const std::string said = Said(200, Sanitized(std::string(body.substr(0, 80)), Secret()), request);
  // Some servers print NaN where JSON has no word for it.
  if (TrimWhitespace(body).starts_with('{') && HoldsAny(body, {"NaN", "nan", "Infinity", "inf"})) {
    return {.status =
                InvalidArgument("the model makes numbers that are not finite for this text", said),
            .blame = Blame::kModel};
  }
  return {.status = Unavailable("what answers is no such model server; correct the provider's "
                                "`kind` and `url`",
                                said)};
}

ServerFailure FailureInStream(std::string_view message, const RequestName& request,
                              const Secret& key) {
  return {.status = Unavailable("the server gave up in the middle of the answer (", request.method,
                                " ", request.url, ": ", Sanitized(std::string(message), key), ")")};
}

}  // namespace lakehouse::ai
