// Reads answers of servers, which may hold more than is known here, or less.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace lakehouse::ai {

// The field of an object; null where `json` is no object or has no such field, or a JSON null.
const Json* FindField(const Json& json, std::string_view name);
// "" and 0 where there is no such field or it has another type. Integers are those not below 0.
std::string TextField(const Json& json, std::string_view name);
int64_t IntField(const Json& json, std::string_view name);

// The elements of an array field; null where there is none.
const Json* FindArrayField(const Json& json, std::string_view name);

// An array of numbers, or their 32-bit floats in little-endian base64. A null is taken as a number
// that is not finite, as servers write one. kInvalidArgument for anything else.
Result<std::vector<float>> ReadVector(const Json& json);

// Decodes RFC 4648 base64 with or without padding; kInvalidArgument for anything else.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace lakehouse::ai
