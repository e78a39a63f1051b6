// Processes that append to a log on disk until they are killed.
#include <map>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "storage/append_log_scenario.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::storage {

namespace {

// Acknowledges every durable record through the pipe; merges meanwhile.
[[noreturn]] void AppendForever(const std::string& root, int pipe) {
  auto store = OpenLocalStore(root);
  if (!store.ok()) ::_exit(1);
  AppendLogOptions options;
  options.merge_after_segments = 5;
  auto log = AppendLog::Open(**store, "trials", options);
  if (!log.ok()) ::_exit(2);
  for (uint64_t number = (*log)->stats().last_number + 1;; ++number) {
    const auto appended = (*log)->AppendDurable(StrCat("record ", number));
    if (!appended.ok() || *appended != number) ::_exit(3);
    if (::write(pipe, &number, sizeof(number)) != sizeof(number)) ::_exit(4);
  }
}

TEST(AppendLogProcessTest, KilledWritersLoseNothingTheyAcknowledged) {
  Rng rng(testing::TestSeed());
  testing::TempDir directory;
  const std::string root = directory.Join("bucket");
  uint64_t acknowledged = 0;
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) AppendForever(root, ends[1]);
    ::close(ends[1]);
    uint64_t number = 0;
    for (uint64_t left = 1 + rng.Below(12); left > 0; --left) {
      ASSERT_EQ(::read(ends[0], &number, sizeof(number)), ssize_t{sizeof(number)});
      EXPECT_EQ(number, acknowledged + 1) << "without a gap";
      acknowledged = number;
    }
    ::usleep(static_cast<useconds_t>(rng.Below(4000)));
    ::kill(child, SIGKILL);
    while (::read(ends[0], &number, sizeof(number)) == ssize_t{sizeof(number)}) {
      acknowledged = number;
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);

    auto store = OpenLocalStore(root);
    ASSERT_TRUE(store.ok());
    const auto log = OpenLog(**store);
    const Records records = ReadAll(*log);
    EXPECT_GE(records.size(), acknowledged);
    EXPECT_LE(records.size(), acknowledged + 1);
    EXPECT_EQ(records, ExpectedRecords(1, records.size()));
    EXPECT_EQ(log->stats().quarantined_segments, 0u);
    acknowledged = records.size();
  }
  auto store = OpenLocalStore(root);
  ASSERT_TRUE(store.ok());
  const auto log = OpenLog(**store);
  EXPECT_TRUE(log->Compact().ok());
  EXPECT_EQ(Objects(**store).size(), log->stats().segments);
  EXPECT_EQ(ReadAll(*log), ExpectedRecords(1, acknowledged));
}

}  // namespace

}  // namespace lakehouse::storage
