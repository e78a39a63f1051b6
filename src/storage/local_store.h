// Objects as files below one directory.
#pragma once

#include <memory>
#include <string>

#include "storage/object_store.h"

namespace lakehouse::storage {

// Opens (and creates) the bucket at `root`. Writes go to a temporary file on the same filesystem,
// fsync, link or rename, fsync of every touched directory (docs/formats/bucket.md). Keys whose
// segment is longer than the filesystem's limit are escaped, not refused. Symbolic links below the
// root are never followed.
Result<std::unique_ptr<ObjectStore>> OpenLocalStore(const std::string& root);

}  // namespace lakehouse::storage
