// The implementations behind Crc32c (base/hash.h). They work on the raw register, which Crc32c
// inverts before and after. Call Crc32c; these are visible so that a test can compare them.
#pragma once

#include <cstdint>
#include <string_view>

namespace lakehouse::internal {

using Crc32cKernel = uint32_t (*)(uint32_t crc, std::string_view bytes);

// Slicing-by-8 tables; runs everywhere.
uint32_t Crc32cPortable(uint32_t crc, std::string_view bytes);

// Returns the kernel for the CPU's crc32 instruction, or null where there is none.
Crc32cKernel Crc32cHardware();

}  // namespace lakehouse::internal
