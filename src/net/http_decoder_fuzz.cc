// Feeds arbitrary bytes to the request decoder: in one piece and cut in two, it must decide and
// decode the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/http_decoder.h"

namespace lakehouse::net {
namespace {

struct Outcome {
  bool head_ok = false;
  bool body_ok = false;
  bool done = false;
  std::string body;
  bool operator==(const Outcome&) const = default;
};

Outcome Decode(std::string_view bytes, size_t cut) {
  Outcome outcome;
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return outcome;
  RequestDecoder decoder({.max_fields = 20, .max_body_bytes = 1'000});
  const Status head = decoder.ParseHead(bytes.substr(0, end + 4));
  outcome.head_ok = head.ok();
  if (!head.ok()) {
    CHECK(decoder.error_http_status() >= 400 && decoder.error_http_status() < 600);
    return outcome;
  }
  Request request;
  if (ParseTarget(decoder.head().target, request).ok()) {
    CHECK(request.path.starts_with('/'));
    CHECK(request.path.find('\0') == std::string::npos);
    CHECK(request.path.find("/../") == std::string::npos && !request.path.ends_with("/.."));
  }
  (void)CheckLoopbackOrigin(decoder.head().headers);
  const std::string_view rest = bytes.substr(end + 4);
  std::string pending;
  outcome.body_ok = true;
  for (const std::string_view piece :
       {rest.substr(0, cut), rest.substr(std::min(cut, rest.size()))}) {
    pending.append(piece);
    while (outcome.body_ok && !decoder.done() && !pending.empty()) {
      const Result<size_t> used = decoder.DecodeBody(pending, outcome.body);
      outcome.body_ok = used.ok();
      if (!used.ok() || *used == 0) break;
      pending.erase(0, *used);
    }
  }
  CHECK(outcome.body.size() <= 1'000);
  outcome.done = decoder.done();
  if (!outcome.body_ok) outcome.body.clear();  // How much came before the error may differ.
  return outcome;
}

}  // namespace
}  // namespace lakehouse::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  CHECK(lakehouse::net::Decode(bytes, bytes.size()) == lakehouse::net::Decode(bytes, data[0]));
  return 0;
}
