// Feeds arbitrary bytes to ParseJson, and what it accepts to ObjectReader.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"

namespace lakehouse {
namespace {

constexpr std::string_view kNames[] = {"a", "b", "c", "d", "e"};

// Reads every field as every type; all that may happen is an error.
void ReadAsRequest(const Json& json) {
  ObjectReader reader(json, "request");
  for (const std::string_view name : kNames) {
    reader.String(name, "");
    reader.Int(name, 0, -100, 100);
    reader.Double(name, 0);
    reader.Bool(name, false);
    reader.StringList(name);
    reader.FloatList(name);
    reader.Raw(name);
  }
  const Status status = reader.Finish();
  CHECK(status.ok() || status.code() == StatusCode::kInvalidArgument);
  CHECK(IsValidUtf8(status.message()));
}

void Run(std::string_view text) {
  const Result<Json> parsed = ParseJson(text);
  if (!parsed.ok()) {
    CHECK(parsed.status().code() == StatusCode::kInvalidArgument);
    CHECK(IsValidUtf8(parsed.status().message()));
    return;
  }
  CHECK(IsValidUtf8(text));
  const Result<Json> again = ParseJson(DumpJson(*parsed));
  CHECK(again.ok() && *again == *parsed);
  ReadAsRequest(*parsed);
}

}  // namespace
}  // namespace lakehouse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lakehouse::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
