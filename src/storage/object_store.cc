#include "storage/object_store.h"

#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kMaxKeyBytes = 1024;

}  // namespace

Status CheckKey(std::string_view key) {
  if (key.empty()) return InvalidArgument("an object key must not be empty");
  if (key.size() > kMaxKeyBytes) {
    return InvalidArgument("an object key must have at most ", kMaxKeyBytes, " bytes, not ",
                           key.size());
  }
  if (key.find('\0') != std::string_view::npos) {
    return InvalidArgument("an object key must not contain a NUL byte");
  }
  if (!IsValidUtf8(key)) return InvalidArgument("an object key must be valid UTF-8");
  if (key.find('\\') != std::string_view::npos) {
    return InvalidArgument("an object key must not contain a backslash: ", key);
  }
  for (const std::string_view segment : SplitString(key, '/')) {
    if (segment.empty() || segment == "." || segment == "..") {
      return InvalidArgument("an object key must not have an empty, '.' or '..' segment: ", key);
    }
  }
  return OkStatus();
}

Status ObjectStore::DeleteMany(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) TRY(Delete(key));
  return OkStatus();
}

}  // namespace lakehouse::storage
