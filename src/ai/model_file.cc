#include "ai/model_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lakehouse::ai {
namespace {

// The largest vocabularies have some 20 MB.
constexpr size_t kMaxTextBytes = 256 << 20;

// Owns a descriptor of a regular file.
class OpenFile {
 public:
  static Result<OpenFile> Open(const std::string& path) {
    // Opening a pipe would wait for its writer.
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
      const int error = errno;
      if (error == ENOENT || error == ENOTDIR) return NotFound("file not found: ", path);
      return InvalidArgument("cannot open ", path, ": ", std::strerror(error));
    }
    OpenFile file(descriptor);
    struct stat info = {};
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
      return InvalidArgument("not a file: ", path);
    }
    file.size_ = static_cast<size_t>(info.st_size);
    return file;
  }
  OpenFile(OpenFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  int descriptor() const { return descriptor_; }
  size_t size() const { return size_; }

 private:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
  size_t size_ = 0;
};

}  // namespace

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
  ASSIGN_OR_RETURN(const OpenFile file, OpenFile::Open(path));
  if (file.size() > kMaxTextBytes) {
    return InvalidArgument("a model's text files have at most ", kMaxTextBytes, " bytes, not ",
                           file.size(), ": ", path);
  }
  std::string content(file.size(), '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = read(file.descriptor(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return InvalidArgument("cannot read ", path, ": ", std::strerror(errno));
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  content.resize(size);
  return content;
}

Result<MappedFile> MappedFile::Open(const std::string& path) {
  ASSIGN_OR_RETURN(const OpenFile file, OpenFile::Open(path));
  if (file.size() == 0) return MappedFile(nullptr, 0);
  void* data = mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (data == MAP_FAILED) {
    return InvalidArgument("cannot map ", path, ": ", std::strerror(errno));
  }
  // Whoever opens it reads it whole, from front to back.
  madvise(data, file.size(), MADV_WILLNEED);
  return MappedFile(data, file.size());
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
