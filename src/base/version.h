// The version of this build, in one place.
#pragma once

#include <string_view>

namespace lakehouse {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace lakehouse
