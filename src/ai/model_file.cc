#include "ai/model_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lakehouse::ai {

std::string ModelDirectory(const AiConfig& config) {
  if (!config.model_dir.empty()) return config.model_dir;
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  std::string cache = variable("LAKEHOUSE_CACHE");
  if (cache.empty()) cache = variable("HOME") + "/.cache/lakehouse";
  return StrCat(cache, "/models/", config.model);
}

Result<std::string> ReadModelFile(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return NotFound("file not found: ", path);
    return InvalidArgument("cannot open ", path, ": ", std::strerror(error));
  }
  constexpr size_t kBlock = 1 << 20;
  std::string content;
  if (std::fseek(file.get(), 0, SEEK_END) == 0) {
    const long size = std::ftell(file.get());
    if (size > 0) content.reserve(static_cast<size_t>(size) + kBlock);
    std::rewind(file.get());
  }
  size_t size = 0;
  for (;;) {
    content.resize(size + kBlock);
    const size_t count = std::fread(content.data() + size, 1, kBlock, file.get());
    size += count;
    if (count < kBlock) break;
  }
  content.resize(size);
  if (std::ferror(file.get()) != 0) {
    return InvalidArgument("cannot read ", path, ": ", std::strerror(errno));
  }
  return content;
}

Result<MappedFile> MappedFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return NotFound("file not found: ", path);
    return InvalidArgument("cannot open ", path, ": ", std::strerror(error));
  }
  struct stat info = {};
  const bool is_file = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  const auto size = static_cast<size_t>(info.st_size);
  void* data = nullptr;
  if (is_file && size > 0) data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  if (!is_file) return InvalidArgument("not a file: ", path);
  if (data == MAP_FAILED) {
    return InvalidArgument("cannot map ", path, ": ", std::strerror(error));
  }
  // Whoever opens it reads it whole, from front to back.
  if (data != nullptr) madvise(data, size, MADV_WILLNEED);
  return MappedFile(data, size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

Result<ModelJson> ParseModelJson(std::string_view text, const std::string& origin) {
  try {
    return ModelJson::parse(text);
  } catch (const ModelJson::exception& error) {
    return InvalidArgument(origin, ": not valid JSON: ", std::string_view(error.what()));
  }
}

const ModelJson* ModelFields::Find(const char* name) const {
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

Status ModelFields::Problem(const char* name, std::string_view problem) const {
  return InvalidArgument(origin_, ": field ", name, " ", problem);
}

Result<int64_t> ModelFields::Int(const char* name, int64_t min, int64_t max) const {
  const ModelJson* value = Find(name);
  if (value == nullptr) return Problem(name, "is missing");
  if (!value->is_number_integer()) return Problem(name, "is not an integer");
  const bool too_large =
      value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(max);
  if (too_large || value->get<int64_t>() < min || value->get<int64_t>() > max) {
    return Problem(name, StrCat("is not from ", min, " to ", max));
  }
  return value->get<int64_t>();
}

Result<int64_t> ModelFields::Int(const char* name, int64_t fallback, int64_t min,
                                 int64_t max) const {
  if (!Has(name)) return fallback;
  return Int(name, min, max);
}

Result<double> ModelFields::Double(const char* name, double fallback) const {
  const ModelJson* value = Find(name);
  if (value == nullptr) return fallback;
  if (!value->is_number()) return Problem(name, "is not a number");
  return value->get<double>();
}

Result<bool> ModelFields::Bool(const char* name, bool fallback) const {
  const ModelJson* value = Find(name);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return Problem(name, "is not true or false");
  return value->get<bool>();
}

Result<std::string> ModelFields::String(const char* name) const {
  const ModelJson* value = Find(name);
  if (value == nullptr) return Problem(name, "is missing");
  if (!value->is_string()) return Problem(name, "is not a string");
  return value->get<std::string>();
}

Result<std::string> ModelFields::String(const char* name, const std::string& fallback) const {
  if (!Has(name)) return fallback;
  return String(name);
}

Result<const ModelJson*> ModelFields::Object(const char* name) const {
  const ModelJson* value = Find(name);
  if (value == nullptr) return Problem(name, "is missing");
  if (!value->is_object()) return Problem(name, "is not an object");
  return value;
}

Result<const ModelJson*> ModelFields::Array(const char* name) const {
  const ModelJson* value = Find(name);
  if (value == nullptr) return Problem(name, "is missing");
  if (!value->is_array()) return Problem(name, "is not an array");
  return value;
}

Result<std::optional<ModelJson>> ModelFiles::ReadJson(const std::string& name) {
  const std::string path = PathOf(name);
  Result<std::string> text = ReadModelFile(path);
  if (!text.ok() && text.status().code() == StatusCode::kNotFound) {
    return std::optional<ModelJson>();
  }
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN(ModelJson json, ParseModelJson(*text, path));
  names_read_.push_back(name);
  return std::optional<ModelJson>(std::move(json));
}

std::string JoinModelPath(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  return StrCat(directory, "/", name);
}

bool StaysBelow(std::string_view path) {
  if (path.starts_with('/')) return false;
  const std::vector<std::string_view> parts = SplitString(path, '/');
  return std::ranges::find(parts, "..") == parts.end() && path.find('\0') == std::string_view::npos;
}

}  // namespace lakehouse::ai
