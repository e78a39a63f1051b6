#include "gateway/query_registry.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace lakehouse::gateway {
namespace {

bool IsQueryId(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace

QueryRegistry::Registration::~Registration() { registry_->Remove(id_); }

Result<std::unique_ptr<QueryRegistry::Registration>> QueryRegistry::Add(const std::string& id,
                                                                        const CancelToken& cancel) {
  if (!IsQueryId(id)) {
    return InvalidArgument("field 'query_id' must be 1 to 64 letters, digits, '-' or '_'");
  }
  MutexLock lock(mutex_);
  if (!running_.emplace(id, cancel).second) {
    return Conflict("a query runs under this query_id already; choose another: ", id);
  }
  return std::make_unique<Registration>(*this, id);
}

Status QueryRegistry::Cancel(const std::string& id) {
  MutexLock lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end())
    return NotFound("no query runs under this id: ", QuoteForMessage(id));
  found->second.Cancel();
  return OkStatus();
}

void QueryRegistry::Remove(const std::string& id) {
  MutexLock lock(mutex_);
  running_.erase(id);
}

}  // namespace lakehouse::gateway
