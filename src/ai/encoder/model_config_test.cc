#include "ai/encoder/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::TinyModel;
using ::testing::HasSubstr;

class ModelConfigTest : public ::testing::Test {
 protected:
  ModelConfigTest() { Put("config.json", TinyModel::Config()); }

  void Put(const std::string& name, std::string_view text) {
    lakehouse::testing::WriteTextFile(directory_.Join(name), text);
  }
  ModelConfig Read(const std::string& name = "tiny") {
    const Result<ModelConfig> config = ReadModelConfig(directory_.path(), name);
    EXPECT_TRUE(config.ok()) << config.status().ToString();
    return config.value_or(ModelConfig());
  }
  std::string Error() {
    const Result<ModelConfig> config = ReadModelConfig(directory_.path(), "tiny");
    EXPECT_EQ(config.status().code(), StatusCode::kInvalidArgument);
    return config.status().message();
  }

  lakehouse::testing::TempDir directory_;
};

TEST_F(ModelConfigTest, PlainBertIsPooledByTheMean) {
  const ModelConfig config = Read();
  EXPECT_EQ(config.hidden_size, TinyModel::kWidth);
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.pooling, Pooling::kMean);
  EXPECT_FALSE(config.normalize);
  EXPECT_EQ(config.max_tokens, TinyModel::kPositions);
  EXPECT_EQ(config.document_prefix + config.query_prefix, "");
}

TEST_F(ModelConfigTest, ModulesInBothForms) {
  Put("modules.json", R"([
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])");
  Put("1_Pooling/config.json",
      R"({"word_embedding_dimension": 32, "pooling_mode_cls_token": true,
          "pooling_mode_mean_tokens": false, "pooling_mode_max_tokens": false})");
  EXPECT_EQ(Read().pooling, Pooling::kCls);
  EXPECT_TRUE(Read().normalize);

  Put("modules.json", R"([
    {"path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"}])");
  Put("1_Pooling/config.json", R"({"embedding_dimension": 32, "pooling_mode": "max"})");
  EXPECT_EQ(Read().pooling, Pooling::kMax);
  EXPECT_FALSE(Read().normalize);
}

TEST_F(ModelConfigTest, RefusesOtherPoolingsAndModulesByName) {
  Put("modules.json", R"([{"path": "1_Pooling", "type": "x.Pooling"}])");
  EXPECT_THAT(Error(), HasSubstr("1_Pooling/config.json"));
  Put("1_Pooling/config.json",
      R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})");
  EXPECT_THAT(Error(), HasSubstr("cls+mean"));
  Put("1_Pooling/config.json", R"({"pooling_mode": "lasttoken"})");
  EXPECT_THAT(Error(), HasSubstr("lasttoken"));
  Put("1_Pooling/config.json", R"({"pooling_mode": "mean", "include_prompt": false})");
  EXPECT_THAT(Error(), HasSubstr("include_prompt"));
  Put("modules.json", R"([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])");
  EXPECT_THAT(Error(), HasSubstr("Dense"));
  Put("modules.json", "{}");
  EXPECT_THAT(Error(), HasSubstr("list of modules"));
}

TEST_F(ModelConfigTest, MaximumLengthComesFromTheFirstFileThatSays) {
  Put("tokenizer_config.json", R"({"model_max_length": 1e30})");
  EXPECT_EQ(Read().max_tokens, TinyModel::kPositions);
  Put("tokenizer_config.json", R"({"model_max_length": 12})");
  EXPECT_EQ(Read().max_tokens, 12);
  Put("sentence_bert_config.json", R"({"max_seq_length": 8})");
  EXPECT_EQ(Read().max_tokens, 8);
  Put("sentence_bert_config.json", R"({"max_seq_length": null})");
  EXPECT_EQ(Read().max_tokens, 12);
  Put("sentence_bert_config.json", R"({"max_seq_length": 17})");
  EXPECT_THAT(Error(), HasSubstr("max_seq_length"));
}

TEST_F(ModelConfigTest, PrefixesComeFromPromptsOrTheFamily) {
  EXPECT_EQ(Read("e5-small-v2").document_prefix, "passage: ");
  EXPECT_EQ(Read("e5-small-v2").query_prefix, "query: ");
  EXPECT_EQ(Read("bge-small-en-v1.5").document_prefix, "");
  EXPECT_THAT(Read("bge-small-en-v1.5").query_prefix, HasSubstr("Represent this sentence"));
  Put("config_sentence_transformers.json",
      R"({"prompts": {"query": "q: ", "document": "d: "}, "default_prompt_name": null})");
  EXPECT_EQ(Read("e5-small-v2").document_prefix, "d: ");
  EXPECT_EQ(Read("e5-small-v2").query_prefix, "q: ");
  Put("config_sentence_transformers.json",
      R"({"prompts": {"s": "all: "}, "default_prompt_name": "s"})");
  EXPECT_EQ(Read().document_prefix, "all: ");
  EXPECT_EQ(Read().query_prefix, "all: ");
}

TEST_F(ModelConfigTest, RefusesOtherModelsByName) {
  Put("config.json", TinyModel::Config(R"({"model_type": "xlm-roberta"})"));
  EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr("xlm-roberta")));
  Put("config.json", TinyModel::Config(R"({"position_embedding_type": "relative_key"})"));
  EXPECT_THAT(Error(), HasSubstr("relative_key"));
  Put("config.json", TinyModel::Config(R"({"hidden_act": "relu"})"));
  EXPECT_THAT(Error(), HasSubstr("relu"));
  Put("config.json", TinyModel::Config(R"({"hidden_size": 24})"));
  EXPECT_THAT(Error(), HasSubstr("multiple of 16"));
}

TEST_F(ModelConfigTest, NamesTheDamagedFile) {
  Put("config.json", TinyModel::Config(R"({"num_attention_heads": null})"));
  EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr("num_attention_heads")));
  Put("config.json", TinyModel::Config(R"({"num_attention_heads": 0})"));
  EXPECT_THAT(Error(), HasSubstr("num_attention_heads"));
  Put("config.json", TinyModel::Config(R"({"num_hidden_layers": "six"})"));
  EXPECT_THAT(Error(), HasSubstr("num_hidden_layers"));
  Put("config.json", "{");
  EXPECT_THAT(Error(), HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace lakehouse::ai
