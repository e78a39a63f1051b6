#include "ai/encoder/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/encoder/model_config_fixture.h"

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = HeadStep::Kind;

class ModelConfigTest : public ModelConfigFixture {
 protected:
  void PutNomic() {
    Put("config.json", R"({"model_type": "nomic_bert", "hidden_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64,
        "vocab_size": 32})");
  }
  static std::string ShortenError(int64_t dimensions, ModelConfig config) {
    const Status status = ShortenTo(dimensions, config);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  }
};

TEST_F(ModelConfigTest, ListsTheFilesItRead) {
  EXPECT_THAT(Read().files, ElementsAre("config.json"));
  Put("tokenizer_config.json", "{}");
  Put("config_sentence_transformers.json", "{}");
  Put("README.md", "");
  EXPECT_THAT(Read().files, ElementsAre("config.json", "config_sentence_transformers.json",
                                        "tokenizer_config.json"));
}

TEST_F(ModelConfigTest, ModelsThatWereNotTrainedForItAreNotShortened) {
  EXPECT_THAT(ShortenError(16, Read()), HasSubstr("is_matryoshka"));
  PutNomic();
  EXPECT_THAT(ShortenError(16, Read("nomic-embed-text-v1")), HasSubstr("is_matryoshka"));
  ModelConfig config = Read();
  EXPECT_TRUE(ShortenTo(32, config).ok());
  EXPECT_TRUE(config.head.empty());
}

TEST_F(ModelConfigTest, ShortVectorsAreNormalized) {
  PutConfig(R"({"is_matryoshka": true})");
  ModelConfig config = Read();
  ASSERT_TRUE(ShortenTo(16, config).ok());
  const HeadStep cut = {.kind = Kind::kCut, .inputs = 32, .outputs = 16};
  EXPECT_THAT(config.head, ElementsAre(cut, HeadStep{.kind = Kind::kNormalize}));
  EXPECT_EQ(config.dimensions(), 16);
  EXPECT_TRUE(config.normalizes());
  EXPECT_THAT(ShortenError(0, Read()), HasSubstr("1 to 32"));
  EXPECT_THAT(ShortenError(33, Read()), HasSubstr("1 to 32"));
}

TEST_F(ModelConfigTest, OnlyTheDimensionsOfTheTraining) {
  PutConfig(R"({"matryoshka_dimensions": [8, 24]})");
  ModelConfig config = Read();
  EXPECT_TRUE(ShortenTo(24, config).ok());
  EXPECT_THAT(ShortenError(16, Read()), HasSubstr("8 24, without 16"));
}

TEST_F(ModelConfigTest, NomicHasALayerNormBeforeTheCut) {
  PutNomic();
  Put("modules.json", R"([{"path": "", "type": "x.Transformer"},
      {"path": "1_Pooling", "type": "x.Pooling"}, {"path": "", "type": "x.Normalize"}])");
  Put("1_Pooling/config.json", "{}");
  ModelConfig config = Read("nomic-ai/nomic-embed-text-v1.5");
  EXPECT_THAT(config.head, ElementsAre(HeadStep{.kind = Kind::kNormalize}));
  ASSERT_TRUE(ShortenTo(24, config).ok());
  const HeadStep cut = {.kind = Kind::kCut, .inputs = 32, .outputs = 24};
  EXPECT_THAT(config.head, ElementsAre(HeadStep{.kind = Kind::kLayerNorm}, cut,
                                       HeadStep{.kind = Kind::kNormalize}));
}

TEST_F(ModelConfigTest, ScoresAreNotShortened) {
  PutConfig(R"({"architectures": ["BertForSequenceClassification"], "is_matryoshka": true})");
  EXPECT_THAT(ShortenError(1, Read()), HasSubstr("may not be shortened"));
}

}  // namespace
}  // namespace lakehouse::ai
