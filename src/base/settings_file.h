// Reads the small files that a person writes: the configuration and the secrets.
#pragma once

#include <string>

#include "base/status.h"

namespace lakehouse {

enum class FileProtection {
  kNone,
  // Not a symbolic link, owned by the user who runs the process, and closed to everybody else.
  kOwnerOnly,
};

// Returns the bytes of the regular file `path`. kNotFound when it is missing; kPermissionDenied
// when it may not be read or is not protected as asked; kInvalidArgument when it is no regular file
// or larger than 1 MiB.
Result<std::string> ReadSettingsFile(const std::string& path, FileProtection protection);

}  // namespace lakehouse
