#include "storage/faulty_store.h"

#include <numeric>
#include <utility>

namespace lakehouse::storage {

namespace {

using Effect = StoreFault::Effect;

// True when the call must not reach the store.
bool Prevents(const std::optional<StoreFault>& fault, bool is_read = false) {
  if (!fault) return false;
  return fault->effect == Effect::kBefore || (fault->effect == Effect::kShortRead && !is_read);
}

bool LosesAnswer(const std::optional<StoreFault>& fault) {
  return fault && fault->effect == Effect::kAfter;
}

bool Shortens(const std::optional<StoreFault>& fault) {
  return fault && fault->effect == Effect::kShortRead;
}

// Runs a call that is no read under a fault.
template <typename Call>
auto Apply(const std::optional<StoreFault>& fault, const Call& call) -> decltype(call()) {
  if (Prevents(fault)) return fault->status;
  auto answer = call();
  if (LosesAnswer(fault)) return fault->status;
  return answer;
}

}  // namespace

void FaultyStore::AddFault(const StoreFault& fault) {
  MutexLock lock(mutex_);
  armed_.push_back({fault});
}

void FaultyStore::ClearFaults() {
  MutexLock lock(mutex_);
  armed_.clear();
}

uint64_t FaultyStore::calls(std::optional<StoreCall> call) const {
  MutexLock lock(mutex_);
  if (call) return calls_[static_cast<size_t>(*call)];
  return std::accumulate(calls_.begin(), calls_.end(), uint64_t{0});
}

std::optional<StoreFault> FaultyStore::Arrive(StoreCall call) const {
  MutexLock lock(mutex_);
  ++calls_[static_cast<size_t>(call)];
  std::optional<StoreFault> hit;
  for (Armed& armed : armed_) {
    if (armed.fault.call && *armed.fault.call != call) continue;
    ++armed.seen;
    const bool hits =
        armed.seen >= armed.fault.ordinal && armed.seen - armed.fault.ordinal < armed.fault.repeat;
    if (hits && !hit) hit = armed.fault;
  }
  return hit;
}

Result<std::string> FaultyStore::Get(std::string_view key, ByteRange range) const {
  const std::optional<StoreFault> fault = Arrive(StoreCall::kGet);
  if (Prevents(fault, true) || LosesAnswer(fault)) return fault->status;
  ASSIGN_OR_RETURN(std::string bytes, target_->Get(key, range));
  if (Shortens(fault)) bytes.resize(bytes.size() / 2);
  return bytes;
}

Result<size_t> FaultyStore::ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                                   size_t size) const {
  const std::optional<StoreFault> fault = Arrive(StoreCall::kReadAt);
  if (Prevents(fault, true) || LosesAnswer(fault)) return fault->status;
  return target_->ReadAt(object, offset, buffer, Shortens(fault) ? size / 2 : size);
}

Result<ObjectInfo> FaultyStore::Head(std::string_view key) const {
  return Apply(Arrive(StoreCall::kHead), [&] { return target_->Head(key); });
}

Result<ObjectInfo> FaultyStore::Put(std::string_view key, std::string_view bytes,
                                    const PutCondition& condition) {
  return Apply(Arrive(StoreCall::kPut), [&] { return target_->Put(key, bytes, condition); });
}

Result<ObjectInfo> FaultyStore::PutFile(std::string_view key, const std::string& path,
                                        const PutCondition& condition) {
  return Apply(Arrive(StoreCall::kPutFile), [&] { return target_->PutFile(key, path, condition); });
}

Result<std::vector<ObjectInfo>> FaultyStore::List(std::string_view prefix,
                                                  std::string_view start_after,
                                                  size_t limit) const {
  return Apply(Arrive(StoreCall::kList), [&] { return target_->List(prefix, start_after, limit); });
}

Status FaultyStore::Delete(std::string_view key) {
  return Apply(Arrive(StoreCall::kDelete), [&] { return target_->Delete(key); });
}

Status FaultyStore::DeleteMany(const std::vector<std::string>& keys) {
  return Apply(Arrive(StoreCall::kDeleteMany), [&] { return target_->DeleteMany(keys); });
}

std::optional<std::string> FaultyStore::LocalPath(std::string_view key) const {
  return target_->LocalPath(key);
}

}  // namespace lakehouse::storage
