#include "storage/s3/s3_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "storage/s3/parallel.h"
#include "storage/s3/s3_checksum.h"
#include "storage/s3/s3_time.h"
#include "storage/s3/s3_xml.h"

namespace lakehouse::storage {
namespace {

constexpr size_t kMaxKeyBytes = 1024;
// No object is so large (5 TiB), so that offsets below it can be added without overflow.
constexpr uint64_t kMaxOffset = uint64_t{1} << 60;
// What one call may hold in memory.
constexpr uint64_t kMaxGetBytes = uint64_t{4} << 30;
// How often a whole read begins again when the object is replaced under it.
constexpr int kMaxReplacements = 10;

Status PastEnd(std::string_view key, uint64_t offset, uint64_t size) {
  return InvalidArgument("the range begins past the object's end: ", offset, " of ", size,
                         " bytes of ", key);
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || last != end || value > kMaxOffset) return std::nullopt;
  return value;
}

std::optional<uint64_t> ContentLength(const net::Headers& headers) {
  return ParseNumber(headers.Get("content-length").value_or(""));
}

// "bytes 0-9/100"
struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t size = 0;
};
std::optional<ContentRange> ParseContentRange(const net::Headers& headers) {
  std::string_view text = headers.Get("content-range").value_or("");
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const size_t dash = text.find('-');
  const size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) {
    return std::nullopt;
  }
  const auto first = ParseNumber(text.substr(0, dash));
  const auto last = ParseNumber(text.substr(dash + 1, slash - dash - 1));
  const auto size = ParseNumber(text.substr(slash + 1));
  if (!first || !last || !size || *first > *last || *last >= *size) return std::nullopt;
  return ContentRange{*first, *last, *size};
}

std::string RangeHeader(uint64_t first, uint64_t length) {
  return StrCat("bytes=", first, "-", first + length - 1);
}

Status Replaced(std::string_view key) {
  return Conflict("another version is stored under the key: ", key);
}

Status ImpossibleKey(std::string_view key) {
  return NotFound("no object can be stored under the key: ", key);
}

Status Broken(std::string_view what) {
  return Unavailable("the server's answer is broken: ", what);
}

}  // namespace

Result<std::string> WholeKey(const S3Location& location, std::string_view key) {
  TRY(CheckKey(key));
  if (location.prefix.size() + key.size() > kMaxKeyBytes) {
    return InvalidArgument("an object key and the bucket's prefix must have at most ", kMaxKeyBytes,
                           " bytes together, not ", location.prefix.size() + key.size());
  }
  return StrCat(location.prefix, key);
}

Result<S3Reader::Found> S3Reader::Head(std::string_view key, int64_t timeout_ms) const {
  Found found;
  S3Request request;
  ASSIGN_OR_RETURN(request.key, WholeKey(client_.options().location, key));
  request.operation = S3Operation::kHeadObject;
  request.method = net::Method::kHead;
  request.check = [&](const net::ClientResponse& answer) -> Status {
    const auto size = ContentLength(answer.headers);
    const auto modified = ParseHttpDate(answer.headers.Get("last-modified").value_or(""));
    const std::string version = VersionOfEtag(answer.headers.Get("etag").value_or(""));
    if (!size || !modified || version.empty()) return Broken("HEAD without size, time or ETag");
    found.info = {
        .key = std::string(key), .size_bytes = *size, .version = version, .modified = *modified};
    found.write_id = answer.headers.Get(kWriteIdHeader).value_or("");
    return OkStatus();
  };
  const S3Outcome outcome = client_.Send(std::move(request), timeout_ms);
  if (IsImpossibleKey(outcome.error)) return ImpossibleKey(key);
  TRY(outcome.status.Annotate(key));
  return found;
}

// The first piece of an object of which only the key is known.
struct S3Reader::Beginning {
  ObjectInfo object;                  // Its version and size, from the answer's head.
  std::string bytes;                  // From the range's start.
  std::optional<std::string> crc32c;  // Of the whole object.
  bool too_large = false;             // The rest is better read in parallel; no bytes were taken.
};

