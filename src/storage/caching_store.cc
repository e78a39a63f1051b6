#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "storage/block_cache.h"
#include "storage/cached_blocks.h"

namespace lakehouse::storage {

namespace {

// The most that one request of the target asks for, and that one read claims of the blocks that
// others may want.
constexpr size_t kMaxRequestBytes = 16 << 20;

// The share of one block in a read.
struct Part {
  BlockAddress address;
  BlockId id;
  size_t begin = 0;  // Within the block.
  size_t size = 0;
  char* out = nullptr;
  CachedBlocks::Claim claim = {};
  bool is_served = false;
  bool refuses_disk = false;

  bool Needs(CachedBlocks::Claim::Action action) const {
    return !is_served && claim.action == action;
  }
  bool IsWholeBlock() const { return size == address.length(); }
};

// A read of neighbouring blocks, at most one request's worth. Used once.
class BlockRequest {
 public:
  BlockRequest(const ObjectStore& target, CachedBlocks& blocks, std::vector<Part> parts)
      : target_(target), blocks_(blocks), parts_(std::move(parts)) {}

  // Whatever ended this read, those who wait for its fetches must not wait forever.
  ~BlockRequest() {
    for (const Part& part : parts_) {
      if (part.Needs(Claim::kFetch)) blocks_.LandFailed(part.id, *part.claim.flight, failure_);
    }
  }

  Status Serve() {
    while (!IsServed()) {
      ClaimUnserved();
      // Fetches come first: a reader that waited before it landed its own could wait for another
      // that waits for it.
      TRY(Fetch());
      ReadHere();
      TRY(WaitForOthers());
    }
    return OkStatus();
  }

 private:
  using Claim = CachedBlocks::Claim;
  using Parts = std::vector<Part>;

  bool IsServed() const {
    return std::all_of(parts_.begin(), parts_.end(), [](const Part& p) { return p.is_served; });
  }

  void ClaimUnserved() {
    std::vector<CachedBlocks::Want> wants;
    for (const Part& part : parts_) {
      if (!part.is_served) wants.push_back({part.id, part.refuses_disk});
    }
    std::vector<Claim> claims = blocks_.Request(wants);
    auto claim = claims.begin();
    for (Part& part : parts_) {
      if (!part.is_served) part.claim = std::move(*claim++);
    }
  }

  Status Fetch() {
    const auto needs = [](const Part& part) { return part.Needs(Claim::kFetch); };
    auto first = std::find_if(parts_.begin(), parts_.end(), needs);
    while (first != parts_.end()) {
      const auto last = std::find_if_not(first, parts_.end(), needs);
      failure_ = FetchRun(first, last);
      TRY(failure_);
      first = std::find_if(last, parts_.end(), needs);
    }
    return OkStatus();
  }

  // Fetches blocks that lie next to each other by one request.
  Status FetchRun(Parts::iterator first, Parts::iterator last) {
    const BlockAddress& begin = first->address;
    const BlockAddress& end = std::prev(last)->address;
    const size_t size = end.offset() + end.length() - begin.offset();
    std::unique_ptr<char[]> scratch;
    char* data = first->out;
    if (!first->IsWholeBlock() || !std::prev(last)->IsWholeBlock()) {
      scratch = std::make_unique_for_overwrite<char[]>(size);
      data = scratch.get();
    }
    ASSIGN_OR_RETURN(const size_t count, target_.ReadAt(*begin.object, begin.offset(), data, size));
    if (count != size) {
      return Unavailable("the bucket answered with less than was asked for: ", count, " of ", size,
                         " bytes from ", begin.offset(), " of ", begin.object->key);
    }
    for (auto part = first; part != last; ++part) {
      const std::string_view block(data + (part->address.offset() - begin.offset()),
                                   part->address.length());
      if (scratch != nullptr) std::memcpy(part->out, block.data() + part->begin, part->size);
      blocks_.Land(part->id, part->address, *part->claim.flight, block);
      part->is_served = true;
    }
    return OkStatus();
  }

