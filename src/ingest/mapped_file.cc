#include "ingest/mapped_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lakehouse::ingest {

Result<MappedFile> MappedFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Internal("cannot open a working file: ", std::strerror(errno));
  struct stat info = {};
  if (::fstat(fd, &info) != 0) {
    const int error = errno;
    ::close(fd);
    return Internal("cannot read the size of a working file: ", std::strerror(error));
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) {  // mmap refuses an empty range.
    ::close(fd);
    return MappedFile(std::string_view());
  }
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  ::close(fd);
  if (address == MAP_FAILED) {
    return Internal("cannot map a working file: ", std::strerror(error));
  }
  ::madvise(address, size, MADV_SEQUENTIAL);
  return MappedFile(std::string_view(static_cast<const char*>(address), size));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace lakehouse::ingest
