#include "storage/block_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include <sys/stat.h>

#include "base/check.h"
#include "base/hash.h"
#include "storage/file_ops.h"

namespace lakehouse::storage {

namespace {

constexpr std::string_view kMagic = "LHBLOCK1";
constexpr size_t kMaxSlices = 16;
constexpr size_t kMinSliceBytes = 64 << 10;
constexpr time_t kUseResolutionSeconds = 60;

using Checksums = std::vector<uint32_t>;  // CRC-32C of every slice.

// A slice is what is verified as one; a small read of a block verifies no more than it must.
size_t SliceBytes(const BlockAddress& address) {
  return std::max(kMinSliceBytes, (address.block_bytes + kMaxSlices - 1) / kMaxSlices);
}

size_t SliceCount(const BlockAddress& address) {
  const size_t slice_bytes = SliceBytes(address);
  return (address.length() + slice_bytes - 1) / slice_bytes;
}

void AppendInteger(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void AppendText(std::string& out, std::string_view text) {
  AppendInteger(out, text.size(), sizeof(uint32_t));
  out.append(text);
}

constexpr size_t kChecksumsOffset = 40;

std::optional<std::string> Encode(const BlockAddress& address, const Checksums& checksums) {
  std::string header;
  header.reserve(kBlockHeaderBytes);
  header.append(kMagic);
  AppendInteger(header, address.number, sizeof(uint64_t));
  AppendInteger(header, address.object->size_bytes, sizeof(uint64_t));
  AppendInteger(header, address.block_bytes, sizeof(uint32_t));
  AppendInteger(header, address.length(), sizeof(uint32_t));
  AppendInteger(header, SliceBytes(address), sizeof(uint32_t));
  AppendInteger(header, checksums.size(), sizeof(uint32_t));
  DCHECK(header.size() == kChecksumsOffset);
  for (const uint32_t checksum : checksums) AppendInteger(header, checksum, sizeof(uint32_t));
  for (const std::string_view text : {address.identity, std::string_view(address.object->key),
                                      std::string_view(address.object->version)}) {
    AppendText(header, text);
  }
  if (header.size() > kBlockHeaderBytes) return std::nullopt;
  header.resize(kBlockHeaderBytes);
  return header;
}

// Takes the checksums from a header and compares all the rest with what it must be.
std::optional<Checksums> ReadChecksums(const BlockAddress& address, const char* header) {
  Checksums checksums(SliceCount(address));
  for (size_t i = 0; i < checksums.size(); ++i) {
    const char* bytes = header + kChecksumsOffset + i * sizeof(uint32_t);
    for (size_t k = 0; k < sizeof(uint32_t); ++k) {
      checksums[i] |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[k])) << (8 * k);
    }
  }
  const std::optional<std::string> expected = Encode(address, checksums);
  if (!expected || std::memcmp(expected->data(), header, kBlockHeaderBytes) != 0) {
    return std::nullopt;
  }
  return checksums;
}

BlockRead ReadExactly(int file, char* buffer, size_t size, uint64_t offset) {
  const ssize_t count = ReadFully(file, buffer, size, offset);
  if (count < 0) return BlockRead::kFailed;
  return static_cast<size_t>(count) == size ? BlockRead::kOk : BlockRead::kDamaged;
}

// Writing a time at every use would cost more than it tells.
void NoteUse(int file, const struct stat& metadata) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec - metadata.st_atim.tv_sec < kUseResolutionSeconds) return;
  const timespec times[2] = {now, {0, UTIME_OMIT}};
  ::futimens(file, times);
}

// Reads slices [first, last) where the caller wants [begin, begin + size) of the block. Slices that
// the caller wants whole go straight to its buffer, others through `scratch`.
class SliceReader {
 public:
  SliceReader(int file, const BlockAddress& address, Checksums checksums)
      : file_(file), address_(address), checksums_(std::move(checksums)) {}

  BlockRead Read(size_t begin, size_t size, char* buffer) {
    const size_t slice_bytes = SliceBytes(address_);
    const size_t end = begin + size;
    for (size_t at = begin; at < end;) {
      const size_t slice = at / slice_bytes;
      const size_t slice_begin = slice * slice_bytes;
      const size_t slice_end = std::min(slice_begin + slice_bytes, address_.length());
      const size_t wanted_end = std::min(slice_end, end);
      char* out = buffer + (at - begin);
      const bool whole = at == slice_begin && wanted_end == slice_end;
      if (!whole) scratch_.resize(slice_bytes);
      char* in = whole ? out : scratch_.data();
      const BlockRead read = ReadSlice(slice, slice_begin, slice_end, in);
      if (read != BlockRead::kOk) return read;
      if (!whole) std::memcpy(out, in + (at - slice_begin), wanted_end - at);
      at = wanted_end;
    }
    return BlockRead::kOk;
  }

 private:
  BlockRead ReadSlice(size_t slice, size_t begin, size_t end, char* out) const {
    const BlockRead read = ReadExactly(file_, out, end - begin, kBlockHeaderBytes + begin);
    if (read != BlockRead::kOk) return read;
    const bool matches = Crc32c({out, end - begin}) == checksums_[slice];
    return matches ? BlockRead::kOk : BlockRead::kDamaged;
  }

  const int file_;
  const BlockAddress& address_;
  const Checksums checksums_;
  std::string scratch_;
};

}  // namespace

size_t BlockAddress::length() const {
  return std::min<uint64_t>(block_bytes, object->size_bytes - offset());
}

std::optional<std::string> EncodeBlockHeader(const BlockAddress& address, std::string_view data) {
  DCHECK(data.size() == address.length());
  Checksums checksums;
  for (size_t begin = 0; begin < data.size(); begin += SliceBytes(address)) {
    checksums.push_back(Crc32c(data.substr(begin, SliceBytes(address))));
  }
  return Encode(address, checksums);
}

BlockRead ReadBlock(int file, const BlockAddress& address, size_t begin, size_t size,
                    char* buffer) {
  struct stat metadata {};
  if (::fstat(file, &metadata) != 0) return BlockRead::kFailed;
  const size_t file_bytes = kBlockHeaderBytes + address.length();
  if (S_ISREG(metadata.st_mode) && static_cast<uint64_t>(metadata.st_size) != file_bytes) {
    return BlockRead::kDamaged;
  }
  char header[kBlockHeaderBytes];
  BlockRead read = ReadExactly(file, header, sizeof(header), 0);
  if (read != BlockRead::kOk) return read;
  std::optional<Checksums> checksums = ReadChecksums(address, header);
  if (!checksums) return BlockRead::kDamaged;
  read = SliceReader(file, address, *std::move(checksums)).Read(begin, size, buffer);
  if (read == BlockRead::kOk) NoteUse(file, metadata);
  return read;
}

}  // namespace lakehouse::storage
