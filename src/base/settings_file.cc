#include "base/settings_file.h"

#include <cerrno>
#include <cstddef>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lakehouse {
namespace {

constexpr size_t kMaxBytes = 1'048'576;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status OpenError(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return NotFound("no such file: ", path);
    case EACCES:
    case EPERM:
      return PermissionDenied("not allowed to read ", path);
    case ELOOP:
      return PermissionDenied("refused to follow a symbolic link; name the file itself: ", path);
    default:
      return Unavailable("cannot open ", path, ": ", std::generic_category().message(error));
  }
}

Status CheckOwnerOnly(const std::string& path, const struct stat& info) {
  if (info.st_uid != geteuid()) {
    return PermissionDenied(
        "file belongs to another user; it must belong to the one who runs this "
        "program: ",
        path);
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return PermissionDenied("file is open to other users; close it with: chmod 600 ", path);
  }
  return OkStatus();
}

}  // namespace

Result<std::string> ReadSettingsFile(const std::string& path, FileProtection protection) {
  const bool owner_only = protection == FileProtection::kOwnerOnly;
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (owner_only ? O_NOFOLLOW : 0);
  const Descriptor file(open(path.c_str(), flags));
  if (file.get() < 0) return OpenError(path, errno);
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return OpenError(path, errno);
  if (!S_ISREG(info.st_mode)) return InvalidArgument("not a regular file: ", path);
  if (owner_only) TRY(CheckOwnerOnly(path, info));

  std::string text(kMaxBytes + 1, '\0');
  size_t size_bytes = 0;
  while (size_bytes < text.size()) {
    const ssize_t got = read(file.get(), text.data() + size_bytes, text.size() - size_bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Unavailable("cannot read ", path, ": ", std::generic_category().message(errno));
    }
    if (got == 0) break;
    size_bytes += static_cast<size_t>(got);
  }
  if (size_bytes > kMaxBytes) {
    return InvalidArgument("file is larger than ", FormatBytes(kMaxBytes), ": ", path);
  }
  text.resize(size_bytes);
  return text;
}

}  // namespace lakehouse
