// A model of a disk, for tests of what is left when the power fails.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "storage/file_ops.h"

namespace lakehouse::storage {

using NodeId = int;

// Does every call for real, except for syncing. Keeps, for every file and every directory entry,
// what was synced apart from what was not. Not thread-safe.
class ModelledDisk : public FileOps {
 public:
  // Called before and after every call: moments at which the power may fail.
  std::function<void()> on_step = [] {};
  // Syncs that are promised and not done, to see whether the test notices.
  bool forget_file_syncs = false;
  bool forget_directory_syncs = false;

  NodeId Node(int fd) {
    struct stat metadata {};
    EXPECT_EQ(::fstat(fd, &metadata), 0);
    const auto [it, is_new] = nodes_.try_emplace(metadata.st_ino, next_node_);
    if (is_new) ++next_node_;
    return it->second;
  }

  int Create(int directory, const std::string& name) override {
    on_step();
    const int fd = FileOps::Create(directory, name);
    Forget(fd);
    now_[Node(directory)][name] = Node(fd);
    on_step();
    return fd;
  }

  ssize_t Write(int file, const char* bytes, size_t size) override {
    synced_bytes_.erase(Node(file));  // The old promise says nothing about the new bytes.
    const ssize_t count = FileOps::Write(file, bytes, size);
    on_step();
    return count;
  }

  int Sync(int fd) override {
    struct stat metadata {};
    EXPECT_EQ(::fstat(fd, &metadata), 0);
    if (S_ISDIR(metadata.st_mode)) {
      if (!forget_directory_syncs) synced_[Node(fd)] = now_[Node(fd)];
    } else if (!forget_file_syncs) {
      std::string bytes(static_cast<size_t>(metadata.st_size), '\0');
      EXPECT_EQ(ReadFully(fd, bytes.data(), bytes.size(), 0), metadata.st_size);
      synced_bytes_[Node(fd)] = bytes;
    }
    on_step();
    return 0;
  }

  int Link(int from_directory, const std::string& from, int to_directory,
           const std::string& to) override {
    const int result = FileOps::Link(from_directory, from, to_directory, to);
    if (result == 0) now_[Node(to_directory)][to] = NodeAt(to_directory, to);
    on_step();
    return result;
  }

  int Rename(int from_directory, const std::string& from, int to_directory,
             const std::string& to) override {
    const int result = FileOps::Rename(from_directory, from, to_directory, to);
    if (result == 0) {
      if (from_directory != AT_FDCWD) now_[Node(from_directory)].erase(from);
      now_[Node(to_directory)][to] = NodeAt(to_directory, to);
    }
    on_step();
    return result;
  }

  int Unlink(int directory, const std::string& name) override {
    const int result = FileOps::Unlink(directory, name);
    if (result == 0) now_[Node(directory)].erase(name);
    on_step();
    return result;
  }

  int MakeDirectory(int directory, const std::string& name) override {
    const int result = FileOps::MakeDirectory(directory, name);
    if (result == 0) {
      const FileDescriptor made(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY));
      Forget(made.get());
      now_[Node(directory)][name] = Node(made.get());
      directories_.insert(Node(made.get()));
    }
    on_step();
    return result;
  }

  // The path below `start` and the bytes of every file that is left after a power loss, in which
  // `keeps` says for each directory entry whether what was not synced stays. Bytes that were not
  // synced are "torn".
  std::map<std::string, std::string> FilesAfterPowerLoss(NodeId start,
                                                         const std::function<bool()>& keeps) {
    std::map<std::string, std::string> files;
    CollectFiles(start, "", keeps, files);
    return files;
  }

  // What a path below `start` leads to after a power loss that keeps everything synced and, of the
  // rest, what `keeps` says for each directory entry. nullopt: nothing; "torn": bytes not synced.
  std::optional<std::string> AfterPowerLoss(NodeId start, const std::string& path,
                                            const std::function<bool()>& keeps) {
    NodeId node = start;
    for (const std::string_view piece : SplitString(path, '/')) {
      const std::string name(piece);
      const auto& entries = keeps() ? now_[node] : synced_[node];
      const auto found = entries.find(name);
      if (found == entries.end()) return std::nullopt;
      node = found->second;
    }
    const auto bytes = synced_bytes_.find(node);
    return bytes == synced_bytes_.end() ? "torn" : bytes->second;
  }

 private:
  void CollectFiles(NodeId directory, const std::string& prefix, const std::function<bool()>& keeps,
                    std::map<std::string, std::string>& files) {
    std::map<std::string, NodeId> entries = now_[directory];
    entries.insert(synced_[directory].begin(), synced_[directory].end());
    for (const auto& [name, unused] : entries) {
      const auto& side = keeps() ? now_[directory] : synced_[directory];
      const auto found = side.find(name);
      if (found == side.end()) continue;
      const NodeId node = found->second;
      if (directories_.contains(node)) {
        CollectFiles(node, StrCat(prefix, name, "/"), keeps, files);
      } else {
        const auto bytes = synced_bytes_.find(node);
        files[prefix + name] = bytes == synced_bytes_.end() ? "torn" : bytes->second;
      }
    }
  }

  // A new file may get the inode of a deleted one, which the model must not confuse with it.
  void Forget(int fd) {
    struct stat metadata {};
    EXPECT_EQ(::fstat(fd, &metadata), 0);
    nodes_.erase(metadata.st_ino);
  }

  NodeId NodeAt(int directory, const std::string& name) {
    const FileDescriptor file(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW));
    return Node(file.get());
  }

  std::map<ino_t, NodeId> nodes_;
  NodeId next_node_ = 0;
  std::map<NodeId, std::map<std::string, NodeId>> now_;
  std::map<NodeId, std::map<std::string, NodeId>> synced_;
  std::map<NodeId, std::string> synced_bytes_;
  std::set<NodeId> directories_;
};

}  // namespace lakehouse::storage
