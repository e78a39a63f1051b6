// What is left of an append log on a local disk when the power fails.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "storage/append_log_scenario.h"
#include "storage/local_store.h"
#include "storage/modelled_disk.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::storage {

namespace {

// Appends, merges and drops, and cuts the power at every step of the disk.
class PowerLoss {
 public:
  PowerLoss(uint64_t seed, ModelledDisk& disk)
      : disk_(disk), rng_(seed), store_(*OpenLocalStore(directory_.Join("bucket"), disk)) {
    const FileDescriptor outside(::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY));
    start_ = disk.Node(outside.get());
    disk_.on_step = [this] { CutPower(); };
  }
  ~PowerLoss() {
    disk_.on_step = [] {};
  }

  // Returns how often the log was not what it may be.
  int CountLosses() {
    auto log = OpenLog(*store_);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 6; ++i) Append(*log);
      EXPECT_TRUE(log->Compact().ok());
    }
    log = OpenLog(*store_);
    for (int i = 0; i < 4; ++i) Append(*log);
    kept_from_ = acknowledged_ - 6;
    EXPECT_TRUE(log->Compact(7).ok());
    EXPECT_GT(power_losses_, 200);
    return losses_;
  }

 private:
  void Append(AppendLog& log) {
    EXPECT_EQ(*log.AppendDurable(StrCat("record ", acknowledged_ + 1)), acknowledged_ + 1);
    ++acknowledged_;
    CutPower();
  }

  // Looks at two disks that may be left: nothing but what was synced, and a mix.
  void CutPower() {
    if (is_cut_) return;
    is_cut_ = true;
    ++power_losses_;
    for (const bool mixed : {false, true}) {
      const auto files =
          disk_.FilesAfterPowerLoss(start_, [&] { return mixed && rng_.Below(2) == 0; });
      if (!IsSound(files)) ++losses_;
    }
    is_cut_ = false;
  }

  // Keys of a log are the paths of their files.
  bool IsSound(const std::map<std::string, std::string>& files) const {
    const std::string root = "bucket/";
    std::map<std::string, std::string> objects;
    for (const auto& [path, bytes] : files) {
      const std::string key = path.substr(std::min(path.size(), root.size()));
      if (key.rfind("_journal/", 0) == 0) objects[key] = bytes;
    }
    const auto left = StoreOf(objects);
    const auto log = AppendLog::Open(*left, "trials", QuietOptions());
    if (!log.ok()) return false;
    Records records;
    if (!ReadInto(**log, 1, records).ok()) return false;
    if ((*log)->stats().quarantined_segments > 0) return false;
    if (records.empty()) return acknowledged_ == 0;
    const uint64_t first = records.begin()->first;
    const uint64_t last = records.rbegin()->first;
    return first <= kept_from_ && last >= acknowledged_ && last <= acknowledged_ + 1 &&
           records == ExpectedRecords(first, last);
  }

  ModelledDisk& disk_;
  Rng rng_;
  testing::TempDir directory_;
  std::unique_ptr<ObjectStore> store_;
  NodeId start_ = 0;
  bool is_cut_ = false;
  uint64_t acknowledged_ = 0;
  uint64_t kept_from_ = 1;
  int power_losses_ = 0;
  int losses_ = 0;
};

TEST(AppendLogPowerLossTest, KeepsEveryAcknowledgedRecord) {
  const uint64_t seed = testing::TestSeed();
  for (uint64_t run = 0; run < 2; ++run) {
    ModelledDisk disk;
    EXPECT_EQ(PowerLoss(seed + run, disk).CountLosses(), 0) << "run " << run;
  }
}

TEST(AppendLogPowerLossTest, NoticesMissingSyncs) {
  for (const bool of_files : {false, true}) {
    ModelledDisk disk;
    (of_files ? disk.forget_file_syncs : disk.forget_directory_syncs) = true;
    EXPECT_GT(PowerLoss(1, disk).CountLosses(), 0);
  }
}

}  // namespace

}  // namespace lakehouse::storage
