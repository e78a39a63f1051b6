#include "storage/local_list.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "storage/file_ops.h"
#include "storage/key_path.h"

namespace lakehouse::storage {

namespace {

// One segment of a key. Directories carry their "/", so that sorting by `text` sorts the keys.
struct Segment {
  std::string text;
  std::string path;  // Relative to the bucket's root.
  bool is_directory = false;
};

// Walks the tree depth-first in the order of keys. Used once.
class Lister {
 public:
  Lister(int root, std::string_view prefix, std::string_view start_after, size_t limit)
      : root_(root), prefix_(prefix), start_after_(start_after), limit_(limit) {}

  // `key_prefix` is what every key below the directory at `path` starts with.
  Status Walk(const std::string& path, const std::string& key_prefix) {
    std::vector<Segment> segments;
    TRY(Gather(path, path, segments));
    std::sort(segments.begin(), segments.end(),
              [](const Segment& a, const Segment& b) { return a.text < b.text; });
    for (const Segment& segment : segments) {
      if (infos_.size() >= limit_) break;
      const std::string key = key_prefix + segment.text;
      if (segment.is_directory) {
        if (MayHoldAnswers(key)) TRY(Walk(segment.path, key));
      } else if (key.starts_with(prefix_) && key > start_after_) {
        TRY(Add(key, segment.path));
      }
    }
    return OkStatus();
  }

  std::vector<ObjectInfo> Take() { return std::move(infos_); }

 private:
  // Appends the segments in the directory at `path`. It is `base` itself, or holds continuations
  // of a long segment that starts in `base`.
  Status Gather(const std::string& path, const std::string& base, std::vector<Segment>& segments) {
    ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> names, ReadNames(path));
    for (const DirectoryEntry& entry : names) {
      const std::string entry_path = path.empty() ? entry.name : StrCat(path, "/", entry.name);
      ASSIGN_OR_RETURN(const unsigned char type, TypeOf(entry, entry_path));
      const bool is_directory = type == DT_DIR;
      if (!is_directory && type != DT_REG) continue;
      if (is_directory && IsContinuation(entry.name)) {
        TRY(Gather(entry_path, base, segments));
        continue;
      }
      const std::string_view relative =
          std::string_view(entry_path).substr(base.empty() ? 0 : base.size() + 1);
      std::optional<std::string> segment =
          DecodeSegment(relative, is_directory ? SegmentRole::kDirectory : SegmentRole::kFile);
      if (!segment) continue;
      if (is_directory) *segment += '/';
      segments.push_back({*std::move(segment), entry_path, is_directory});
    }
    return OkStatus();
  }

  Result<std::vector<DirectoryEntry>> ReadNames(const std::string& path) const {
    FileDescriptor directory(OpenBeneath(root_, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
    if (!directory.valid() && errno == ENOENT) return std::vector<DirectoryEntry>();
    if (!directory.valid()) return ErrnoStatus(errno, "list the directory", path);
    return ReadDirectory(std::move(directory));
  }

  // Some filesystems do not say in the directory what a name is.
  Result<unsigned char> TypeOf(const DirectoryEntry& entry, const std::string& path) const {
    if (entry.type != DT_UNKNOWN) return entry.type;
    struct stat metadata {};
    const FileDescriptor file(OpenBeneath(root_, path, O_PATH));
    if (!file.valid() && errno == ENOENT) return static_cast<unsigned char>(DT_UNKNOWN);
    if (!file.valid() || ::fstat(file.get(), &metadata) != 0) {
      return ErrnoStatus(errno, "look at", path);
    }
    return static_cast<unsigned char>(IFTODT(metadata.st_mode));
  }

  Status Add(const std::string& key, const std::string& path) {
    struct stat metadata {};
    const FileDescriptor file(OpenBeneath(root_, path, O_PATH));
    // The object was deleted since its directory was read.
    if (!file.valid() && errno == ENOENT) return OkStatus();
    if (!file.valid() || ::fstat(file.get(), &metadata) != 0) {
      return ErrnoStatus(errno, "look at", key);
    }
    infos_.push_back(ObjectInfoFromStat(key, metadata));
    return OkStatus();
  }

  // True unless every key that starts with `directory` is outside the prefix or sorts too low.
  bool MayHoldAnswers(std::string_view directory) const {
    if (!directory.starts_with(prefix_) && !prefix_.starts_with(directory)) return false;
    return directory > start_after_ || start_after_.starts_with(directory);
  }

  const int root_;
  const std::string_view prefix_;
  const std::string_view start_after_;
  const size_t limit_;
  std::vector<ObjectInfo> infos_;
};

}  // namespace

Result<std::vector<ObjectInfo>> ListLocalObjects(int root, std::string_view prefix,
                                                 std::string_view start_after, size_t limit) {
  const std::string_view directory = prefix.substr(0, prefix.rfind('/') + 1);
  if (!directory.empty() && !CheckKey(directory.substr(0, directory.size() - 1)).ok()) {
    return std::vector<ObjectInfo>();  // No key has such a prefix.
  }
  Lister lister(root, prefix, start_after, limit);
  TRY(lister.Walk(PrefixToPath(directory), std::string(directory)));
  return lister.Take();
}

}  // namespace lakehouse::storage
