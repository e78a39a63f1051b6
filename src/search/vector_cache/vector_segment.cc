#include "search/vector_cache/vector_segment.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "base/hash.h"

namespace lakehouse::search {

namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view kMagic = "LHVECTS1";
constexpr size_t kHeaderBytes = 64;
constexpr size_t kSpaceOffset = 8;
constexpr size_t kDimensionsOffset = 40;
constexpr size_t kCountOffset = 44;
constexpr size_t kIndexCrcOffset = 48;
constexpr size_t kHeaderCrcOffset = 60;
constexpr size_t kKeyBytes = sizeof(VectorKey);
constexpr size_t kIndexEntryBytes = kKeyBytes + sizeof(uint32_t);
constexpr size_t kCrcBytes = sizeof(uint32_t);
// Far above any model's; keeps sizes computed from a header within 64 bits.
constexpr uint64_t kMaxDimensions = 1 << 20;

// Rows of one embedding job lie side by side: reading what stands between two of them is cheaper
// than another call to the store.
constexpr uint64_t kReadGapBytes = 64 << 10;
constexpr uint64_t kReadRunBytes = 4 << 20;

template <typename T>
void AppendRaw(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T LoadRaw(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

std::string_view BytesOf(const VectorKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

// Big-endian, so that numbers are in the order of the keys.
uint64_t PrefixOf(const uint8_t* key) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < sizeof(prefix); ++i) prefix = prefix << 8 | key[i];
  return prefix;
}

size_t RecordBytes(size_t dimensions) { return kKeyBytes + dimensions * sizeof(float) + kCrcBytes; }

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

Status Damaged(const storage::ObjectInfo& object, std::string_view what) {
  return Internal("the cached vectors are damaged (", what, "): ", object.key);
}

// Fills `buffer` from `offset` on.
Status ReadExactly(const storage::ObjectStore& store, const storage::ObjectInfo& object,
                   uint64_t offset, std::string& buffer) {
  ASSIGN_OR_RETURN(const size_t read, store.ReadAt(object, offset, buffer.data(), buffer.size()));
  return read == buffer.size() ? OkStatus() : Damaged(object, "it is shorter than its header says");
}

}  // namespace

std::optional<VectorKey> ParseVectorKey(std::string_view hex) {
  VectorKey key;
  if (hex.size() != 2 * key.size()) return std::nullopt;
  for (size_t i = 0; i < key.size(); ++i) {
    const int high = HexValue(hex[2 * i]), low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return key;
}

std::string EncodeVectorSegment(const std::string& space_id, size_t dimensions,
                                std::span<const VectorRecord> records) {
  const std::optional<VectorKey> space = ParseVectorKey(space_id);
  CHECK(space.has_value() && records.size() <= std::numeric_limits<int32_t>::max());
  std::vector<uint32_t> order(records.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](uint32_t row) { return records[row].key; });
  std::string index;
  index.reserve(records.size() * kIndexEntryBytes);
  for (const uint32_t row : order) {
    index.append(BytesOf(records[row].key));
    AppendRaw(index, row);
  }

  std::string bytes(kMagic);
  bytes.reserve(kHeaderBytes + index.size() + records.size() * RecordBytes(dimensions));
  bytes.append(BytesOf(*space));
  AppendRaw(bytes, static_cast<uint32_t>(dimensions));
  AppendRaw(bytes, static_cast<uint32_t>(records.size()));
  AppendRaw(bytes, Crc32c(index));
  bytes.resize(kHeaderCrcOffset, '\0');
  AppendRaw(bytes, Crc32c(bytes));
  bytes.append(index);
  for (const VectorRecord& record : records) {
    CHECK(record.vector.size() == dimensions);
    const size_t begin = bytes.size();
    bytes.append(BytesOf(record.key));
    bytes.append(reinterpret_cast<const char*>(record.vector.data()), dimensions * sizeof(float));
    AppendRaw(bytes, Crc32c(std::string_view(bytes).substr(begin)));
  }
  return bytes;
}

Result<std::shared_ptr<const VectorSegment>> VectorSegment::Open(const storage::ObjectStore& store,
                                                                 storage::ObjectInfo object,
                                                                 const std::string& space_id) {
  const std::optional<VectorKey> space = ParseVectorKey(space_id);
  CHECK(space.has_value());
  std::string header(kHeaderBytes, '\0');
  if (object.size_bytes < kHeaderBytes) return Damaged(object, "it has no header");
  TRY(ReadExactly(store, object, 0, header));
  if (!header.starts_with(kMagic) ||
      LoadRaw<uint32_t>(&header[kHeaderCrcOffset]) !=
          Crc32c(std::string_view(header).substr(0, kHeaderCrcOffset)) ||
      std::string_view(header).substr(kSpaceOffset, kKeyBytes) != BytesOf(*space)) {
    return Damaged(object, "header");
  }
  const uint64_t dimensions = LoadRaw<uint32_t>(&header[kDimensionsOffset]);
  const uint64_t count = LoadRaw<uint32_t>(&header[kCountOffset]);
  if (dimensions > kMaxDimensions ||
      object.size_bytes != kHeaderBytes + count * (kIndexEntryBytes + RecordBytes(dimensions))) {
    return Damaged(object, "size");
  }
  std::string index(count * kIndexEntryBytes, '\0');
  TRY(ReadExactly(store, object, kHeaderBytes, index));
  if (LoadRaw<uint32_t>(&header[kIndexCrcOffset]) != Crc32c(index)) {
    return Damaged(object, "index of keys");
  }
  std::shared_ptr<VectorSegment> segment(new VectorSegment(std::move(object), dimensions));
  segment->prefixes_.reserve(count);
  segment->rows_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const char* const entry = &index[i * kIndexEntryBytes];
    segment->prefixes_.push_back(PrefixOf(reinterpret_cast<const uint8_t*>(entry)));
    const auto row = LoadRaw<uint32_t>(entry + kKeyBytes);
    if (row >= count) return Damaged(segment->object(), "row number");
    segment->rows_.push_back(row);
  }
  if (!std::ranges::is_sorted(segment->prefixes_)) return Damaged(segment->object(), "order");
  return std::shared_ptr<const VectorSegment>(std::move(segment));
}

