// The data directory and the lock that makes one process its owner.
#pragma once

#include <string>

#include "base/status.h"

namespace lakehouse::app {

// Who owns a data directory, as its lock file says.
struct DataDirectoryOwner {
  int64_t pid = 0;
  std::string command;  // "serve", or the command that works in process.
  std::string address;  // "http://127.0.0.1:3100", "" unless it serves.
};

// Returns $LAKEHOUSE_DATA, else $XDG_DATA_HOME/lakehouse, else ~/.local/share/lakehouse.
std::string DefaultDataDirectory();

// Holds the exclusive lock on `<data>/lock` (flock: the kernel frees it when the process ends, also
// after kill -9). Move-only; releases on destruction.
class DataDirectory {
 public:
  // Creates the directory (mode 0700) and takes the lock. kConflict when another process holds it:
  // the message names the directory, the process and its address; `owner`, when not null, gets
  // them.
  static Result<DataDirectory> Open(const std::string& given_path, const std::string& command,
                                    DataDirectoryOwner* owner);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&& other) noexcept;
  ~DataDirectory();

  // Absolute.
  const std::string& path() const { return path_; }
  // Publishes the address for commands that look for a server.
  Status SetAddress(const std::string& address);

 private:
  DataDirectory(std::string path, std::string command, int lock_fd)
      : path_(std::move(path)), command_(std::move(command)), lock_fd_(lock_fd) {}
  Status WriteOwner(const std::string& address);

  std::string path_;
  std::string command_;
  int lock_fd_ = -1;
};

}  // namespace lakehouse::app
