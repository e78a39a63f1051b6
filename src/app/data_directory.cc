#include "app/data_directory.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/json.h"

namespace lakehouse::app {

namespace {

DataDirectoryOwner ReadOwner(int fd) {
  char buffer[4096];
  const ssize_t size = pread(fd, buffer, sizeof(buffer), 0);
  DataDirectoryOwner owner;
  if (size <= 0) return owner;
  const auto json = ParseJson(std::string_view(buffer, static_cast<size_t>(size)));
  if (!json.ok() || !json->is_object()) return owner;
  owner.pid = json->value("pid", int64_t{0});
  owner.command = json->value("command", "");
  owner.address = json->value("address", "");
  return owner;
}

Status InUse(const std::string& path, const DataDirectoryOwner& owner) {
  if (!owner.address.empty()) {
    return Conflict("the data directory is served by another process: ", path, " by process ",
                    owner.pid, " at ", owner.address);
  }
  return Conflict("the data directory is in use by another process: ", path, " by process ",
                  owner.pid, " (lakehouse ", owner.command, "); wait until it ends");
}

}  // namespace

std::string DefaultDataDirectory() {
  if (const char* data = std::getenv("LAKEHOUSE_DATA"); data != nullptr && *data != '\0')
    return data;
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && *xdg != '\0') {
    return StrCat(xdg, "/lakehouse");
  }
  const char* home = std::getenv("HOME");
  return StrCat(home == nullptr ? "." : home, "/.local/share/lakehouse");
}

Result<DataDirectory> DataDirectory::Open(const std::string& given_path, const std::string& command,
                                          DataDirectoryOwner* owner) {
  std::error_code error;
  // What is below it is told apart by whole paths, whoever names them.
  const std::string path = std::filesystem::absolute(given_path, error).lexically_normal().string();
  if (std::filesystem::create_directories(path, error)) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  }
  if (error) {
    return InvalidArgument("the data directory cannot be created: ", path, ": ", error.message());
  }
  const std::string lock_path = path + "/lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return InvalidArgument("the data directory cannot be used: ", path, ": ", std::strerror(errno));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const DataDirectoryOwner found = ReadOwner(fd);
    close(fd);
    if (owner != nullptr) *owner = found;
    return InUse(path, found);
  }
  DataDirectory directory(path, command, fd);
  TRY(directory.WriteOwner(""));
  return directory;
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      command_(std::move(other.command_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(command_, other.command_);
  std::swap(lock_fd_, other.lock_fd_);
  return *this;
}

DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

Status DataDirectory::SetAddress(const std::string& address) { return WriteOwner(address); }

Status DataDirectory::WriteOwner(const std::string& address) {
  const Json owner = {{"pid", getpid()}, {"command", command_}, {"address", address}};
  const std::string text = DumpJson(owner) + "\n";
  // Readers may look at any moment: one write of less than a page replaces the old text.
  if (ftruncate(lock_fd_, 0) != 0 ||
      pwrite(lock_fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Internal("the lock file cannot be written: ", path_, "/lock: ", std::strerror(errno));
  }
  return OkStatus();
}

}  // namespace lakehouse::app
