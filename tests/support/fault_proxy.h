// What goes wrong between Lakehouse and an S3 server, for one test.
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
// in `python3 tests/support/fault_proxy.py --help`.
struct FaultRule {
  std::string fault;
  int64_t number = 0;     // The request's number, from 1 since Clear; 0: any.
  std::string operation;  // As S3 calls it: "PutObject", "ListObjectsV2", ...; "": any.
  std::string key;        // A regular expression to be found in the key.
  int64_t skip = 0;       // So many matching requests pass first,
  int64_t every = 1;      // then each k-th is hit,
  int64_t times = 1;      // so often; 0: for ever.
};

// A request that the proxy saw.
struct ProxiedRequest {
  int64_t number = 0;
  std::string method;
  std::string operation;
  std::string bucket;
  std::string key;
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;  // Names in lower case.
  std::string fault;                                         // "": it passed unchanged.
  std::optional<int64_t> server_status;  // What the server answered; nullopt: it was not asked.
  std::optional<int64_t> status;         // What the client was told; nullopt: nothing.
};

// A proxy on loopback in front of an S3 server without TLS. Requests pass unchanged, signature and
// all, but for those that a rule chooses; the first rule that fits is carried out. Ends with this
// object, and with this process. Its methods are not thread-safe; its endpoint is.
class FaultProxy {
 public:
  // `upstream`: the endpoint of an S3Server.
  static Result<std::unique_ptr<FaultProxy>> Start(const std::string& upstream) {
    ASSIGN_OR_RETURN(auto program, LineProgram::Start({"fault_proxy.py", upstream}));
    return std::unique_ptr<FaultProxy>(new FaultProxy(std::move(program)));
  }

  std::string endpoint() const { return program_->ready().at("endpoint").get<std::string>(); }

  // kUnavailable names the faults there are when `rule.fault` is none of them.
  Status Add(const FaultRule& rule) {
    Json json = {
        {"fault", rule.fault}, {"skip", rule.skip}, {"every", rule.every}, {"times", rule.times}};
    if (rule.number != 0) json["number"] = rule.number;
    if (!rule.operation.empty()) json["operation"] = rule.operation;
    if (!rule.key.empty()) json["key"] = rule.key;
    return program_->Ask(StrCat("add ", DumpJson(json))).status();
  }
  // Drops rules and log, ends what hangs, and counts from 1 again.
  Status Clear() { return program_->Ask("clear").status(); }
  // What was asked since Clear, in the order of arrival.
  Result<std::vector<ProxiedRequest>> Log() {
    ASSIGN_OR_RETURN(const Json answer, program_->Ask("log"));
    std::vector<ProxiedRequest> requests;
    for (const Json& line : answer.at("log")) requests.push_back(ToRequest(line));
    return requests;
  }

 private:
  explicit FaultProxy(std::unique_ptr<LineProgram> program) : program_(std::move(program)) {}

  static ProxiedRequest ToRequest(const Json& line) {
    ProxiedRequest request;
    request.number = line.at("number").get<int64_t>();
    request.method = line.at("method").get<std::string>();
    request.operation = line.at("operation").get<std::string>();
    request.bucket = line.at("bucket").get<std::string>();
    request.key = line.at("key").get<std::string>();
    for (const auto& [name, value] : line.at("query").items()) {
      request.query.emplace_back(name, value.get<std::string>());
    }
    for (const auto& [name, value] : line.at("headers").items()) {
      request.headers.emplace_back(name, value.get<std::string>());
    }
    if (!line.at("fault").is_null()) request.fault = line.at("fault").get<std::string>();
    const auto number = [&line](const char* name) -> std::optional<int64_t> {
      if (line.at(name).is_null()) return std::nullopt;
      return line.at(name).get<int64_t>();
    };
    request.server_status = number("server_status");
    request.status = number("status");
    return request;
  }

  std::unique_ptr<LineProgram> program_;
};

}  // namespace lakehouse::testing
