// Arrays in NumPy's file format, version 1.0.
#pragma once

#include <span>
#include <string>

#include "base/status.h"

namespace lakehouse::app {

// Writes a two-dimensional little-endian float32 array in C order.
// REQUIRES: columns > 0 and values.size() is a multiple of it.
Status WriteNpy(const std::string& path, std::span<const float> values, size_t columns);

}  // namespace lakehouse::app
