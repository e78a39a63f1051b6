// A private working file as one span of bytes.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace lakehouse::ingest {

// Maps a whole file for reading. The file must not shrink while it is mapped; ingest maps only
// files of its own working directory, which nobody else writes. Move-only.
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  std::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}

  std::string_view bytes_;
};

}  // namespace lakehouse::ingest
