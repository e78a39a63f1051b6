#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/strings.h"
#include "storage/bucket_probe_steps.h"
#include "storage/local_store.h"

namespace lakehouse::storage {
namespace {

// Below this nothing but small writes succeeds, and those not for long.
constexpr uint64_t kLeastFreeBytes = 64 << 20;

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The directory itself, or the nearest one above that exists.
std::string NearestExisting(std::string path) {
  struct stat info {};
  while (stat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR) && path != "/" &&
         path != ".") {
    path = ParentOf(path);
  }
  return path;
}

Finding CheckRoot(const std::string& root) {
  const std::string existing = NearestExisting(root);
  struct stat info {};
  if (stat(existing.c_str(), &info) != 0) {
    if (errno == EACCES) {
      return Failed(PermissionDenied("this user may not enter the directories above ", existing),
                    "let this user enter them, or set root to another place");
    }
    return Failed(ErrnoStatus(errno, "look at", existing), "correct root");
  }
  if (!S_ISDIR(info.st_mode)) {
    return Failed(InvalidArgument("not a directory: ", existing),
                  "set root to a directory, or move away what stands there");
  }
  if (faccessat(AT_FDCWD, existing.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    const Status status =
        errno == EROFS
            ? PermissionDenied("the filesystem is mounted read-only: ", existing)
            : PermissionDenied("this user may not read and write the directory: ", existing);
    return Failed(status, StrCat("change the owner or the mode of the directory, or run as another "
                                 "user than number ",
                                 geteuid()));
  }
  if (existing != root) return Passed("the directory does not exist yet; it is made when needed");
  return Passed();
}

Finding CheckFreeSpace(const std::string& root) {
  struct statvfs info {};
  const std::string existing = NearestExisting(root);
  if (statvfs(existing.c_str(), &info) != 0) {
    return Failed(ErrnoStatus(errno, "measure the free space of", existing),
                  "check the filesystem");
  }
  const uint64_t free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  if (free_bytes < kLeastFreeBytes) {
    return Failed(ResourceExhausted("only ", FormatBytes(free_bytes), " are free at ", existing),
                  "free space, or set root to another disk");
  }
  // Some filesystems count no inodes.
  if (info.f_files > 0 && info.f_favail == 0) {
    return Failed(ResourceExhausted("no inodes are free at ", existing),
                  "remove files, or set root to another disk");
  }
  return Passed(StrCat(FormatBytes(free_bytes), " free"));
}

}  // namespace

void ProbeLocalBucket(const BucketConfig& config, const std::string& data_dir, bool read_only,
                      ProbeSteps& steps) {
  if (!steps.Try("settings", [&] { return CheckBucketSettings(config); })) return;
  std::string root = config.root.empty() ? StrCat(data_dir, "/buckets/", config.name) : config.root;
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  const std::string mend = "let this user read and write everything below the bucket's root";
  std::unique_ptr<ObjectStore> store;
  const bool usable = steps.Try("root", [&] {
    Finding finding = CheckRoot(root);
    if (!finding.status.ok() || read_only) return finding;
    Result<std::unique_ptr<ObjectStore>> opened = OpenLocalStore(root);
    if (!opened.ok()) return Failed(opened.status(), mend);
    store = *std::move(opened);
    return Passed();
  });
  if (!usable) return;
  steps.Try("free_space", [&] { return CheckFreeSpace(root); });
  if (read_only) return;
  ProbeWritePlan plan;
  plan.prefix = NewProbePrefix();
  plan.mend_list = plan.mend_put = plan.mend_get = plan.mend_delete = mend;
  plan.mend_conditions =
      "use a filesystem on which link() and rename() are atomic and flock() works; some network "
      "filesystems are none";
  if (ProbeWrites(*store, plan, steps)) ProbeDelete(*store, plan, {}, steps);
}

}  // namespace lakehouse::storage