uint64_t VectorSegment::RecordOffset(uint64_t row) const {
  return kHeaderBytes + rows_.size() * kIndexEntryBytes + row * RecordBytes(dimensions_);
}

std::optional<uint32_t> VectorSegment::FindRow(const VectorKey& key) const {
  const uint64_t prefix = PrefixOf(key.data());
  const auto found = std::ranges::lower_bound(prefixes_, prefix);
  if (found == prefixes_.end() || *found != prefix) return std::nullopt;
  return rows_[static_cast<size_t>(found - prefixes_.begin())];
}

Result<VectorRecord> VectorSegment::DecodeRecord(const char* bytes, uint64_t row) const {
  const size_t size = RecordBytes(dimensions_) - kCrcBytes;
  if (LoadRaw<uint32_t>(bytes + size) != Crc32c(std::string_view(bytes, size))) {
    return Damaged(object_, StrCat("record ", row));
  }
  VectorRecord record;
  std::memcpy(record.key.data(), bytes, kKeyBytes);
  record.vector.resize(dimensions_);
  std::memcpy(record.vector.data(), bytes + kKeyBytes, dimensions_ * sizeof(float));
  return record;
}

Status VectorSegment::ReadRows(const storage::ObjectStore& store, std::vector<Wanted>& wanted,
                               const Found& found) const {
  const uint64_t record_bytes = RecordBytes(dimensions_);
  std::ranges::sort(wanted, {}, &Wanted::row);
  std::string run;
  for (size_t first = 0; first < wanted.size();) {
    const uint64_t begin = RecordOffset(wanted[first].row);
    size_t last = first;
    while (last + 1 < wanted.size()) {
      const uint64_t next = RecordOffset(wanted[last + 1].row);
      const uint64_t end = RecordOffset(wanted[last].row) + record_bytes;
      if (next > end + kReadGapBytes || next + record_bytes > begin + kReadRunBytes) break;
      ++last;
    }
    run.resize(RecordOffset(wanted[last].row) + record_bytes - begin);
    TRY(ReadExactly(store, object_, begin, run));
    for (; first <= last; ++first) {
      const Wanted& want = wanted[first];
      ASSIGN_OR_RETURN(VectorRecord record,
                       DecodeRecord(&run[RecordOffset(want.row) - begin], want.row));
      if (record.key == *want.key) found(want.slot, std::move(record.vector));
    }
  }
  return OkStatus();
}

Result<std::vector<VectorRecord>> VectorSegment::ReadAll(const storage::ObjectStore& store) const {
  std::string bytes(rows_.size() * RecordBytes(dimensions_), '\0');
  TRY(ReadExactly(store, object_, RecordOffset(0), bytes));
  std::vector<VectorRecord> records;
  records.reserve(rows_.size());
  for (size_t row = 0; row < rows_.size(); ++row) {
    ASSIGN_OR_RETURN(VectorRecord record,
                     DecodeRecord(&bytes[row * RecordBytes(dimensions_)], row));
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace lakehouse::search