S3Outcome S3Reader::ReadBeginning(const std::string& whole_key, ByteRange range,
                                  Beginning& beginning) const {
  const size_t part_bytes = client_.options().part_bytes;
  const bool whole = range.offset == 0 && range.length == UINT64_MAX;
  const uint64_t asked = std::min<uint64_t>(range.length, part_bytes);
  uint64_t expected = 0;
  S3Request request;
  request.key = whole_key;
  if (whole) {
    request.headers.Set("x-amz-checksum-mode", "ENABLED");
  } else {
    request.headers.Set("range", RangeHeader(range.offset, asked));
  }
  request.on_head = [&](int status, const net::Headers& headers) -> Status {
    if (status < 200 || status >= 300) return OkStatus();
    beginning.bytes.clear();
    beginning.object.version = VersionOfEtag(headers.Get("etag").value_or(""));
    if (beginning.object.version.empty()) return Broken("GET without an ETag");
    if (!whole) {
      const auto content = ParseContentRange(headers);
      if (status != 206 || !content || content->first != range.offset ||
          content->last != std::min(range.offset + asked, content->size) - 1) {
        return Broken("another range than the one that was asked for");
      }
      beginning.object.size_bytes = content->size;
      expected = content->last - content->first + 1;
      return OkStatus();
    }
    const auto length = ContentLength(headers);
    if (status != 200 || !length) return Broken("GET without a size");
    beginning.object.size_bytes = expected = *length;
    beginning.crc32c = WholeObjectCrc32c(headers);
    beginning.too_large = *length > part_bytes;
    if (beginning.too_large) return Cancelled("the object is read in parts");
    return OkStatus();
  };
  request.sink = [&](std::string_view bytes) -> Status {
    if (bytes.size() > expected - beginning.bytes.size()) return Broken("more bytes than it says");
    if (beginning.bytes.empty()) beginning.bytes.reserve(expected);
    beginning.bytes.append(bytes);
    return OkStatus();
  };
  request.check = [&](const net::ClientResponse&) -> Status {
    if (beginning.bytes.size() != expected) return Broken("fewer bytes than it says");
    if (beginning.crc32c && Crc32cBase64(Crc32c(beginning.bytes)) != *beginning.crc32c) {
      return Broken("its checksum does not match");
    }
    return OkStatus();
  };
  S3Outcome outcome = client_.Send(std::move(request));
  if (beginning.too_large) outcome.status = OkStatus();
  return outcome;
}

Result<std::string> S3Reader::GetOnce(std::string_view key, ByteRange range) const {
  ASSIGN_OR_RETURN(const std::string whole_key, WholeKey(client_.options().location, key));
  if (range.length == 0 || range.offset >= kMaxOffset) {
    ASSIGN_OR_RETURN(const Found found, Head(key));
    if (range.offset > found.info.size_bytes) {
      return PastEnd(key, range.offset, found.info.size_bytes);
    }
    return std::string();
  }
  Beginning beginning;
  const S3Outcome outcome = ReadBeginning(whole_key, range, beginning);
  if (IsImpossibleKey(outcome.error)) return ImpossibleKey(key);
  if (outcome.error.http_status == 416) {
    // The server says so of a range that begins at the end, too.
    ASSIGN_OR_RETURN(const Found found, Head(key));
    if (range.offset == found.info.size_bytes) return std::string();
    if (range.offset > found.info.size_bytes) {
      return PastEnd(key, range.offset, found.info.size_bytes);
    }
    return Replaced(key);
  }
  TRY(outcome.status.Annotate(key));
  beginning.object.key = key;
  const uint64_t wanted = std::min(range.length, beginning.object.size_bytes - range.offset);
  if (wanted > kMaxGetBytes) {
    return ResourceExhausted("the object is too large to be read at once; read ranges: ", wanted,
                             " bytes of ", key);
  }
  std::string bytes = std::move(beginning.bytes);
  const size_t have = bytes.size();
  if (have == wanted) return bytes;
  bytes.resize(wanted);
  TRY(ReadParallel(beginning.object, range.offset + have, bytes.data() + have, wanted - have));
  if (beginning.crc32c && Crc32cBase64(Crc32c(bytes)) != *beginning.crc32c) {
    return Unavailable("the object came damaged, its checksum does not match: ", key);
  }
  return bytes;
}

