// What families of embedding models want before a text.
#pragma once

#include <string>
#include <string_view>

#include "base/config.h"

namespace lakehouse::ai {

struct ModelPrefixes {
  std::string document;
  std::string query;
};

// By the name of the model at its server, "hf.co/intfloat/e5-small-v2:latest" for example. Unknown
// families want none.
ModelPrefixes PrefixesOfFamily(std::string_view model);

// Those of the configuration, and those of the family where it says "auto".
ModelPrefixes PrefixesOf(const AiModelConfig& config, std::string_view model);

}  // namespace lakehouse::ai
