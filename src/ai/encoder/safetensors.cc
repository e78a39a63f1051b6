#include "ai/encoder/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/json.h"

namespace lakehouse::ai {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr size_t kLengthBytes = 8;
// The format allows 100 MB; the largest BERT has some 400 tensors of about 120 bytes each, and what
// trainers put into __metadata__.
constexpr uint64_t kMaxHeaderBytes = 8 << 20;
constexpr int64_t kMaxOffset = int64_t{1} << 48;

// Returns 0 for a type that the format does not have. Types of less than a byte are not among
// those of any known encoder.
int64_t BytesOf(std::string_view type) {
  constexpr std::pair<std::string_view, int64_t> kTypes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
      {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8},
  };
  const auto* found =
      std::ranges::find(kTypes, type, [](const auto& entry) { return entry.first; });
  return found == std::end(kTypes) ? 0 : found->second;
}

float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// IEEE 754 binary16.
float FromFloat16(uint16_t bits) {
  const uint32_t sign = uint32_t{bits} >> 15 << 31;
  const uint32_t exponent = bits >> 10 & 0x1F;
  const uint32_t fraction = bits & 0x3FF;
  if (exponent == 0) {  // Zero or subnormal: fraction * 2^-24.
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide_exponent = exponent == 0x1F ? 0xFF : exponent + 112;
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

template <typename Element, typename Convert>
std::vector<float> ConvertAll(std::string_view data, Convert convert) {
  std::vector<float> values(data.size() / sizeof(Element));
  for (size_t i = 0; i < values.size(); ++i) {
    Element element;
    std::memcpy(&element, data.data() + i * sizeof(Element), sizeof(Element));
    values[i] = convert(element);
  }
  return values;
}

// Without a branch per value, which would take longer than the conversion.
bool AllFinite(const std::vector<float>& values) {
  constexpr uint32_t kExponent = 0x7F800000;
  bool finite = true;
  for (const float value : values)
    finite &= (std::bit_cast<uint32_t>(value) & kExponent) != kExponent;
  return finite;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t extent : shape) StrAppend(text, text.size() > 1 ? "," : "", extent);
  return text + "]";
}

Result<std::vector<int64_t>> ReadIntegers(const Json* list, int64_t max) {
  if (list == nullptr || !list->is_array()) return InvalidArgument("is not a list");
  std::vector<int64_t> values;
  for (const Json& item : *list) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > static_cast<uint64_t>(max)) {
      return InvalidArgument("holds something that is no size");
    }
    values.push_back(item.get<int64_t>());
  }
  return values;
}

}  // namespace

Result<Safetensors> Safetensors::Parse(std::string_view bytes, std::string origin) {
  const auto problem = [&](const auto&... what) {
    return InvalidArgument(origin, ": damaged safetensors file: ", what...);
  };
  if (bytes.size() < kLengthBytes) return problem("shorter than 8 bytes");
  uint64_t header_bytes;
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - kLengthBytes) {
    return problem("a header of ", header_bytes, " bytes in a file of ", bytes.size());
  }
  const std::string_view data = bytes.substr(kLengthBytes + header_bytes);
  const std::string_view header_text = bytes.substr(kLengthBytes, header_bytes);
  if (!header_text.starts_with('{')) return problem("the header is not a JSON object");
  Result<Json> header = ParseJson(header_text);
  if (!header.ok()) return problem(header.status().message());

  Safetensors result;
  std::vector<std::pair<size_t, size_t>> extents;
  for (const auto& [name, entry] : header->items()) {
    if (name == "__metadata__") continue;
    if (!entry.is_object()) return problem("the tensor ", name, " is not an object");
    const auto field = [&, &fields = entry](const char* key) {
      const auto found = fields.find(key);
      return found == fields.end() ? nullptr : &*found;
    };
    const Json* type = field("dtype");
    const auto shape = ReadIntegers(field("shape"), kMaxOffset);
    const auto offsets = ReadIntegers(field("data_offsets"), kMaxOffset);
    if (type == nullptr || !type->is_string() || !shape.ok() || !offsets.ok() ||
        offsets->size() != 2) {
      return problem("the tensor ", name, " needs dtype, shape and two data_offsets");
    }
    const auto begin = static_cast<size_t>((*offsets)[0]);
    const auto end = static_cast<size_t>((*offsets)[1]);
    if (begin > end || end > data.size()) {
      return problem("the tensor ", name, " lies outside of the file");
    }
    int64_t size = BytesOf(type->get<std::string>());
    if (size == 0) return problem("the tensor ", name, " has an unknown dtype");
    for (const int64_t extent : *shape) {
      if (__builtin_mul_overflow(size, extent, &size)) return problem("the shape of ", name);
    }
    if (static_cast<size_t>(size) != end - begin) {
      return problem("the tensor ", name, " has ", end - begin, " bytes; its shape needs ", size);
    }
    extents.emplace_back(begin, end);
    result.tensors_[name] = {type->get<std::string>(), *shape, data.substr(begin, end - begin)};
  }
  std::ranges::sort(extents);
  size_t covered = 0;
  for (const auto& [begin, end] : extents) {
    if (begin != covered) return problem("a gap or overlap at byte ", covered, " of the data");
    covered = end;
  }
  if (covered != data.size()) return problem("bytes after the last tensor");
  result.origin_ = std::move(origin);
  return result;
}

std::vector<std::string> Safetensors::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

Result<std::vector<float>> Safetensors::Read(const std::string& name,
                                             const std::vector<int64_t>& shape) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return InvalidArgument(origin_, ": the tensor is missing: ", name);
  const Tensor& tensor = found->second;
  if (tensor.shape != shape) {
    return InvalidArgument(origin_, ": the tensor ", name, " has the shape ",
                           ShapeText(tensor.shape), ", config.json needs ", ShapeText(shape));
  }
  std::vector<float> values;
  if (tensor.type == "F32") {
    values = ConvertAll<float>(tensor.data, [](float value) { return value; });
  } else if (tensor.type == "F16") {
    values = ConvertAll<uint16_t>(tensor.data, FromFloat16);
  } else if (tensor.type == "BF16") {
    values = ConvertAll<uint16_t>(tensor.data, FromBfloat16);
  } else {
    return InvalidArgument(origin_, ": the tensor ", name, " is ", tensor.type,
                           "; the encoder reads F32, F16 and BF16");
  }
  if (!AllFinite(values)) {
    return InvalidArgument(origin_, ": the tensor holds a value that is not finite: ", name);
  }
  return values;
}

}  // namespace lakehouse::ai
