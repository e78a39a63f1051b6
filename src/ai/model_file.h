// Reads the JSON files of a Hugging Face model directory, with errors that name the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/config.h"
#include "base/json.h"
#include "base/status.h"

namespace lakehouse::ai {

// Objects are sorted: a vocabulary has many thousand keys, and finding one in an object that keeps
// the order of insertion takes time in proportion.
using ModelJson = nlohmann::json;

// Where the configured model lies: config.model_dir or else `models/<model>` in the set-up's cache,
// which is $LAKEHOUSE_CACHE or ~/.cache/lakehouse.
std::string ModelDirectory(const AiConfig& config);

// Reads a whole file. kNotFound when there is none.
Result<std::string> ReadModelFile(const std::string& path);

// Parses JSON text; `origin` names it in errors.
Result<ModelJson> ParseModelJson(std::string_view text, const std::string& origin);

// Typed access to the fields of one JSON object. Borrows the object. Errors are kInvalidArgument
// and name the file and the field. A null counts as absent.
class ModelFields {
 public:
  // `origin` is the file, and the path within it where the object is not the whole.
  ModelFields(const ModelJson& object, std::string origin)
      : object_(object), origin_(std::move(origin)) {}

  // The value, or null when absent or when this is no object.
  const ModelJson* Find(const char* name) const;
  bool Has(const char* name) const { return Find(name) != nullptr; }

  // Required values.
  Result<int64_t> Int(const char* name, int64_t min, int64_t max) const;
  Result<std::string> String(const char* name) const;
  Result<const ModelJson*> Object(const char* name) const;
  Result<const ModelJson*> Array(const char* name) const;
  // Optional values.
  Result<int64_t> Int(const char* name, int64_t fallback, int64_t min, int64_t max) const;
  Result<double> Double(const char* name, double fallback) const;
  Result<bool> Bool(const char* name, bool fallback) const;
  Result<std::string> String(const char* name, const std::string& fallback) const;

  // An error about one field.
  Status Problem(const char* name, std::string_view problem) const;
  const std::string& origin() const { return origin_; }

 private:
  const ModelJson& object_;
  std::string origin_;
};

}  // namespace lakehouse::ai
