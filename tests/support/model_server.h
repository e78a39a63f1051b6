// A model server that fails as real ones do, for one test.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/strings.h"
#include "support/line_program.h"

namespace lakehouse::testing {

// Which requests suffer a fault; every field that is given must match. The names of the faults are
// in `python3 tests/support/model_fault_server.py --help`.
struct ModelFault {
  std::string fault;
  int64_t number = 0;       // The request's number, from 1 since Clear; 0: any.
  std::string path;         // "/api/embed"; "": every route that makes a model work.
  std::string text;         // A regular expression to be found in a text of the request.
  int64_t min_texts = 0;    // Requests of fewer texts pass.
  int64_t skip = 0;         // So many matching requests pass first,
  int64_t every = 1;        // then each k-th is hit,
  int64_t times = 1;        // so often; 0: for ever.
  std::string retry_after;  // The header that goes with an error.
  int64_t delay_ms = 100;   // Of "slow" and "drip".
  std::string location;     // Of "redirect"; "": another path of the server.
};

// A request that the server saw.
struct ModelRequest {
  int64_t number = 0;
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;  // Names in lower case.
  Json body;
  std::vector<std::string> texts;  // That vectors or scores were wanted for.
  std::string fault;               // "": it was answered as by a healthy server.
  std::optional<int64_t> status;   // What the client was told; nullopt: nothing.
  bool client_left = false;        // It closed the connection before the answer was whole.
};

// What was asked since Clear. A text is served when its whole answer was sent.
struct ModelCounters {
  int64_t requests = 0;        // Of every route.
  int64_t in_flight = 0;       // Requests that make a model work and are not answered,
  int64_t peak_in_flight = 0;  // and the most that there were at a time.
  int64_t asked_texts = 0;
  int64_t distinct_asked = 0;
  int64_t served_texts = 0;
  int64_t distinct_served = 0;
  int64_t most_served = 0;  // How often the text was served that was served most often.
  int64_t most_texts = 0;   // Of one request.
};

// tests/support/model_fault_server.py on loopback: Ollama's API, OpenAI's and that of
// text-embeddings-inference, with the models "embedder:latest" (32 dimensions, 256 tokens; a token
// is a word), "generator:latest", "reranker:latest" and the cloud model "faraway:cloud". Ends with
// this object, and with this process. Its methods are not thread-safe; its url is.
class ModelServer {
 public:
  static Result<std::unique_ptr<ModelServer>> Start() {
    ASSIGN_OR_RETURN(auto program, LineProgram::Start({"model_fault_server.py"}));
    return std::unique_ptr<ModelServer>(new ModelServer(std::move(program)));
  }

  std::string url() const { return program_->ready().at("url").get<std::string>(); }

  // The first fault that fits a request is carried out. kUnavailable names the faults there are
  // when `fault.fault` is none of them.
  Status Add(const ModelFault& fault) {
    Json json = {{"fault", fault.fault},      {"min_texts", fault.min_texts},
                 {"skip", fault.skip},        {"every", fault.every},
                 {"times", fault.times},      {"delay_ms", fault.delay_ms},
                 {"location", fault.location}};
    if (fault.number != 0) json["number"] = fault.number;
    if (!fault.path.empty()) json["path"] = fault.path;
    if (!fault.text.empty()) json["text"] = fault.text;
    if (!fault.retry_after.empty()) json["retry_after"] = fault.retry_after;
    return Say("add", json);
  }
  // Drops faults, log and counters, ends what hangs, and counts from 1 again.
  Status Clear() { return program_->Ask("clear").status(); }
  // Makes the url refuse connections; models and settings stay.
  Status Stop() { return program_->Ask("stop").status(); }
  // Accepts connections again at the same url.
  Status StartAgain() { return program_->Ask("start").status(); }

  // `settings`: fields of Settings in tests/support/model_replies.py, as {"api_key": "secret"}.
  Status Set(const Json& settings) { return Say("set", settings); }
  // Adds or replaces a model; `model`: fields of Model in the same file. Other "weights" give other
  // vectors and, unless "digest" is given, another digest.
  Status SetModel(const Json& model) { return Say("model", model); }
  Status ForgetModel(const std::string& name) { return Say("forget", name); }

  // The vector that `model` gives to `text`, of length 1.
  Result<std::vector<float>> Vector(const std::string& model, const std::string& text) {
    const Json query = {{"model", model}, {"text", text}};
    ASSIGN_OR_RETURN(const Json answer, program_->Ask(StrCat("vector ", DumpJson(query))));
    return answer.at("vector").get<std::vector<float>>();
  }
  // What was asked since Clear, in the order of arrival.
  Result<std::vector<ModelRequest>> Log() {
    ASSIGN_OR_RETURN(const Json answer, program_->Ask("log"));
    std::vector<ModelRequest> requests;
    for (const Json& line : answer.at("log")) requests.push_back(ToRequest(line));
    return requests;
  }
  Result<ModelCounters> Counters() {
    ASSIGN_OR_RETURN(const Json answer, program_->Ask("counters"));
    const auto count = [&answer](const char* name) { return answer.at(name).get<int64_t>(); };
    return ModelCounters{.requests = count("requests"),
                         .in_flight = count("in_flight"),
                         .peak_in_flight = count("peak_in_flight"),
                         .asked_texts = count("asked_texts"),
                         .distinct_asked = count("distinct_asked"),
                         .served_texts = count("served_texts"),
                         .distinct_served = count("distinct_served"),
                         .most_served = count("most_served"),
                         .most_texts = count("most_texts")};
  }
  // How often a text was asked for since Clear, retries and all.
  Result<int64_t> TimesAsked(const std::string& text) { return Times(text, "asked"); }
  // How often a whole answer with its vector was sent since Clear.
  Result<int64_t> TimesServed(const std::string& text) { return Times(text, "served"); }

 private:
  explicit ModelServer(std::unique_ptr<LineProgram> program) : program_(std::move(program)) {}

  Status Say(const char* verb, const Json& argument) {
    return program_->Ask(StrCat(verb, " ", DumpJson(argument))).status();
  }

  Result<int64_t> Times(const std::string& text, const char* field) {
    ASSIGN_OR_RETURN(const Json answer, program_->Ask(StrCat("times ", DumpJson(Json(text)))));
    return answer.at(field).get<int64_t>();
  }

  static ModelRequest ToRequest(const Json& line) {
    ModelRequest request;
    request.number = line.at("number").get<int64_t>();
    request.method = line.at("method").get<std::string>();
    request.path = line.at("path").get<std::string>();
    for (const auto& [name, value] : line.at("headers").items()) {
      request.headers.emplace_back(name, value.get<std::string>());
    }
    request.body = line.at("body");
    request.texts = line.at("texts").get<std::vector<std::string>>();
    if (!line.at("fault").is_null()) request.fault = line.at("fault").get<std::string>();
    if (!line.at("status").is_null()) request.status = line.at("status").get<int64_t>();
    request.client_left = line.at("client_left").get<bool>();
    return request;
  }

  std::unique_ptr<LineProgram> program_;
};

}  // namespace lakehouse::testing
