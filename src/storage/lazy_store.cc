#include "storage/lazy_store.h"

#include <atomic>
#include <utility>

#include "base/mutex.h"

namespace lakehouse::storage {

namespace {

class LazyStore : public ObjectStore {
 public:
  explicit LazyStore(StoreOpener open) : open_(std::move(open)) {}

  // Returns the store, opened if need be.
  Result<ObjectStore*> Target() const EXCLUDES_LOCK(mutex_) {
    if (ObjectStore* store = ready_.load(std::memory_order_acquire)) return store;
    MutexLock lock(mutex_);
    if (store_ == nullptr) {
      auto opened = open_();
      if (!opened.ok()) {
        return Unavailable("the bucket cannot be opened: ", opened.status().message());
      }
      store_ = *std::move(opened);
      ready_.store(store_.get(), std::memory_order_release);
    }
    return store_.get();
  }

  Result<std::string> Get(std::string_view key, ByteRange range) const override {
    ASSIGN_OR_RETURN(const ObjectStore* store, Target());
    return store->Get(key, range);
  }
  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    ASSIGN_OR_RETURN(const ObjectStore* store, Target());
    return store->ReadAt(object, offset, buffer, size);
  }
  Result<ObjectInfo> Head(std::string_view key) const override {
    ASSIGN_OR_RETURN(const ObjectStore* store, Target());
    return store->Head(key);
  }
  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition) override {
    ASSIGN_OR_RETURN(ObjectStore * store, Target());
    return store->Put(key, bytes, condition);
  }
  Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                             const PutCondition& condition) override {
    ASSIGN_OR_RETURN(ObjectStore * store, Target());
    return store->PutFile(key, path, condition);
  }
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) const override {
    ASSIGN_OR_RETURN(const ObjectStore* store, Target());
    return store->List(prefix, start_after, limit);
  }
  Status Delete(std::string_view key) override {
    ASSIGN_OR_RETURN(ObjectStore * store, Target());
    return store->Delete(key);
  }
  Status DeleteMany(const std::vector<std::string>& keys) override {
    ASSIGN_OR_RETURN(ObjectStore * store, Target());
    return store->DeleteMany(keys);
  }
  std::optional<std::string> LocalPath(std::string_view key) const override {
    const Result<ObjectStore*> store = Target();
    return store.ok() ? (*store)->LocalPath(key) : std::nullopt;
  }

 private:
  const StoreOpener open_;
  mutable std::atomic<ObjectStore*> ready_{nullptr};
  mutable Mutex mutex_;
  mutable std::unique_ptr<ObjectStore> store_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ObjectStore> NewLazyStore(StoreOpener open) {
  auto store = std::make_unique<LazyStore>(std::move(open));
  // What fails now is reported by the first call that needs the store.
  (void)store->Target();
  return store;
}

}  // namespace lakehouse::storage
