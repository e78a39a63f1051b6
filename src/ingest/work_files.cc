#include "ingest/work_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "ingest/mapped_file.h"

namespace lakehouse::ingest {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
// How much may be written between two looks at the free disk.
constexpr uint64_t kCheckEveryBytes = 16 << 20;

Status WriteError(int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return ResourceExhausted("the disk is full; free some space, then send the file again");
  }
  return Internal("cannot write a working file: ", std::strerror(error));
}

}  // namespace

WorkPath::~WorkPath() { ::unlink(path_.c_str()); }

Result<std::unique_ptr<WorkDirectory>> WorkDirectory::Open(const std::string& path,
                                                           uint64_t min_free_disk_bytes) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Internal("cannot create the working directory of ingest: ", error.message());
  fs::directory_iterator entries(path, error);
  if (error) return Internal("cannot list the working directory of ingest: ", error.message());
  for (const fs::directory_entry& entry : entries) {
    fs::remove_all(entry.path(), error);
    if (error) return Internal("cannot empty the working directory of ingest: ", error.message());
  }
  return std::unique_ptr<WorkDirectory>(new WorkDirectory(path, min_free_disk_bytes));
}

std::string WorkDirectory::NewPath(std::string_view suffix) const {
  return StrCat(path_, "/", NewUuid(Clock::System()), suffix);
}

Status WorkDirectory::CheckFreeDisk(uint64_t more_bytes) const {
  struct statvfs info = {};
  if (::statvfs(path_.c_str(), &info) != 0) {
    return Internal("cannot read the free space of the disk: ", std::strerror(errno));
  }
  const uint64_t free_bytes = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (free_bytes < min_free_disk_bytes_ || free_bytes - min_free_disk_bytes_ < more_bytes) {
    return ResourceExhausted("too little disk is free: ", FormatBytes(free_bytes),
                             " are free, this needs ", FormatBytes(more_bytes), " and ",
                             FormatBytes(min_free_disk_bytes_),
                             " must stay free (ingest.min_free_disk_bytes)");
  }
  return OkStatus();
}

Result<std::unique_ptr<WorkWriter>> WorkWriter::Create(const WorkDirectory& directory,
                                                       const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return WriteError(errno).Annotate("cannot create a working file");
  return std::unique_ptr<WorkWriter>(new WorkWriter(directory, fd));
}

WorkWriter::~WorkWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status WorkWriter::Append(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) TRY(Flush());
  buffer_.append(bytes);
  return buffer_.size() >= kBufferBytes ? Flush() : OkStatus();
}

Status WorkWriter::Flush() {
  if (flushed_bytes_ + buffer_.size() > checked_up_to_bytes_) {
    const uint64_t ahead_bytes = std::max<uint64_t>(kCheckEveryBytes, buffer_.size());
    TRY(directory_.CheckFreeDisk(buffer_.size()));
    checked_up_to_bytes_ = flushed_bytes_ + ahead_bytes;
  }
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return WriteError(errno);
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  flushed_bytes_ += buffer_.size();
  buffer_.clear();
  return OkStatus();
}

Status WorkWriter::Finish() {
  TRY(Flush());
  const int failed = ::close(fd_);
  fd_ = -1;
  return failed == 0 ? OkStatus() : WriteError(errno);
}

Status SyncFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Internal("cannot open a working file to sync it: ", std::strerror(errno));
  const int failed = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  return failed == 0 ? OkStatus() : WriteError(error);
}

Result<uint32_t> Crc32cOfFile(const std::string& path) {
  ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  return Crc32c(file.bytes());
}

}  // namespace lakehouse::ingest
