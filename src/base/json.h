// JSON values for the edges: requests, answers, catalog documents. The only header of Lakehouse
// that includes nlohmann-json.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/status.h"

namespace lakehouse {

// Objects keep the order of insertion, so documents and answers read as they were written.
using Json = nlohmann::ordered_json;

// Parses one JSON text. Refuses trailing bytes, invalid UTF-8, duplicate keys in one object and
// nesting deeper than 64; the error names the line and column, both from 1, in characters. Numbers
// that are whole and fit become integers. A byte order mark at the front is skipped.
Result<Json> ParseJson(std::string_view text);

// Writes compact JSON. Invalid UTF-8 in strings becomes U+FFFD.
std::string DumpJson(const Json& value);

// Appends `text` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);

// Takes the fields out of a JSON object one by one and refuses what nobody asked for. The first
// error is kept: read every field, then call Finish once.
//
//   ObjectReader reader(json, "request");
//   request.k = reader.Int("k", 10, 1, 10000);
//   request.text = reader.String("query");        // required
//   TRY(reader.Finish());
//
// Borrows `json`. Not thread-safe. Errors are kInvalidArgument and name the field; an unknown field
// is answered with the nearest one that was asked for.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string_view what);

  // Required values. Return an empty value after recording the error.
  std::string String(std::string_view name);
  int64_t Int(std::string_view name, int64_t min, int64_t max);
  // Optional values; a field that is absent or null gives the default.
  std::string String(std::string_view name, std::string_view fallback);
  int64_t Int(std::string_view name, int64_t fallback, int64_t min, int64_t max);
  double Double(std::string_view name, double fallback);
  bool Bool(std::string_view name, bool fallback);
  std::optional<std::string> OptionalString(std::string_view name);
  // Returns the raw value, which may be a JSON null, or nullptr when absent; the caller checks its
  // type.
  const Json* Raw(std::string_view name);
  // Absent or null gives an empty list.
  std::vector<std::string> StringList(std::string_view name);
  std::vector<float> FloatList(std::string_view name);

  // Records an error found by the caller about `name`.
  void Fail(std::string_view name, std::string_view problem);

  // The first error, or an error about the first field that was never asked for.
  Status Finish();

 private:
  const Json* Find(std::string_view name);
  // As Find, and null also for a JSON null.
  const Json* FindValue(std::string_view name);
  const Json* FindArray(std::string_view name, std::string_view expected);
  void FailType(std::string_view name, std::string_view expected, const Json& value);

  const Json& json_;
  std::string what_;
  std::set<std::string, std::less<>> asked_;
  Status status_;
};

}  // namespace lakehouse
