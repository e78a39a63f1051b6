#include "storage/block_id.h"

#include <charconv>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kWordDigits = 16;
constexpr uint64_t kFanOut = 256;

std::string ToHex(uint64_t word, size_t digits) {
  std::string hex(digits, '0');
  for (; word != 0; word >>= 4) hex[--digits] = "0123456789abcdef"[word & 0xF];
  return hex;
}

std::optional<uint64_t> FromHex(std::string_view digits) {
  uint64_t word = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), word, 16);
  if (error != std::errc() || end != digits.end()) return std::nullopt;
  return word;
}

Digest DigestOf(std::string_view text) {
  const std::string hex = Sha256Hex(text);
  const std::string_view digits = hex;
  return {*FromHex(digits.substr(0, kWordDigits)),
          *FromHex(digits.substr(kWordDigits, kWordDigits))};
}

std::optional<Digest> ParseDigest(std::string_view digits) {
  if (digits.size() != 2 * kWordDigits) return std::nullopt;
  const auto high = FromHex(digits.substr(0, kWordDigits));
  const auto low = FromHex(digits.substr(kWordDigits));
  if (!high || !low) return std::nullopt;
  return Digest{*high, *low};
}

std::string ToHex(const Digest& digest) {
  return ToHex(digest[0], kWordDigits) + ToHex(digest[1], kWordDigits);
}

// Lengths in front keep two pairs of texts apart that are equal when joined.
Digest KeyDigest(std::string_view identity, std::string_view key) {
  return DigestOf(StrCat(identity.size(), ":", identity, key));
}

BlockIdRange AllFrom(const BlockId& first, bool any_key) {
  BlockIdRange range{first, first};
  range.last.number = UINT64_MAX;
  range.last.version.fill(UINT64_MAX);
  if (any_key) range.last.key.fill(UINT64_MAX);
  return range;
}

}  // namespace

BlockIdRange BlocksOfBucket(std::string_view identity) {
  return AllFrom({.bucket = DigestOf(identity)[0]}, true);
}

BlockIdRange BlocksOfKey(std::string_view identity, std::string_view key) {
  return AllFrom({.bucket = DigestOf(identity)[0], .key = KeyDigest(identity, key)}, false);
}

BlockId FirstBlock(std::string_view identity, const ObjectInfo& object, size_t block_bytes) {
  return {.bucket = DigestOf(identity)[0],
          .key = KeyDigest(identity, object.key),
          .version = DigestOf(StrCat(block_bytes, ":", object.size_bytes, ":", object.version))};
}

std::string BlockPath(const BlockId& id) {
  // The position spreads the blocks of one large object over the directories.
  const uint64_t fan = (id.key[0] ^ id.version[0] ^ id.number) % kFanOut;
  return StrCat(ToHex(id.bucket, kWordDigits), "/", ToHex(fan, 2), "/", ToHex(id.key), "-",
                ToHex(id.version), "-", ToHex(id.number, kWordDigits));
}

std::optional<BlockId> ParseBlockPath(std::string_view path) {
  const std::vector<std::string_view> segments = SplitString(path, '/');
  if (segments.size() != 3) return std::nullopt;
  const std::vector<std::string_view> words = SplitString(segments[2], '-');
  if (words.size() != 3) return std::nullopt;
  const auto bucket = FromHex(segments[0]);
  const auto key = ParseDigest(words[0]);
  const auto version = ParseDigest(words[1]);
  const auto number = FromHex(words[2]);
  if (!bucket || !key || !version || !number) return std::nullopt;
  const BlockId id{*bucket, *key, *version, *number};
  if (BlockPath(id) != path) return std::nullopt;
  return id;
}

}  // namespace lakehouse::storage
