// Feeds arbitrary bytes to the reader of model weights.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ai/encoder/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto parsed = lakehouse::ai::Safetensors::Parse(bytes, "fuzz");
  if (!parsed.ok()) return 0;
  for (const std::string& name : parsed->Names()) {
    (void)parsed->Read(name, {});
    (void)parsed->Read(name, {1});
    (void)parsed->Read(name, {2, 2});
  }
  return 0;
}
