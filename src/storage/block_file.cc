#include "storage/block_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "base/check.h"
#include "base/hash.h"
#include "storage/file_ops.h"

namespace lakehouse::storage {

namespace {

constexpr std::string_view kMagic = "LHBLOCK1";
constexpr size_t kMaxSlices = 64;
constexpr size_t kMinSliceBytes = 16 << 10;
// What is read at once, so that it is still in the processor's cache when it is verified.
constexpr size_t kReadBytes = 128 << 10;
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

// Writing a time at every use would cost more than it tells.
void NoteUse(int file, const struct stat& metadata) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec - metadata.st_atim.tv_sec < kUseResolutionSeconds) return;
  const timespec times[2] = {now, {0, UTIME_OMIT}};
  ::futimens(file, times);
}

// Reads from a file whose header has been verified.
class SliceReader {
 public:
  SliceReader(int file, const BlockAddress& address, Checksums checksums)
      : file_(file),
        slice_bytes_(SliceBytes(address)),
        length_(address.length()),
        checksums_(std::move(checksums)) {}

  // As ReadBlock. Slices that are wanted whole go straight to the buffer.
  BlockRead Read(size_t begin, size_t size, char* buffer) {
    const size_t end = begin + size;
    for (size_t at = begin; at < end;) {
      const size_t offset = at % slice_bytes_;
      const size_t whole = WholeSlices(at, end);
      const size_t next = whole > 0 ? at + whole : std::min(at - offset + slice_bytes_, end);
      char* out = buffer + (at - begin);
      const BlockRead read = whole > 0 ? ReadSlices(at, next, out) : ReadPart(at, next, out);
      if (read != BlockRead::kOk) return read;
      at = next;
    }
    return BlockRead::kOk;
  }

 private:
  // Returns how many bytes from `at` on are whole slices before `end`; at most one read's worth.
  size_t WholeSlices(size_t at, size_t end) const {
    if (at % slice_bytes_ != 0) return 0;
    const size_t most = std::max(kReadBytes / slice_bytes_, size_t{1}) * slice_bytes_;
    if (end - at >= most) return most;
    // Only the block's last slice may be short.
    return end == length_ ? end - at : (end - at) / slice_bytes_ * slice_bytes_;
  }

  BlockRead ReadSlices(size_t begin, size_t end, char* out) const {
    const ssize_t count = ReadFully(file_, out, end - begin, kBlockHeaderBytes + begin);
    if (count < 0) return BlockRead::kFailed;
    if (static_cast<size_t>(count) != end - begin) return BlockRead::kDamaged;
    for (size_t at = begin; at < end; at += slice_bytes_) {
      const std::string_view slice(out + (at - begin), std::min(slice_bytes_, end - at));
      if (Crc32c(slice) != checksums_[at / slice_bytes_]) return BlockRead::kDamaged;
    }
    return BlockRead::kOk;
  }

  // Reads bytes of one slice.
  BlockRead ReadPart(size_t begin, size_t end, char* out) {
    const size_t slice_begin = begin - begin % slice_bytes_;
    const size_t slice_end = std::min(slice_begin + slice_bytes_, length_);
    if (scratch_ == nullptr) scratch_ = std::make_unique_for_overwrite<char[]>(slice_bytes_);
    const BlockRead read = ReadSlices(slice_begin, slice_end, scratch_.get());
    if (read == BlockRead::kOk) {
      std::memcpy(out, scratch_.get() + (begin - slice_begin), end - begin);
    }
    return read;
  }

  const int file_;
  const size_t slice_bytes_;
  const size_t length_;
  const Checksums checksums_;
  std::unique_ptr<char[]> scratch_;
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
  const ssize_t count = ReadFully(file, header, sizeof(header), 0);
  if (count < 0) return BlockRead::kFailed;
  if (count != sizeof(header)) return BlockRead::kDamaged;
  std::optional<Checksums> checksums = ReadChecksums(address, header);
  if (!checksums) return BlockRead::kDamaged;
  const BlockRead read =
      SliceReader(file, address, *std::move(checksums)).Read(begin, size, buffer);
  if (read == BlockRead::kOk) NoteUse(file, metadata);
  return read;
}

}  // namespace lakehouse::storage