Result<std::string> S3Reader::Get(std::string_view key, ByteRange range) const {
  for (int i = 0;; ++i) {
    Result<std::string> bytes = GetOnce(key, range);
    if (bytes.ok() || bytes.status().code() != StatusCode::kConflict) return bytes;
    if (i == kMaxReplacements) {
      return Unavailable("the object is replaced again and again while it is read: ", key);
    }
  }
}

Result<size_t> S3Reader::ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                                size_t size) const {
  TRY(CheckKey(object.key));
  const uint64_t rest = object.size_bytes - std::min(offset, object.size_bytes);
  const size_t count = std::min<uint64_t>(size, rest);
  if (count > 0) {
    TRY(ReadParallel(object, offset, buffer, count));
    return count;
  }
  ASSIGN_OR_RETURN(const Found found, Head(object.key));
  if (found.info.version != object.version) return Replaced(object.key);
  if (offset > found.info.size_bytes) return PastEnd(object.key, offset, found.info.size_bytes);
  return 0;
}

Status S3Reader::ReadParallel(const ObjectInfo& object, uint64_t offset, char* buffer,
                              size_t size) const {
  const size_t part_bytes = client_.options().part_bytes;
  const int threads = client_.options().parallel_requests;
  // Pieces so small that every thread gets one, but never so small that requests cost more than
  // bytes.
  const size_t piece =
      std::clamp(size / static_cast<size_t>(threads) + 1, part_bytes / 4, part_bytes);
  const size_t count = (size + piece - 1) / piece;
  return ParallelFor(count, threads, [&](size_t i) {
    const size_t begin = i * piece;
    return ReadPiece(object, offset + begin, buffer + begin, std::min(piece, size - begin));
  });
}

Status S3Reader::ReadPiece(const ObjectInfo& object, uint64_t offset, char* buffer,
                           size_t size) const {
  size_t filled = 0;
  S3Request request;
  ASSIGN_OR_RETURN(request.key, WholeKey(client_.options().location, object.key));
  request.headers.Set("if-match", StrCat("\"", object.version, "\""));
  request.before = [&](S3Request& next) {
    if (filled == size) filled = 0;  // It broke after its last byte: nothing is left to ask for.
    next.headers.Set("range", RangeHeader(offset + filled, size - filled));
  };
  request.on_head = [&](int status, const net::Headers& headers) -> Status {
    if (status < 200 || status >= 300) return OkStatus();
    if (VersionOfEtag(headers.Get("etag").value_or("")) != object.version) {
      return Replaced(object.key);
    }
    const auto content = ParseContentRange(headers);
    if (status != 206 || !content || content->first != offset + filled ||
        content->last != offset + size - 1 || content->size != object.size_bytes) {
      return Broken("another range than the one that was asked for");
    }
    return OkStatus();
  };
  request.sink = [&](std::string_view bytes) -> Status {
    if (bytes.size() > size - filled) return Broken("more bytes than it says");
    std::memcpy(buffer + filled, bytes.data(), bytes.size());
    filled += bytes.size();
    return OkStatus();
  };
  request.check = [&](const net::ClientResponse&) -> Status {
    return filled == size ? OkStatus() : Broken("fewer bytes than it says");
  };
  const S3Outcome outcome = client_.Send(std::move(request));
  if (outcome.error.http_status == 412) return Replaced(object.key);
  if (IsImpossibleKey(outcome.error)) return ImpossibleKey(object.key);
  return outcome.status.Annotate(object.key);
}

}  // namespace lakehouse::storage
