#include "storage/append_log_format.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/hash.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "LHJOURN1";
constexpr size_t kFirstOffset = 8;
constexpr size_t kPreviousNumberOffset = 16;
constexpr size_t kPreviousDigestOffset = 24;
constexpr size_t kWriterOffset = 56;
constexpr size_t kCountOffset = 72;
constexpr size_t kBodyBytesOffset = 76;
constexpr size_t kHeaderCrcOffset = 80;
static_assert(kHeaderCrcOffset + sizeof(uint32_t) == kSegmentHeaderBytes);

constexpr size_t kFrameCrcOffset = 4;
constexpr size_t kFrameDigestOffset = 8;
static_assert(kFrameDigestOffset + sizeof(Digest) == kFrameHeaderBytes);

constexpr size_t kNumberDigits = 20;
constexpr uint64_t kMaxNumber = std::numeric_limits<int64_t>::max();
constexpr std::string_view kKeySuffix = ".log";
constexpr std::string_view kDamagedFolder = "damaged/";
constexpr size_t kDamagedDigestDigits = 16;

template <typename T>
T Load(std::string_view bytes, size_t offset) {
  T value{};
  CHECK(offset + sizeof(T) <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <typename T>
void Store(std::string& bytes, size_t offset, const T& value) {
  CHECK(offset + sizeof(T) <= bytes.size());
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

std::string_view ViewOf(const Digest& digest) { return {digest.data(), digest.size()}; }

char HexValue(char digit) {
  return static_cast<char>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

Digest FinishRaw(Sha256& sha) {
  const std::string hex = sha.FinishHex();
  Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<char>(HexValue(hex[2 * i]) << 4 | HexValue(hex[2 * i + 1]));
  }
  return digest;
}

// Covers the length, the digest and the record.
uint32_t FrameCrc(std::string_view frame) {
  return Crc32c(frame.substr(kFrameDigestOffset), Crc32c(frame.substr(0, kFrameCrcOffset)));
}

// What a frame at the front of `rest` is: its size, or nothing.
struct FrameScan {
  size_t size_bytes = 0;  // 0: none that verifies.
  bool cut = false;       // It may be good as far as it goes.
  std::string_view problem;
};

FrameScan ScanFrame(std::string_view rest) {
  if (rest.size() < sizeof(uint32_t)) return {0, true, "a record is cut"};
  const uint32_t length = Load<uint32_t>(rest, 0);
  if (length == 0 || length > kMaxRecordBytes) return {0, false, "a record's length is impossible"};
  const size_t size = kFrameHeaderBytes + length;
  if (size > rest.size()) return {0, true, "a record is cut"};
  const std::string_view frame = rest.substr(0, size);
  if (FrameCrc(frame) != Load<uint32_t>(frame, kFrameCrcOffset)) {
    return {0, false, "a record's checksum does not match its bytes"};
  }
  return {size, false, {}};
}

std::string Digits(uint64_t number) {
  const std::string digits = StrCat(number);
  return std::string(kNumberDigits - digits.size(), '0') + digits;
}

// Takes a number of exactly 20 digits off the front of `text`.
std::optional<uint64_t> TakeNumber(std::string_view& text) {
  if (text.size() < kNumberDigits) return std::nullopt;
  uint64_t number = 0;
  const char* const stop = text.data() + kNumberDigits;
  const auto [end, error] = std::from_chars(text.data(), stop, number);
  if (error != std::errc() || end != stop || number == 0 || number > kMaxNumber) {
    return std::nullopt;
  }
  text.remove_prefix(kNumberDigits);
  return number;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

ChainLink ChainRoot(std::string_view name) {
  Sha256 sha;
  sha.Update(LogKeys(name).prefix());
  return {0, FinishRaw(sha)};
}

ChainLink ContinueChain(const Digest& previous, uint64_t number, std::string_view record) {
  Sha256 sha;
  sha.Update(ViewOf(previous));
  sha.Update({reinterpret_cast<const char*>(&number), sizeof(number)});
  sha.Update(record);
  return {number, FinishRaw(sha)};
}

ChainLink AppendFrame(std::string& out, const Digest& previous, uint64_t number,
                      std::string_view record) {
  CHECK(!record.empty() && record.size() <= kMaxRecordBytes);
  const ChainLink link = ContinueChain(previous, number, record);
  std::string head(kFrameHeaderBytes, '\0');
  Store(head, 0, static_cast<uint32_t>(record.size()));
  Store(head, kFrameDigestOffset, link.digest);
  const uint32_t crc_of_length = Crc32c(std::string_view(head).substr(0, kFrameCrcOffset));
  Store(head, kFrameCrcOffset, Crc32c(record, Crc32c(ViewOf(link.digest), crc_of_length)));
  StrAppend(out, head, record);
  return link;
}

void WriteSegmentHeader(std::string& segment, const SegmentHeader& header) {
  CHECK(segment.size() == kSegmentHeaderBytes + header.body_bytes);
  std::memcpy(segment.data(), kMagic.data(), kMagic.size());
  Store(segment, kFirstOffset, header.first);
  Store(segment, kPreviousNumberOffset, header.previous.number);
  Store(segment, kPreviousDigestOffset, header.previous.digest);
  Store(segment, kWriterOffset, header.writer);
  Store(segment, kCountOffset, header.count);
  Store(segment, kBodyBytesOffset, header.body_bytes);
  Store(segment, kHeaderCrcOffset, Crc32c(std::string_view(segment).substr(0, kHeaderCrcOffset)));
}

Digest Frame::digest() const { return Load<Digest>(bytes, kFrameDigestOffset); }

std::vector<Frame> SplitFrames(std::string_view body) {
  std::vector<Frame> frames;
  while (!body.empty()) {
    const size_t size = kFrameHeaderBytes + Load<uint32_t>(body, 0);
    CHECK(size <= body.size());
    frames.push_back({body.substr(0, size)});
    body.remove_prefix(size);
  }
  return frames;
}

ChainLink DecodedSegment::link() const {
  return frames.empty() ? header->previous : ChainLink{next() - 1, frames.back().digest()};
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  if (Crc32c(bytes.substr(0, kHeaderCrcOffset)) != Load<uint32_t>(bytes, kHeaderCrcOffset)) {
    return std::nullopt;
  }
  SegmentHeader header;
  header.first = Load<uint64_t>(bytes, kFirstOffset);
  header.previous.number = Load<uint64_t>(bytes, kPreviousNumberOffset);
  header.previous.digest = Load<Digest>(bytes, kPreviousDigestOffset);
  header.writer = Load<std::array<char, 16>>(bytes, kWriterOffset);
  header.count = Load<uint32_t>(bytes, kCountOffset);
  header.body_bytes = Load<uint32_t>(bytes, kBodyBytesOffset);
  const bool sane = header.first > header.previous.number && header.first <= kMaxNumber &&
                    header.count > 0 && header.body_bytes <= kMaxSegmentBytes &&
                    header.body_bytes / (kFrameHeaderBytes + 1) >= header.count;
  return sane ? std::optional(header) : std::nullopt;
}

DecodedSegment DecodeSegment(std::string_view bytes, uint64_t first) {
  DecodedSegment decoded;
  if (bytes.size() < kSegmentHeaderBytes) {
    decoded.state = SegmentState::kTorn;
    decoded.problem = "the header is cut";
    return decoded;
  }
  decoded.header = DecodeSegmentHeader(bytes);
  if (!decoded.header) {
    decoded.problem = "the header does not verify";
    return decoded;
  }
  if (decoded.header->first != first) {
    decoded.header.reset();
    decoded.problem = "the segment belongs under another key";
    return decoded;
  }
  const SegmentHeader& header = *decoded.header;
  std::string_view rest = bytes.substr(kSegmentHeaderBytes);
  const bool is_short = rest.size() < header.body_bytes;
  ChainLink link = header.previous;
  for (uint64_t number = first; number < first + header.count; ++number) {
    const FrameScan scan = ScanFrame(rest);
    if (scan.size_bytes == 0) {
      decoded.state = scan.cut && is_short ? SegmentState::kTorn : SegmentState::kDamaged;
      decoded.problem = scan.problem;
      return decoded;
    }
    const Frame frame{rest.substr(0, scan.size_bytes)};
    link = ContinueChain(link.digest, number, frame.record());
    if (frame.digest() != link.digest) {
      decoded.problem = "a record does not continue the chain";
      return decoded;
    }
    decoded.frames.push_back(frame);
    rest.remove_prefix(scan.size_bytes);
  }
  const bool exact = rest.empty() && !is_short;
  decoded.state = exact ? SegmentState::kWhole : SegmentState::kDamaged;
  if (!exact) decoded.problem = "the segment has another length than its header says";
  return decoded;
}

LogKeys::LogKeys(std::string_view name) : prefix_(StrCat("_journal/", name, "/")) {}

std::string LogKeys::ForSegment(const LogSegment& segment) const {
  const std::string start = prefix_ + Digits(segment.first);
  return segment.merged ? StrCat(start, "-", Digits(segment.last), kKeySuffix)
                        : StrCat(start, kKeySuffix);
}

std::optional<LogSegment> LogKeys::ParseSegment(const ObjectInfo& info) const {
  std::string_view rest = info.key;
  if (info.size_bytes > kMaxSegmentBytes || !TakePrefix(rest, prefix_)) return std::nullopt;
  LogSegment segment;
  segment.size_bytes = info.size_bytes;
  const std::optional<uint64_t> first = TakeNumber(rest);
  if (!first) return std::nullopt;
  segment.first = *first;
  if (TakePrefix(rest, "-")) {
    const std::optional<uint64_t> last = TakeNumber(rest);
    if (!last || *last < *first) return std::nullopt;
    segment.last = *last;
    segment.merged = true;
  }
  return rest == kKeySuffix ? std::optional(segment) : std::nullopt;
}

std::string LogKeys::ForDamaged(const NumberRange& range, std::string_view bytes) const {
  return StrCat(prefix_, kDamagedFolder, Digits(range.first), "-", Digits(range.next), "-",
                Sha256Hex(bytes).substr(0, kDamagedDigestDigits), kKeySuffix);
}

std::optional<NumberRange> LogKeys::ParseDamaged(std::string_view key) const {
  if (!TakePrefix(key, prefix_) || !TakePrefix(key, kDamagedFolder)) return std::nullopt;
  const std::optional<uint64_t> first = TakeNumber(key);
  if (!first || !TakePrefix(key, "-")) return std::nullopt;
  const std::optional<uint64_t> next = TakeNumber(key);
  if (!next || *next < *first || !TakePrefix(key, "-")) return std::nullopt;
  if (key.size() != kDamagedDigestDigits + kKeySuffix.size() || !key.ends_with(kKeySuffix)) {
    return std::nullopt;
  }
  const bool is_hex = std::all_of(key.begin(), key.begin() + kDamagedDigestDigits, IsHexDigit);
  return is_hex ? std::optional(NumberRange{*first, *next}) : std::nullopt;
}

}  // namespace lakehouse::storage
