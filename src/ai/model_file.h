// Reads the files of a Hugging Face model directory, with errors that name the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// Reads a whole file of text. kNotFound when there is none, kInvalidArgument above 256 MiB and for
// what is no file.
Result<std::string> ReadModelFile(const std::string& path);

// A file that is mapped into memory for reading. Nobody may shorten the file meanwhile: reading
// what is gone ends the process.
class MappedFile {
 public:
  // kNotFound when there is none, kInvalidArgument for what is no file.
  static Result<MappedFile> Open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedFile();

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  MappedFile(void* data, size_t size) : data_(data), size_(size) {}

  void* data_;  // Null: an empty file.
  size_t size_;
};

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

// The JSON files below one directory, and which of them were read.
class ModelFiles {
 public:
  explicit ModelFiles(std::string directory) : directory_(std::move(directory)) {}

  // `name` is a path below the directory.
  std::string PathOf(std::string_view name) const { return StrCat(directory_, "/", name); }
  // Nothing when there is no such file.
  Result<std::optional<ModelJson>> ReadJson(const std::string& name);

  const std::string& directory() const { return directory_; }
  const std::vector<std::string>& names_read() const { return names_read_; }

 private:
  std::string directory_;
  std::vector<std::string> names_read_;
};

// Joins paths below a model directory; "" is the directory itself.
std::string JoinModelPath(std::string_view directory, std::string_view name);

// Whether a path that stands in a model's file stays below the directory: relative, and without
// "..". "" does.
bool StaysBelow(std::string_view path);

}  // namespace lakehouse::ai
