// CRC-32C as S3 writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "net/http_message.h"

namespace lakehouse::storage {

// Base64 of the four bytes, the highest first.
std::string Crc32cBase64(uint32_t crc);

// The CRC-32C that an answer claims for the whole object; nullopt when it claims none, or one that
// was computed over the checksums of parts.
std::optional<std::string> WholeObjectCrc32c(const net::Headers& headers);

}  // namespace lakehouse::storage
