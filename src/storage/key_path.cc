#include "storage/key_path.h"

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kMaxNameBytes = 255;   // NAME_MAX of every filesystem in use.
constexpr size_t kMaxPieceBytes = 250;  // Leaves room for a suffix.
constexpr std::string_view kFileSuffix = "%f";
constexpr std::string_view kDirectorySuffix = "%d";
constexpr std::string_view kContinuationSuffix = "%c";
constexpr std::string_view kContinuationSeparator = "%c/";
constexpr std::string_view kEscapedPercent = "%25";

// Files and directories share one namespace on disk, keys do not. Names with a dot are left to
// files and names without one to directories; whatever breaks this rule carries a suffix.
std::string_view SuffixFor(std::string_view segment, SegmentRole role) {
  const bool dotted = segment.find('.') != std::string_view::npos;
  if (role == SegmentRole::kDirectory) return dotted ? kDirectorySuffix : "";
  return dotted && segment != kHiddenDirectory ? "" : kFileSuffix;
}

bool StartsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

// Returns how many bytes of `escaped` the next piece takes without splitting a character or an
// escape.
size_t PieceLength(std::string_view escaped) {
  if (escaped.size() <= kMaxPieceBytes) return escaped.size();
  size_t length = kMaxPieceBytes;
  while (!StartsCharacter(escaped[length])) --length;
  const size_t percent = escaped.rfind('%', length - 1);
  const bool splits_escape =
      percent != std::string_view::npos && percent + kEscapedPercent.size() > length;
  return splits_escape ? percent : length;
}

std::string Escape(std::string_view segment) {
  std::string escaped;
  escaped.reserve(segment.size());
  for (const char byte : segment) {
    if (byte == '%') {
      escaped += kEscapedPercent;
    } else {
      escaped += byte;
    }
  }
  return escaped;
}

}  // namespace

std::string EncodeSegment(std::string_view segment, SegmentRole role) {
  const std::string escaped = Escape(segment);
  const std::string_view suffix = SuffixFor(segment, role);
  std::string_view rest = escaped;
  std::string path;
  if (escaped.size() + suffix.size() > kMaxNameBytes) {
    while (rest.size() > kMaxPieceBytes) {
      const size_t length = PieceLength(rest);
      StrAppend(path, rest.substr(0, length), kContinuationSeparator);
      rest.remove_prefix(length);
    }
  }
  StrAppend(path, rest, suffix);
  return path;
}

std::optional<std::string> DecodeSegment(std::string_view path, SegmentRole role) {
  std::string segment;
  size_t position = 0;
  while (position < path.size()) {
    const std::string_view rest = path.substr(position);
    if (rest.starts_with(kEscapedPercent)) {
      segment += '%';
      position += kEscapedPercent.size();
    } else if (rest.starts_with(kContinuationSeparator)) {
      position += kContinuationSeparator.size();
    } else if (rest == kFileSuffix || rest == kDirectorySuffix) {
      break;
    } else {
      segment += rest.front();
      ++position;
    }
  }
  // Only what encodes back to the same path is ours: everything else is a foreign file.
  if (segment.empty() || EncodeSegment(segment, role) != path) return std::nullopt;
  return segment;
}

bool IsContinuation(std::string_view name) { return name.ends_with(kContinuationSuffix); }

std::string KeyToPath(std::string_view key) {
  const size_t slash = key.rfind('/');
  if (slash == std::string_view::npos) return EncodeSegment(key, SegmentRole::kFile);
  return StrCat(PrefixToPath(key.substr(0, slash + 1)), "/",
                EncodeSegment(key.substr(slash + 1), SegmentRole::kFile));
}

std::string PrefixToPath(std::string_view prefix) {
  if (prefix.empty()) return "";
  CHECK(prefix.ends_with('/'));
  std::string path;
  for (const std::string_view segment : SplitString(prefix.substr(0, prefix.size() - 1), '/')) {
    if (!path.empty()) path += '/';
    path += EncodeSegment(segment, SegmentRole::kDirectory);
  }
  return path;
}

}  // namespace lakehouse::storage
