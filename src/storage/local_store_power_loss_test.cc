// What is left of a local bucket when the power fails.
#include <fstream>
#include <iostream>
#include <map>
#include <optional>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/strings.h"
#include "storage/key_path.h"
#include "storage/local_store.h"
#include "storage/modelled_disk.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

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
