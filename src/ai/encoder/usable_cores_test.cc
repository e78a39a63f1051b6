#include "ai/encoder/usable_cores.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

// Files of an operating system, below a directory of their own.
class UsableCoresTest : public ::testing::Test {
 protected:
  void Put(const std::string& path, const std::string& text) {
    const std::filesystem::path file = directory_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  void PutSiblings(int processor, const std::string& siblings) {
    Put(StrCat("/sys/devices/system/cpu/cpu", processor, "/topology/thread_siblings_list"),
        siblings);
  }
  UsableCores Find(const std::vector<int>& allowed = {0, 1, 2, 3, 4, 5, 6, 7}) {
    return FindUsableCores(allowed, directory_.path());
  }

  testing::TempDir directory_;
};

TEST_F(UsableCoresTest, WithoutLimitsEveryProcessorOfTheMaskIsACore) {
  EXPECT_EQ(Find({1, 4, 6}).processors, (std::vector<int>{1, 4, 6}));
  EXPECT_EQ(Find({1, 4, 6}).count, 3U);
}

TEST_F(UsableCoresTest, QuotaOfVersionTwoCountsWhatItPaysInFull) {
  Put("/proc/self/cgroup", "0::/lake.slice/lakehouse.service");
  Put("/sys/fs/cgroup/lake.slice/lakehouse.service/cpu.max", "350000 100000");
  EXPECT_EQ(Find().count, 3U);
  EXPECT_EQ(Find().processors.size(), 8U);
  Put("/sys/fs/cgroup/lake.slice/lakehouse.service/cpu.max", "max 100000");
  EXPECT_EQ(Find().count, 8U);
  Put("/sys/fs/cgroup/lake.slice/lakehouse.service/cpu.max", "50000 100000");
  EXPECT_EQ(Find().count, 1U);
}

TEST_F(UsableCoresTest, QuotaOfAGroupAboveHoldsToo) {
  Put("/proc/self/cgroup", "0::/lake.slice/lakehouse.service");
  Put("/sys/fs/cgroup/lake.slice/lakehouse.service/cpu.max", "600000 100000");
  Put("/sys/fs/cgroup/lake.slice/cpu.max", "200000 100000");
  EXPECT_EQ(Find().count, 2U);
}

TEST_F(UsableCoresTest, QuotaOfVersionOne) {
  Put("/proc/self/cgroup", "4:memory:/box\n3:cpu,cpuacct:/box\n0::/");
  Put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "400000");
  Put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000");
  EXPECT_EQ(Find().count, 4U);
  Put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1");
  EXPECT_EQ(Find().count, 8U);
}

TEST_F(UsableCoresTest, ContainerSeesItsOwnGroupAsTheTop) {
  Put("/proc/self/cgroup", "0::/machine/pod7/container9");
  Put("/sys/fs/cgroup/cpu.max", "250000 100000");
  EXPECT_EQ(Find().count, 2U);
}

TEST_F(UsableCoresTest, SecondThreadsOfACoreAreLeftOut) {
  for (int core = 0; core < 4; ++core) {
    PutSiblings(core, StrCat(core, ",", core + 4));
    PutSiblings(core + 4, StrCat(core, ",", core + 4));
  }
  EXPECT_EQ(Find().processors, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(Find().count, 4U);
  // The mask may hold the second thread only.
  EXPECT_EQ(Find({1, 4, 5}).processors, (std::vector<int>{1, 4}));
  for (int core = 0; core < 8; core += 2) {
    PutSiblings(core, StrCat(core, "-", core + 1));
    PutSiblings(core + 1, StrCat(core, "-", core + 1));
  }
  EXPECT_EQ(Find().processors, (std::vector<int>{0, 2, 4, 6}));
}

TEST_F(UsableCoresTest, DamagedFilesLimitNothing) {
  Put("/proc/self/cgroup", "nonsense\n0:\n0::relative\n::\n0::/box");
  Put("/sys/fs/cgroup/box/cpu.max", "many few");
  PutSiblings(0, "first");
  EXPECT_EQ(Find().count, 8U);
}

TEST_F(UsableCoresTest, ThisProcessHasACore) {
  const UsableCores cores = UsableCoresOfThisProcess();
  EXPECT_GE(cores.count, 1U);
  EXPECT_LE(cores.count, cores.processors.size());
}

}  // namespace
}  // namespace lakehouse::ai
