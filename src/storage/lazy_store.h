// A store that is opened when it is used.
#pragma once

#include <functional>
#include <memory>

#include "storage/object_store.h"

namespace lakehouse::storage {

using StoreOpener = std::function<Result<std::unique_ptr<ObjectStore>>()>;

// Opens the store now and, while that fails, again at every call, which then answers kUnavailable
// with the reason. Once open it stays open. Thread-safe; `open` is called by one thread at a time.
std::unique_ptr<ObjectStore> NewLazyStore(StoreOpener open);

}  // namespace lakehouse::storage
