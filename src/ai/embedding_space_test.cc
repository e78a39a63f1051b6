#include "ai/embedding_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;

EmbeddingSpace SomeSpace() {
  return {.provider = "embedded",
          .model = "e5-small-v2",
          .digest = "00ff",
          .dimensions = 384,
          .pooling = "mean",
          .normalized = false,
          .document_prefix = "passage: ",
          .query_prefix = "query: ",
          .precision = "f32",
          .max_tokens = 512,
          .chunker_version = 3};
}

TEST(EmbeddingSpaceTest, SurvivesJson) {
  const Result<EmbeddingSpace> read = EmbeddingSpaceFromJson(EmbeddingSpaceToJson(SomeSpace()));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, SomeSpace());
}

TEST(EmbeddingSpaceTest, RefusesMissingAndUnknownFields) {
  Json json = EmbeddingSpaceToJson({.dimensions = 1, .max_tokens = 1});
  json["colour"] = "red";
  EXPECT_THAT(EmbeddingSpaceFromJson(json).status().message(), HasSubstr("colour"));
  json.erase("colour");
  json.erase("digest");
  EXPECT_THAT(EmbeddingSpaceFromJson(json).status().message(), HasSubstr("digest"));
}

TEST(EmbeddingSpaceTest, IdIsOfWhatDecidesAVector) {
  const std::string id = SpaceId(SomeSpace());
  EXPECT_EQ(id.size(), 64U);
  EmbeddingSpace space = SomeSpace();
  space.chunker_version = 4;
  space.model = "another name";
  EXPECT_EQ(SpaceId(space), id);
  space.precision = "bf16";
  EXPECT_NE(SpaceId(space), id);
  // Without a digest the name is all there is.
  EmbeddingSpace unknown = SomeSpace();
  unknown.digest = "";
  EmbeddingSpace other = unknown;
  other.model = "another name";
  EXPECT_NE(SpaceId(unknown), SpaceId(other));
}

}  // namespace
}  // namespace lakehouse::ai
