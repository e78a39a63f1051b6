#include "ai/model_file.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::WriteTextFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ModelFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view text) {
    const std::string path = directory_.Join(name);
    WriteTextFile(path, text);
    return path;
  }

  lakehouse::testing::TempDir directory_;
};

TEST_F(ModelFileTest, ReadsWholeFiles) {
  const std::string text("a\0b\n", 4);
  const std::string path = Write("text", text);
  EXPECT_EQ(*ReadModelFile(path), text);
  EXPECT_EQ(MappedFile::Open(path)->bytes(), text);
  const std::string empty = Write("empty", "");
  EXPECT_EQ(*ReadModelFile(empty), "");
  EXPECT_EQ(MappedFile::Open(empty)->bytes(), "");
}

TEST_F(ModelFileTest, SaysWhyAFileCannotBeRead) {
  const std::string pipe = directory_.Join("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {directory_.path(), pipe}) {
    EXPECT_EQ(ReadModelFile(path).status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(ReadModelFile(path).status().message(), HasSubstr(path));
    EXPECT_EQ(MappedFile::Open(path).status().code(), StatusCode::kInvalidArgument);
  }
  const std::string file = Write("file", "x");
  for (const std::string& path : {directory_.Join("none"), file + "/below"}) {
    EXPECT_EQ(ReadModelFile(path).status().code(), StatusCode::kNotFound);
    EXPECT_EQ(MappedFile::Open(path).status().code(), StatusCode::kNotFound);
  }
  std::filesystem::resize_file(file, (uint64_t{256} << 20) + 1);
  EXPECT_THAT(ReadModelFile(file).status().message(), HasSubstr("268435457"));
}

TEST_F(ModelFileTest, MovedMapsLiveOn) {
  MappedFile first = *MappedFile::Open(Write("first", "one"));
  MappedFile second = *MappedFile::Open(Write("second", "two"));
  MappedFile moved = std::move(first);
  EXPECT_EQ(moved.bytes(), "one");
  moved = std::move(second);
  EXPECT_EQ(moved.bytes(), "two");
}

TEST_F(ModelFileTest, RemembersWhatWasRead) {
  Write("a.json", "{}");
  Write("below/b.json", "[1]");
  Write("bad.json", "{");
  ModelFiles files(directory_.path());
  EXPECT_TRUE(files.ReadJson("a.json")->has_value());
  EXPECT_FALSE(files.ReadJson("none.json")->has_value());
  EXPECT_TRUE(files.ReadJson("below/b.json")->has_value());
  EXPECT_THAT(files.ReadJson("bad.json").status().message(),
              AllOf(HasSubstr(directory_.Join("bad.json")), HasSubstr("not valid JSON")));
  EXPECT_THAT(files.names_read(), ElementsAre("a.json", "below/b.json"));
}

TEST_F(ModelFileTest, PathsOfModelsStayBelow) {
  for (const char* path : {"", "1_Pooling", "a/b", "a/./b", "..a", "a..", "..."}) {
    EXPECT_TRUE(StaysBelow(path)) << path;
  }
  for (const char* path : {"/", "/a", "..", "../a", "a/..", "a/../b", "a//.."}) {
    EXPECT_FALSE(StaysBelow(path)) << path;
  }
  EXPECT_FALSE(StaysBelow(std::string_view("a\0/b", 4)));
  EXPECT_EQ(JoinModelPath("", "a"), "a");
  EXPECT_EQ(JoinModelPath("a", "b"), "a/b");
}

}  // namespace
}  // namespace lakehouse::ai
