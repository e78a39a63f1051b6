#include "app/data_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temp_dir.h"

namespace lakehouse::app {
namespace {

using ::lakehouse::testing::TempDir;

TEST(DataDirectoryTest, SecondOwnerIsRefusedByName) {
  const TempDir dir;
  const std::string path = dir.Join("data");
  auto first = DataDirectory::Open(path, "serve", nullptr);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  ASSERT_TRUE(first->SetAddress("http://127.0.0.1:4321").ok());

  DataDirectoryOwner owner;
  const auto second = DataDirectory::Open(path, "sql", &owner);
  EXPECT_EQ(second.status().code(), StatusCode::kConflict);
  EXPECT_NE(second.status().message().find(path), std::string::npos);
  EXPECT_NE(second.status().message().find("http://127.0.0.1:4321"), std::string::npos);
  EXPECT_EQ(owner.pid, getpid());
  EXPECT_EQ(owner.address, "http://127.0.0.1:4321");
}

TEST(DataDirectoryTest, ClosingLetsTheNextOwnerIn) {
  const TempDir dir;
  { ASSERT_TRUE(DataDirectory::Open(dir.Join("data"), "serve", nullptr).ok()); }
  EXPECT_TRUE(DataDirectory::Open(dir.Join("data"), "sql", nullptr).ok());
}

TEST(DataDirectoryTest, KilledOwnerLeavesNoLock) {
  const TempDir dir;
  const std::string path = dir.Join("data");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto held = DataDirectory::Open(path, "serve", nullptr);
    const char answer = held.ok() ? 'y' : 'n';
    (void)!write(ready[1], &answer, 1);
    pause();
    _exit(0);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  EXPECT_FALSE(DataDirectory::Open(path, "sql", nullptr).ok());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(DataDirectory::Open(path, "sql", nullptr).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST(DataDirectoryTest, IsPrivateToItsOwner) {
  const TempDir dir;
  ASSERT_TRUE(DataDirectory::Open(dir.Join("a/b"), "serve", nullptr).ok());
  struct stat info;
  ASSERT_EQ(stat(dir.Join("a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST(DataDirectoryTest, FileInItsPlaceIsAnError) {
  const TempDir dir;
  const std::string path = dir.Join("file");
  FILE* file = fopen(path.c_str(), "w");
  fclose(file);
  EXPECT_EQ(DataDirectory::Open(path, "serve", nullptr).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lakehouse::app
