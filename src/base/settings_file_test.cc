#include "base/settings_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temp_dir.h"

namespace lakehouse {
namespace {

class SettingsFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = dir_.Join(name);
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  StatusCode OwnerOnlyCode(const std::string& path) {
    return ReadSettingsFile(path, FileProtection::kOwnerOnly).status().code();
  }

  testing::TempDir dir_;
};

TEST_F(SettingsFileTest, ReadsEveryByte) {
  const std::string text("a\0b\n", 4);
  EXPECT_EQ(*ReadSettingsFile(Write("x", text, 0644), FileProtection::kNone), text);
  EXPECT_EQ(*ReadSettingsFile(Write("y", text), FileProtection::kOwnerOnly), text);
  EXPECT_EQ(*ReadSettingsFile(Write("z", ""), FileProtection::kNone), "");
}

TEST_F(SettingsFileTest, EveryBitForOthersIsRefused) {
  for (const mode_t bit : {0040, 0020, 0010, 0004, 0002, 0001}) {
    const std::string path = Write("secret", "x", 0600 | bit);
    EXPECT_EQ(OwnerOnlyCode(path), StatusCode::kPermissionDenied) << bit;
    EXPECT_TRUE(ReadSettingsFile(path, FileProtection::kNone).ok());
  }
  EXPECT_EQ(OwnerOnlyCode(Write("secret", "x", 0400)), StatusCode::kOk);
}

TEST_F(SettingsFileTest, ErrorSaysHowToCloseTheFile) {
  const std::string path = Write("secret", "x", 0644);
  EXPECT_EQ(ReadSettingsFile(path, FileProtection::kOwnerOnly).status().message(),
            StrCat("file is open to other users; close it with: chmod 600 ", path));
}

TEST_F(SettingsFileTest, SymbolicLinkIsFollowedOnlyWithoutProtection) {
  const std::string link = dir_.Join("link");
  std::filesystem::create_symlink(Write("secret", "x"), link);
  EXPECT_EQ(OwnerOnlyCode(link), StatusCode::kPermissionDenied);
  EXPECT_EQ(*ReadSettingsFile(link, FileProtection::kNone), "x");
}

TEST_F(SettingsFileTest, FileOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = Write("secret", "x");
  ASSERT_EQ(chown(path.c_str(), 12345, 0), 0);
  EXPECT_EQ(OwnerOnlyCode(path), StatusCode::kPermissionDenied);
}

TEST_F(SettingsFileTest, OnlyRegularFilesAreRead) {
  const std::string pipe = dir_.Join("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, dir_.path()}) {
    EXPECT_EQ(ReadSettingsFile(path, FileProtection::kNone).status().code(),
              StatusCode::kInvalidArgument);
  }
}

TEST_F(SettingsFileTest, MissingFileIsNotFound) {
  EXPECT_EQ(OwnerOnlyCode(dir_.Join("none")), StatusCode::kNotFound);
  EXPECT_EQ(OwnerOnlyCode(Write("file", "x") + "/below"), StatusCode::kNotFound);
}

TEST_F(SettingsFileTest, AMebibyteIsTheLimit) {
  EXPECT_TRUE(ReadSettingsFile(Write("x", std::string(1 << 20, 'x')), FileProtection::kNone).ok());
  EXPECT_EQ(ReadSettingsFile(Write("x", std::string((1 << 20) + 1, 'x')), FileProtection::kNone)
                .status()
                .code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lakehouse
