// A store that fails on request: how higher modules test what they do about it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

enum class StoreCall { kGet, kReadAt, kHead, kPut, kPutFile, kList, kDelete, kDeleteMany };

// What goes wrong with one call.
struct StoreFault {
  enum class Effect {
    kBefore,     // Nothing is done; the caller sees `status`.
    kAfter,      // The call is applied, but its answer is lost: the caller sees `status`.
    kShortRead,  // A read answers with the first half of its bytes, ok; others fail as kBefore.
  };
  std::optional<StoreCall> call = std::nullopt;  // Which calls are counted; nullopt: every call.
  uint64_t ordinal = 1;  // Fails the n-th of them from when the fault was added.
  uint64_t repeat = 1;   // How many in a row fail.
  Effect effect = Effect::kBefore;
  Status status = {StatusCode::kUnavailable, "an injected fault"};
};

// Passes every call on to another store, except where a fault says otherwise. Without faults it
// behaves exactly like that store. Thread-safe. Owns the other store.
class FaultyStore : public ObjectStore {
 public:
  explicit FaultyStore(std::unique_ptr<ObjectStore> target) : target_(std::move(target)) {}

  void AddFault(const StoreFault& fault) EXCLUDES_LOCK(mutex_);
  void ClearFaults() EXCLUDES_LOCK(mutex_);
  // How many calls came in so far; of one kind, or of every kind.
  uint64_t calls(std::optional<StoreCall> call = std::nullopt) const EXCLUDES_LOCK(mutex_);

  Result<std::string> Get(std::string_view key, ByteRange range = {}) const override;
  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override;
  Result<ObjectInfo> Head(std::string_view key) const override;
  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition = {}) override;
  Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                             const PutCondition& condition = {}) override;
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after = {},
                                       size_t limit = SIZE_MAX) const override;
  Status Delete(std::string_view key) override;
  Status DeleteMany(const std::vector<std::string>& keys) override;
  std::optional<std::string> LocalPath(std::string_view key) const override;

 private:
  static constexpr size_t kCallKinds = 8;
  struct Armed {
    StoreFault fault;
    uint64_t seen = 0;  // Calls that the fault has counted.
  };

  // Counts a call; returns the first fault that hits it.
  std::optional<StoreFault> Arrive(StoreCall call) const EXCLUDES_LOCK(mutex_);

  const std::unique_ptr<ObjectStore> target_;
  mutable Mutex mutex_;
  mutable std::array<uint64_t, kCallKinds> calls_ GUARDED_BY(mutex_){};
  mutable std::vector<Armed> armed_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::storage
