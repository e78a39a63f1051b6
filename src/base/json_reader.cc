#include <cmath>
#include <limits>

#include "base/json.h"

namespace lakehouse {
namespace {

std::string_view TypeWords(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "true or false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return "a number";
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  CHECK(false);
}

// An unsigned value above the signed range has no int64_t.
std::optional<int64_t> WholeNumber(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() &&
      value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return std::nullopt;
  }
  return value.get<int64_t>();
}

}  // namespace

ObjectReader::ObjectReader(const Json& json, std::string_view what) : json_(json), what_(what) {
  if (!json.is_object()) {
    status_ = InvalidArgument(what_, ": expected a JSON object, got ", TypeWords(json));
  }
}

const Json* ObjectReader::Find(std::string_view name) {
  asked_.emplace(name);
  if (!json_.is_object()) return nullptr;
  const auto found = json_.find(name);
  return found == json_.end() ? nullptr : &*found;
}

const Json* ObjectReader::FindValue(std::string_view name) {
  const Json* value = Find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void ObjectReader::Fail(std::string_view name, std::string_view problem) {
  if (!status_.ok()) return;
  status_ = InvalidArgument(what_, ": field ", QuoteForMessage(name), " ", problem);
}

void ObjectReader::FailType(std::string_view name, std::string_view expected, const Json& value) {
  Fail(name, StrCat("must be ", expected, ", got ", TypeWords(value)));
}

std::optional<std::string> ObjectReader::OptionalString(std::string_view name) {
  const Json* value = FindValue(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    FailType(name, "a string", *value);
    return std::nullopt;
  }
  return value->get_ref<const std::string&>();
}

std::string ObjectReader::String(std::string_view name) {
  if (FindValue(name) == nullptr) Fail(name, "is required");
  return OptionalString(name).value_or("");
}

std::string ObjectReader::String(std::string_view name, std::string_view fallback) {
  return OptionalString(name).value_or(std::string(fallback));
}

int64_t ObjectReader::Int(std::string_view name, int64_t min, int64_t max) {
  const Json* value = FindValue(name);
  if (value == nullptr) {
    Fail(name, "is required");
    return 0;
  }
  const std::optional<int64_t> number = WholeNumber(*value);
  if (number.has_value() && *number >= min && *number <= max) return *number;
  const std::string got = value->is_number() ? value->dump() : std::string(TypeWords(*value));
  Fail(name, StrCat("must be a whole number from ", min, " to ", max, ", got ", got));
  return 0;
}

int64_t ObjectReader::Int(std::string_view name, int64_t fallback, int64_t min, int64_t max) {
  return FindValue(name) == nullptr ? fallback : Int(name, min, max);
}

double ObjectReader::Double(std::string_view name, double fallback) {
  const Json* value = FindValue(name);
  if (value == nullptr) return fallback;
  if (value->is_number()) return value->get<double>();
  FailType(name, "a number", *value);
  return fallback;
}

bool ObjectReader::Bool(std::string_view name, bool fallback) {
  const Json* value = FindValue(name);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  FailType(name, "true or false", *value);
  return fallback;
}

const Json* ObjectReader::Raw(std::string_view name) { return Find(name); }

const Json* ObjectReader::FindArray(std::string_view name, std::string_view expected) {
  const Json* value = FindValue(name);
  if (value == nullptr || value->is_array()) return value;
  FailType(name, expected, *value);
  return nullptr;
}

std::vector<std::string> ObjectReader::StringList(std::string_view name) {
  static constexpr std::string_view kExpected = "an array of strings";
  std::vector<std::string> list;
  const Json* array = FindArray(name, kExpected);
  if (array == nullptr) return list;
  list.reserve(array->size());
  for (const Json& element : *array) {
    if (!element.is_string()) {
      Fail(name, StrCat("must be ", kExpected, ", but element ", list.size(), " is ",
                        TypeWords(element)));
      return {};
    }
    list.push_back(element.get_ref<const std::string&>());
  }
  return list;
}

std::vector<float> ObjectReader::FloatList(std::string_view name) {
  static constexpr std::string_view kExpected = "an array of 32-bit floating-point numbers";
  std::vector<float> list;
  const Json* array = FindArray(name, kExpected);
  if (array == nullptr) return list;
  list.reserve(array->size());
  for (const Json& element : *array) {
    const double number = element.is_number() ? element.get<double>() : 0;
    const bool fits = std::abs(number) <= std::numeric_limits<float>::max();
    if (!element.is_number() || !fits) {
      Fail(name, StrCat("must be ", kExpected, ", but element ", list.size(), " is ",
                        fits ? TypeWords(element) : std::string_view("too large")));
      return {};
    }
    list.push_back(static_cast<float>(number));
  }
  return list;
}

Status ObjectReader::Finish() {
  if (!status_.ok()) return status_;
  for (const auto& member : json_.items()) {
    if (asked_.contains(member.key())) continue;
    const std::vector<std::string> known(asked_.begin(), asked_.end());
    const std::string nearest = NearestName(member.key(), known);
    const std::string mend = nearest.empty() ? StrCat("expected one of: ", JoinStrings(known, ", "))
                                             : StrCat("did you mean \"", nearest, "\"?");
    Fail(member.key(), StrCat("is unknown; ", mend));
    break;
  }
  return status_;
}

}  // namespace lakehouse
