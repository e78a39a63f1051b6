// Objects as files below one directory.
#pragma once

#include <memory>
#include <string>

#include "storage/file_ops.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// Opens (and creates) the bucket at `root`. Writes go to a temporary file on the same filesystem,
// fsync, link or rename, fsync of every touched directory (docs/formats/bucket.md). A key whose
// segment is longer than the filesystem's limit, or whose file would stand where another key needs
// a directory, is escaped, not refused. Symbolic links below the root are never followed.
//
// PutFile takes ownership of the file: on one filesystem it moves it, so nobody may write to it
// afterwards. The file stays where it was when PutFile fails.
//
// After a directory could not be synced nothing is known about its latest entries: the write fails
// with kInternal, and every later one with kUnavailable until the bucket is opened again.
//
// `ops` outlives the store.
Result<std::unique_ptr<ObjectStore>> OpenLocalStore(const std::string& root,
                                                    FileOps& ops = FileOps::System());

}  // namespace lakehouse::storage
