// Listing the objects of a local bucket.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// Lists as ObjectStore::List does, below the directory `root`. Reads only the directories that may
// hold an answer. Passes over what is no object: foreign names, links, the hidden directory. Any
// error of the disk fails the whole listing.
Result<std::vector<ObjectInfo>> ListLocalObjects(int root, std::string_view prefix,
                                                 std::string_view start_after, size_t limit);

}  // namespace lakehouse::storage
