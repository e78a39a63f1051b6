// What is left of a local bucket when the power fails: a model of the disk that keeps, for every
// file and every directory entry, what was synced apart from what was not.
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "base/strings.h"
#include "storage/file_ops.h"
#include "storage/key_path.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

using NodeId = int;

// Does every call for real, except for syncing, and keeps the model.
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
    }
    on_step();
    return result;
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
};

using Value = std::optional<std::string>;  // Of a key; nullopt when it holds nothing.

// Changes random keys in random ways and cuts the power at every step.
class PowerLoss {
 public:
  PowerLoss(uint64_t seed, ModelledDisk& disk)
      : disk_(disk), rng_(seed), store_(*OpenLocalStore(directory_.Join("new/bucket"), disk)) {
    for (const std::string key : {"k", "k/x", "a/b/c.txt", "a/b/d.txt", "a/e.txt", "z.txt"}) {
      acknowledged_[key] = std::nullopt;
    }
    const FileDescriptor outside(::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY));
    start_ = disk.Node(outside.get());
    disk_.on_step = [this] { CutPower(); };
  }
  ~PowerLoss() {
    disk_.on_step = [] {};
  }

  // Returns how often a key held something else than it may: its acknowledged value, or that of
  // the write under way.
  int CountLosses() {
    for (int i = 0; i < 60; ++i) {
      const auto target = std::next(acknowledged_.begin(), static_cast<int>(rng_.Below(6)));
      busy_key_ = target->first;
      busy_value_ = StrCat("value ", i);
      const Status status = Change(target->second);
      EXPECT_TRUE(status.ok()) << status.ToString();
      target->second = busy_value_;
      busy_key_.clear();
      CutPower();
    }
    return losses_;
  }

 private:
  Status Change(const Value& before) {
    switch (rng_.Below(5)) {
      case 0:
        busy_value_ = std::nullopt;
        return store_->Delete(busy_key_);
      case 1: {
        if (before) busy_value_ = before;
        const auto put = store_->Put(busy_key_, *busy_value_, {.if_absent = true});
        EXPECT_EQ(put.status().code(), before ? StatusCode::kConflict : StatusCode::kOk);
        return OkStatus();
      }
      case 2:
        std::ofstream(directory_.Join("file")) << *busy_value_;
        return store_->PutFile(busy_key_, directory_.Join("file")).status();
      case 3: {
        const auto head = store_->Head(busy_key_);
        PutCondition condition;
        if (head.ok()) condition.if_version = head->version;
        return store_->Put(busy_key_, *busy_value_, condition).status();
      }
      default:
        return store_->Put(busy_key_, *busy_value_).status();
    }
  }

  // Looks at four disks that may be left: nothing but what was synced, everything, and two mixed.
  void CutPower() {
    for (const auto& [key, value] : acknowledged_) {
      const std::string path = StrCat("new/bucket/", KeyToPath(key));
      for (int image = 0; image < 4; ++image) {
        const Value found = disk_.AfterPowerLoss(
            start_, path, [&] { return image == 1 || (image > 1 && rng_.Below(2) == 0); });
        if (found != value && (key != busy_key_ || found != busy_value_)) ++losses_;
      }
    }
  }

  ModelledDisk& disk_;
  Rng rng_;
  testing::TempDir directory_;
  std::unique_ptr<ObjectStore> store_;
  NodeId start_ = 0;
  std::map<std::string, Value> acknowledged_;
  std::string busy_key_;
  Value busy_value_;
  int losses_ = 0;
};

TEST(LocalStorePowerLossTest, KeepsEveryAcknowledgedWriteAndNothingTorn) {
  const uint64_t seed = Rng::FromSystem().Next();
  std::cout << "seed " << seed << "\n";
  for (uint64_t run = 0; run < 8; ++run) {
    ModelledDisk disk;
    EXPECT_EQ(PowerLoss(seed + run, disk).CountLosses(), 0) << "run " << run;
  }
}

TEST(LocalStorePowerLossTest, SyncsADirectoryThatAKilledProcessMade) {
  testing::TempDir directory;
  ModelledDisk disk;
  const FileDescriptor outside(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_EQ(disk.MakeDirectory(outside.get(), "bucket"), 0);
  const FileDescriptor bucket(::openat(outside.get(), "bucket", O_RDONLY | O_DIRECTORY));
  const auto store = OpenLocalStore(directory.Join("bucket"), disk);
  ASSERT_TRUE(store.ok());
  ASSERT_EQ(disk.MakeDirectory(bucket.get(), "a"), 0);
  ASSERT_TRUE((*store)->Put("a/e.txt", "value").ok());
  EXPECT_EQ(disk.AfterPowerLoss(disk.Node(outside.get()), "bucket/a/e.txt", [] { return false; }),
            "value");
}

TEST(LocalStorePowerLossTest, NoticesAMissingSyncOfFiles) {
  ModelledDisk disk;
  disk.forget_file_syncs = true;
  EXPECT_GT(PowerLoss(1, disk).CountLosses(), 0);
}

TEST(LocalStorePowerLossTest, NoticesAMissingSyncOfDirectories) {
  ModelledDisk disk;
  disk.forget_directory_syncs = true;
  EXPECT_GT(PowerLoss(1, disk).CountLosses(), 0);
}

}  // namespace

}  // namespace lakehouse::storage
