#include "ai/encoder/weight_files.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::SafetensorsBuilder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WeightFilesTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, std::string_view text) {
    lakehouse::testing::WriteTextFile(directory_.Join(name), text);
  }
  void PutTensor(const std::string& file, const std::string& tensor, float value) {
    SafetensorsBuilder builder;
    builder.Add(tensor, {1}, {value});
    Put(file, builder.Bytes());
  }
  void PutIndex(std::string_view map) {
    Put("model.safetensors.index.json", StrCat(R"({"metadata": {}, "weight_map": )", map, "}"));
  }
  Result<WeightFiles> Open(const std::string& directory = "") {
    return WeightFiles::Open(directory_.path(), directory);
  }
  std::string Error() {
    const Result<WeightFiles> files = Open();
    EXPECT_EQ(files.status().code(), StatusCode::kInvalidArgument);
    return files.status().message();
  }

  lakehouse::testing::TempDir directory_;
};

TEST_F(WeightFilesTest, OneFileBelowTheDirectory) {
  PutTensor("0_Transformer/model.safetensors", "a", 1);
  const Result<WeightFiles> files = Open("0_Transformer");
  ASSERT_TRUE(files.ok()) << files.status().ToString();
  EXPECT_TRUE(files->Has("a"));
  EXPECT_FALSE(files->Has("b"));
  EXPECT_THAT(*files->Read("a", {1}), ElementsAre(1));
  EXPECT_THAT(files->Read("b", {1}).status().message(),
              AllOf(HasSubstr("0_Transformer/model.safetensors"), HasSubstr("missing: b")));
  EXPECT_THAT(files->names(), ElementsAre("0_Transformer/model.safetensors"));
}

TEST_F(WeightFilesTest, ShardsAreReadThroughTheIndex) {
  PutTensor("one.safetensors", "a", 1);
  PutTensor("two.safetensors", "b", 2);
  PutIndex(R"({"a": "one.safetensors", "b": "two.safetensors"})");
  const Result<WeightFiles> files = Open();
  ASSERT_TRUE(files.ok()) << files.status().ToString();
  EXPECT_THAT(*files->Read("a", {1}), ElementsAre(1));
  EXPECT_THAT(*files->Read("b", {1}), ElementsAre(2));
  EXPECT_THAT(files->Read("c", {1}).status().message(), HasSubstr("index.json"));
  EXPECT_THAT(files->names(),
              ElementsAre("model.safetensors.index.json", "one.safetensors", "two.safetensors"));
}

TEST_F(WeightFilesTest, AWholeFileComesBeforeShards) {
  PutTensor("model.safetensors", "a", 1);
  PutIndex(R"({"a": "none.safetensors"})");
  EXPECT_THAT(*Open()->Read("a", {1}), ElementsAre(1));
}

TEST_F(WeightFilesTest, ShardsLieBesideTheIndex) {
  PutTensor("one.safetensors", "a", 1);
  for (const char* name :
       {"../one.safetensors", "/tmp/one.safetensors", "x/one.safetensors", "..", "one.bin", ""}) {
    PutIndex(StrCat(R"({"a": ")", name, R"("})"));
    EXPECT_THAT(Error(), AllOf(HasSubstr("index.json"), HasSubstr("beside it"), HasSubstr(name)));
  }
  PutIndex(R"({"a": 1})");
  EXPECT_THAT(Error(), HasSubstr("weight_map"));
  PutIndex(R"({"a": "one\u0000.safetensors"})");
  EXPECT_THAT(Error(), HasSubstr("weight_map"));
}

TEST_F(WeightFilesTest, NamesWhatIsMissing) {
  EXPECT_THAT(Error(), AllOf(HasSubstr("weights are missing"), HasSubstr("model.safetensors")));
  Put("pytorch_model.bin", "x");
  EXPECT_THAT(Error(), HasSubstr("pytorch_model.bin"));
  PutIndex(R"({"a": "one.safetensors"})");
  EXPECT_THAT(Error(), HasSubstr("one.safetensors"));
  PutTensor("one.safetensors", "b", 1);
  EXPECT_THAT(Error(), AllOf(HasSubstr("one.safetensors"), HasSubstr("tensor a")));
}

TEST_F(WeightFilesTest, NamesTheDamagedFile) {
  SafetensorsBuilder builder;
  builder.Add("a", {2}, {1, 2});
  const std::string bytes = builder.Bytes();
  for (const size_t size : {size_t{0}, size_t{7}, size_t{20}, bytes.size() - 1}) {
    Put("model.safetensors", bytes.substr(0, size));
    EXPECT_THAT(Error(), AllOf(HasSubstr(directory_.Join("model.safetensors")),
                               HasSubstr("damaged safetensors")));
  }
  std::filesystem::remove(directory_.Join("model.safetensors"));
  Put("model.safetensors.index.json", "{");
  EXPECT_THAT(Error(), HasSubstr("index.json"));
  Put("model.safetensors.index.json", "[]");
  EXPECT_THAT(Error(), HasSubstr("weight_map"));
}

}  // namespace
}  // namespace lakehouse::ai
