#include "storage/block_index.h"

#include <algorithm>

#include "base/check.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kMaxRemembered = 1 << 17;
// By which the idle time of a block counts, by place.
constexpr uint64_t kIdleWeights[] = {64, 4, 1};

}  // namespace

BlockIndex::BlockIndex(uint64_t capacity_bytes, size_t capacity_blocks)
    : capacity_bytes_(capacity_bytes),
      remembered_limit_(std::min(4 * capacity_blocks, kMaxRemembered)),
      same_use_(std::clamp<uint64_t>(capacity_blocks / 16, 1, 256)),
      now_(same_use_ + 1) {}

void BlockIndex::Move(Entry& entry, Place place) {
  orders_[place].splice(orders_[place].begin(), orders_[entry.place], entry.position);
  entry.place = place;
}

void BlockIndex::Remember(Entry& entry) {
  Move(entry, kRemembered);
  entry.bytes = 0;
  if (orders_[kRemembered].size() > remembered_limit_) {
    const BlockId oldest = *orders_[kRemembered].back();
    orders_[kRemembered].pop_back();
    entries_.erase(oldest);
  }
}

bool BlockIndex::Request(const BlockId& id) {
  ++now_;
  const auto [found, is_new] = entries_.try_emplace(id);
  Entry& entry = found->second;
  if (is_new) {
    orders_[kRemembered].push_front(&found->first);
    entry.position = orders_[kRemembered].begin();
  } else if (now_ - entry.last > same_use_) {
    entry.previous = entry.last;
  }
  entry.last = now_;
  if (entry.place == kRemembered) {
    Remember(entry);
    return false;
  }
  Move(entry, now_ - entry.entered > same_use_ ? kReused : entry.place);
  return true;
}

bool BlockIndex::Reserve(uint64_t bytes) {
  if (bytes > capacity_bytes_ - bytes_) return false;
  bytes_ += bytes;
  return true;
}

void BlockIndex::Release(uint64_t bytes) {
  CHECK(bytes <= bytes_);
  bytes_ -= bytes;
}

BlockIndex::Entry& BlockIndex::Oldest(Place place) {
  return entries_.find(*orders_[place].back())->second;
}

BlockIndex::Entry* BlockIndex::Coldest() {
  Entry* coldest = nullptr;
  uint64_t most = 0;
  for (const Place place : {kPassing, kUsedOnce, kReused}) {
    if (orders_[place].empty()) continue;
    Entry& oldest = Oldest(place);
    const uint64_t idle = (now_ - oldest.last) * kIdleWeights[place];
    if (coldest == nullptr || idle > most) {
      coldest = &oldest;
      most = idle;
    }
  }
  return coldest;
}

std::vector<BlockIndex::Block> BlockIndex::Evict(uint64_t bytes) {
  std::vector<Block> evicted;
  const uint64_t free_bytes = capacity_bytes_ - bytes_;
  for (uint64_t leaving = 0; free_bytes + leaving < bytes;) {
    Entry* coldest = Coldest();
    if (coldest == nullptr) break;
    evicted.push_back({**coldest->position, coldest->bytes});
    leaving += coldest->bytes;
    Remember(*coldest);
  }
  return evicted;
}

BlockIndex::Place BlockIndex::PlaceOf(const Entry& entry, uint64_t bytes) {
  if (entry.previous == 0) return kUsedOnce;
  // Where another block like this one would push none out there is no reason to be choosy.
  if (bytes <= capacity_bytes_ - bytes_) return kReused;
  uint64_t longest_idle = 0;
  for (const Place place : {kUsedOnce, kReused}) {
    if (orders_[place].empty()) continue;
    longest_idle = std::max(longest_idle, now_ - Oldest(place).last);
  }
  return entry.last - entry.previous > longest_idle ? kPassing : kReused;
}

void BlockIndex::Insert(const Block& block) {
  const auto [found, is_new] = entries_.try_emplace(block.id);
  Entry& entry = found->second;
  if (is_new) {
    orders_[kRemembered].push_front(&found->first);
    entry.position = orders_[kRemembered].begin();
    entry.last = now_;
  }
  CHECK(entry.place == kRemembered);
  // What was here before the start is no part of a use that goes on.
  entry.entered = is_new ? 0 : entry.last;
  entry.bytes = block.bytes;
  Move(entry, PlaceOf(entry, block.bytes));
}

bool BlockIndex::Contains(const BlockId& id) const {
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.place != kRemembered;
}

std::vector<BlockIndex::Block> BlockIndex::Erase(const BlockIdRange& range) {
  std::vector<Block> erased;
  auto it = entries_.lower_bound(range.first);
  while (it != entries_.end() && it->first <= range.last) {
    const Entry& entry = it->second;
    if (entry.place != kRemembered) erased.push_back({it->first, entry.bytes});
    orders_[entry.place].erase(entry.position);
    it = entries_.erase(it);
  }
  return erased;
}

}  // namespace lakehouse::storage