  void ReadHere() {
    for (Part& part : parts_) {
      if (!part.Needs(Claim::kRead)) continue;
      part.is_served = blocks_.Read(part.id, part.address, part.begin, part.size, part.out);
      part.refuses_disk = !part.is_served;
    }
  }

  Status WaitForOthers() {
    for (Part& part : parts_) {
      if (!part.Needs(Claim::kWait)) continue;
      TRY(blocks_.Wait(*part.claim.flight));
      std::memcpy(part.out, part.claim.flight->bytes.data() + part.begin, part.size);
      part.is_served = true;
    }
    return OkStatus();
  }

  const ObjectStore& target_;
  CachedBlocks& blocks_;
  Parts parts_;
  Status failure_ = Unavailable("the read that was to fetch this block was given up");
};

}  // namespace

class CachingStore : public ObjectStore {
 public:
  CachingStore(std::unique_ptr<ObjectStore> target, std::string identity, BlockCache& cache)
      : target_(std::move(target)), identity_(std::move(identity)), blocks_(*cache.blocks_) {}

  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    if (object.version.empty() || offset >= object.size_bytes || size == 0) {
      return target_->ReadAt(object, offset, buffer, size);
    }
    const size_t wanted = std::min<uint64_t>(size, object.size_bytes - offset);
    const BlockId first = FirstBlock(identity_, object, blocks_.block_bytes());
    const size_t window = std::max<size_t>(kMaxRequestBytes / blocks_.block_bytes(), 1);
    for (size_t done = 0; done < wanted;) {
      std::vector<Part> parts;
      for (; done < wanted && parts.size() < window; done += parts.back().size) {
        parts.push_back(MakePart(object, first, offset + done, wanted - done, buffer + done));
      }
      TRY(BlockRequest(*target_, blocks_, std::move(parts)).Serve());
    }
    return wanted;
  }

  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition) override {
    Result<ObjectInfo> info = target_->Put(key, bytes, condition);
    Forget(key);
    return info;
  }

  Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                             const PutCondition& condition) override {
    Result<ObjectInfo> info = target_->PutFile(key, path, condition);
    Forget(key);
    return info;
  }

  Status Delete(std::string_view key) override {
    const Status status = target_->Delete(key);
    Forget(key);
    return status;
  }

  Status DeleteMany(const std::vector<std::string>& keys) override {
    const Status status = target_->DeleteMany(keys);
    for (const std::string& key : keys) Forget(key);
    return status;
  }

  Result<std::string> Get(std::string_view key, ByteRange range) const override {
    return target_->Get(key, range);
  }
  Result<ObjectInfo> Head(std::string_view key) const override { return target_->Head(key); }
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) const override {
    return target_->List(prefix, start_after, limit);
  }
  std::optional<std::string> LocalPath(std::string_view key) const override {
    return target_->LocalPath(key);
  }

 private:
  // The part of a read from `offset` that lies in one block.
  Part MakePart(const ObjectInfo& object, const BlockId& first_block, uint64_t offset,
                size_t wanted, char* out) const {
    const size_t block_bytes = blocks_.block_bytes();
    Part part;
    part.address = {identity_, &object, block_bytes, offset / block_bytes};
    part.id = first_block;
    part.id.number = part.address.number;
    part.begin = offset % block_bytes;
    part.size = std::min(wanted, part.address.length() - part.begin);
    part.out = out;
    return part;
  }

  // Versions differ, so this only makes room; also after an error, when the write may have
  // happened.
  void Forget(std::string_view key) { blocks_.Drop(BlocksOfKey(identity_, key), false); }

  const std::unique_ptr<ObjectStore> target_;
  const std::string identity_;
  CachedBlocks& blocks_;
};

std::unique_ptr<ObjectStore> NewCachingStore(std::unique_ptr<ObjectStore> target,
                                             std::string identity, BlockCache& cache) {
  return std::make_unique<CachingStore>(std::move(target), std::move(identity), cache);
}

}  // namespace lakehouse::storage
