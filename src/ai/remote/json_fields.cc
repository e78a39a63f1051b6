#include "ai/remote/json_fields.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace lakehouse::ai {
namespace {

static_assert(std::endian::native == std::endian::little, "vectors are read as they are sent");

constexpr uint8_t kNoDigit = 0xFF;

constexpr std::array<uint8_t, 256> Base64Digits() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<uint8_t>(i);
  }
  return values;
}

}  // namespace

const Json* FindField(const Json& json, std::string_view name) {
  if (!json.is_object()) return nullptr;
  const auto field = json.find(name);
  return field == json.end() || field->is_null() ? nullptr : &*field;
}

std::string TextField(const Json& json, std::string_view name) {
  const Json* field = FindField(json, name);
  return field != nullptr && field->is_string() ? field->get<std::string>() : "";
}

int64_t IntField(const Json& json, std::string_view name) {
  const Json* field = FindField(json, name);
  if (field == nullptr || !field->is_number_integer()) return 0;
  const int64_t value = field->get<int64_t>();
  return value < 0 ? 0 : value;
}

const Json* FindArrayField(const Json& json, std::string_view name) {
  const Json* field = FindField(json, name);
  return field != nullptr && field->is_array() ? field : nullptr;
}

Result<std::vector<float>> ReadVector(const Json& json) {
  std::vector<float> vector;
  if (json.is_string()) {
    ASSIGN_OR_RETURN(const std::string bytes, DecodeBase64(json.get_ref<const std::string&>()));
    if (bytes.empty() || bytes.size() % sizeof(float) != 0) {
      return InvalidArgument("the server gave a vector of ", bytes.size(), " bytes");
    }
    vector.resize(bytes.size() / sizeof(float));
    std::memcpy(vector.data(), bytes.data(), bytes.size());
    return vector;
  }
  if (!json.is_array() || json.empty()) {
    return InvalidArgument("the server gave no vector for this text, but ", json.type_name());
  }
  vector.reserve(json.size());
  for (const Json& number : json) {
    if (number.is_null()) {
      vector.push_back(std::numeric_limits<float>::quiet_NaN());
    } else if (number.is_number()) {
      const double value = number.get<double>();
      const bool fits =
          value >= -std::numeric_limits<float>::max() && value <= std::numeric_limits<float>::max();
      vector.push_back(fits ? static_cast<float>(value) : std::numeric_limits<float>::infinity());
    } else {
      return InvalidArgument("the server gave a vector that holds ", number.type_name());
    }
  }
  return vector;
}

Result<std::string> DecodeBase64(std::string_view text) {
  static constexpr std::array<uint8_t, 256> kValues = Base64Digits();
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t pending = 0;
  int pending_bits = 0;
  for (const char c : text) {
    const uint8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kNoDigit) return InvalidArgument("the server gave a vector that is no base64");
    pending = pending << 6 | value;
    pending_bits += 6;
    if (pending_bits < 8) continue;
    pending_bits -= 8;
    bytes.push_back(static_cast<char>(pending >> pending_bits & 0xFF));
  }
  if (pending_bits >= 6) return InvalidArgument("the server gave a vector of half a byte");
  return bytes;
}

}  // namespace lakehouse::ai
