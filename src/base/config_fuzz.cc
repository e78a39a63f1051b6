// Feeds arbitrary bytes to ParseConfig.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/config.h"

namespace lakehouse {
namespace {

// The listing of a bucket is no TOML, and storage.rescue names one.
bool IsOfBuckets(std::string_view key) {
  return key.starts_with("storage.buckets") || key == "storage.rescue";
}

void Run(std::string_view text) {
  const Result<LoadedConfig> loaded = ParseConfig(text, "fuzz.toml");
  if (!loaded.ok()) {
    CHECK(loaded.status().code() == StatusCode::kInvalidArgument);
    CHECK(loaded.status().message().starts_with("fuzz.toml:"));
    CHECK(IsValidUtf8(loaded.status().message()));
    return;
  }
  // What is listed parses to the same values.
  std::string listing;
  for (const SettingValue& setting : loaded->settings) {
    if (IsOfBuckets(setting.key)) continue;
    StrAppend(listing, setting.key, " = ", setting.value, '\n');
  }
  const Result<LoadedConfig> again = ParseConfig(listing, "again.toml");
  CHECK(again.ok());
  for (const SettingValue& setting : again->settings) {
    if (IsOfBuckets(setting.key)) continue;
    const SettingValue& first =
        loaded->settings[static_cast<size_t>(&setting - again->settings.data())];
    CHECK(setting.key == first.key && setting.value == first.value);
  }
}

}  // namespace
}  // namespace lakehouse

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lakehouse::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
