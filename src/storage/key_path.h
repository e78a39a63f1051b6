// How the local store names files: docs/formats/bucket.md, "Keys and files".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lakehouse::storage {

// The directory of a local bucket that holds its lock and its temporary files. No key maps into it.
inline constexpr std::string_view kHiddenDirectory = ".lakehouse";

// What a segment of a key is on disk.
enum class SegmentRole { kFile, kDirectory };

// Returns the path of `segment` relative to its directory. A file and a directory never get the
// same path, so that `k` and `k/x` may both exist. Holds "/" only when the segment is too long for
// one name. REQUIRES: `segment` is one of a checked key.
std::string EncodeSegment(std::string_view segment, SegmentRole role);

// Undoes EncodeSegment; nullopt when `path` is none of its results.
std::optional<std::string> DecodeSegment(std::string_view path, SegmentRole role);

// True for a directory that holds the continuations of a segment that is too long for one name.
bool IsContinuation(std::string_view name);

// Returns the path of a key relative to the bucket's root. REQUIRES: CheckKey(key).ok().
std::string KeyToPath(std::string_view key);

// Returns the path of the directory that holds the keys starting with `prefix`, which is empty or
// ends with "/". REQUIRES: CheckKey accepts `prefix` without its last byte.
std::string PrefixToPath(std::string_view prefix);

}  // namespace lakehouse::storage
