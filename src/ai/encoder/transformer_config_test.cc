#include "ai/encoder/transformer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/encoder/model_config_fixture.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::TinyModel;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TransformerConfigTest : public ModelConfigFixture {
 protected:
  // A nomic-bert in the form of its authors, with some fields changed.
  void PutNomic(std::string_view changes = "{}") {
    Json json = {{"model_type", "nomic_bert"},
                 {"architectures", {"NomicBertModel"}},
                 {"n_embd", 64},
                 {"n_layer", 3},
                 {"n_head", 2},
                 {"n_inner", 96},
                 {"n_positions", 8192},
                 {"vocab_size", 30},
                 {"pad_vocab_size_multiple", 8},
                 {"type_vocab_size", 2},
                 {"activation_function", "swiglu"},
                 {"layer_norm_epsilon", 1e-12},
                 {"qkv_proj_bias", false},
                 {"mlp_fc1_bias", false},
                 {"mlp_fc2_bias", false},
                 {"prenorm", false},
                 {"rotary_emb_fraction", 1.0},
                 {"rotary_emb_base", 1000},
                 {"rotary_scaling_factor", nullptr}};
    json.merge_patch(Json::parse(changes));
    Put("config.json", json.dump());
  }
  // A nomic-bert as transformers 5 writes it, with some fields changed.
  void PutNewNomic(std::string_view changes = "{}") {
    Json json = {{"model_type", "nomic_bert"},
                 {"architectures", {"NomicBertModel"}},
                 {"hidden_size", 64},
                 {"num_hidden_layers", 3},
                 {"num_attention_heads", 2},
                 {"intermediate_size", 96},
                 {"max_position_embeddings", 512},
                 {"vocab_size", 32},
                 {"hidden_act", "silu"},
                 {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 500.0}}}};
    json.merge_patch(Json::parse(changes));
    Put("config.json", json.dump());
  }
};

TEST_F(TransformerConfigTest, Bert) {
  const ModelConfig config = Read();
  EXPECT_EQ(config.architecture, Architecture::kBert);
  EXPECT_EQ(config.hidden_size, TinyModel::kWidth);
  EXPECT_EQ(config.layers, 1);
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.intermediate_size, 2 * TinyModel::kWidth);
  EXPECT_EQ(config.vocabulary_size, TinyModel::kVocabulary);
  EXPECT_EQ(config.max_positions, TinyModel::kPositions);
  EXPECT_EQ(config.token_types, 2);
  EXPECT_EQ(config.activation, Activation::kGeluErf);
  EXPECT_EQ(config.rotary_base, 0);
  EXPECT_EQ(config.labels, 0);
}

TEST_F(TransformerConfigTest, ActivationsByName) {
  for (const char* name : {"gelu_new", "gelu_pytorch_tanh"}) {
    PutConfig(StrCat(R"({"hidden_act": ")", name, R"("})"));
    EXPECT_EQ(Read().activation, Activation::kGeluTanh);
  }
  PutConfig(R"({"hidden_act": "relu"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("hidden_act"), HasSubstr("gelu"), HasSubstr("relu")));
}

TEST_F(TransformerConfigTest, NomicBertOfItsAuthors) {
  PutNomic();
  const ModelConfig config = Read();
  EXPECT_EQ(config.architecture, Architecture::kNomicBert);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.intermediate_size, 96);
  EXPECT_EQ(config.vocabulary_size, 32);  // Padded.
  EXPECT_EQ(config.activation, Activation::kSwiGlu);
  EXPECT_EQ(config.rotary_base, 1000);
  EXPECT_EQ(config.max_positions, 2048);  // Of 8192, which need another rotary base.
  EXPECT_EQ(config.max_tokens, 2048);
  PutNomic(R"({"n_inner": null, "n_positions": 100})");
  EXPECT_EQ(Read().intermediate_size, 256);
  EXPECT_EQ(Read().max_positions, 100);
}

TEST_F(TransformerConfigTest, NomicBertOfTransformers5) {
  PutNewNomic();
  const ModelConfig config = Read();
  EXPECT_EQ(config.architecture, Architecture::kNomicBert);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.intermediate_size, 96);
  EXPECT_EQ(config.vocabulary_size, 32);
  EXPECT_EQ(config.rotary_base, 500);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.token_types, 2);
}

TEST_F(TransformerConfigTest, RefusesVariantsOfNomicBertByName) {
  for (const char* field : {"prenorm", "rotary_emb_interleaved", "parallel_block", "use_rms_norm",
                            "causal", "qkv_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias", "alibi"}) {
    PutNomic(StrCat(R"({")", field, R"(": true})"));
    EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr(field)));
  }
  PutNomic(R"({"qkv_proj_bias": null})");  // True where it is not said.
  EXPECT_THAT(Error(), HasSubstr("qkv_proj_bias"));
  PutNomic(R"({"moe_every_n_layers": 2})");
  EXPECT_THAT(Error(), HasSubstr("experts"));
  PutNomic(R"({"rotary_emb_fraction": 0.5})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("rotary_emb_fraction"), HasSubstr("0.5")));
  PutNomic(R"({"rotary_emb_fraction": null})");
  EXPECT_THAT(Error(), HasSubstr("rotary_emb_fraction"));
  PutNomic(R"({"activation_function": "gelu"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("swiglu"), HasSubstr("gelu")));
  PutNomic(R"({"rotary_emb_base": -1})");
  EXPECT_THAT(Error(), HasSubstr("rotary base"));
  PutNomic(R"({"rotary_emb_scale_base": 512})");
  EXPECT_THAT(Error(), HasSubstr("rotary_emb_scale_base"));
  PutNewNomic(R"({"rope_parameters": {"rope_type": "yarn"}})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("rope_type"), HasSubstr("yarn")));
  PutNewNomic(R"({"hidden_act": "gelu"})");
  EXPECT_THAT(Error(), HasSubstr("silu"));
  PutNewNomic(R"({"head_dim": 64})");
  EXPECT_THAT(Error(), HasSubstr("head_dim"));
}

TEST_F(TransformerConfigTest, RefusesOtherModelsByName) {
  for (const char* type : {"xlm-roberta", "distilbert", "modernbert", "mpnet", "new", "llama"}) {
    PutConfig(StrCat(R"({"model_type": ")", type, R"("})"));
    EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr("bert and nomic_bert"),
                               HasSubstr(StrCat("is ", type))));
  }
  PutConfig(R"({"position_embedding_type": "relative_key"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("absolute"), HasSubstr("relative_key")));
  PutConfig(R"({"is_decoder": true})");
  EXPECT_THAT(Error(), HasSubstr("is_decoder"));
  PutConfig(R"({"hidden_size": 24})");
  EXPECT_THAT(Error(), HasSubstr("multiple of 16"));
  PutConfig(R"({"num_attention_heads": 32})");
  EXPECT_THAT(Error(), HasSubstr("multiple of 16"));
}

TEST_F(TransformerConfigTest, CrossEncoderByArchitecture) {
  PutConfig(R"({"architectures": ["BertForSequenceClassification"]})");
  EXPECT_EQ(Read().labels, 2);
  PutConfig(R"({"architectures": ["BertForSequenceClassification"], "num_labels": 1})");
  EXPECT_EQ(Read().labels, 1);
  EXPECT_EQ(Read().dimensions(), 1);
  EXPECT_TRUE(Read().sigmoid);
  EXPECT_FALSE(Read().normalizes());
  PutConfig(R"({"architectures": ["BertForSequenceClassification"], "num_labels": 1,
                "id2label": {"0": "a", "1": "b", "2": "c"}})");
  EXPECT_EQ(Read().labels, 3);
  EXPECT_FALSE(Read().sigmoid);
  PutConfig(R"({"architectures": ["BertForSequenceClassification"], "id2label": {}})");
  EXPECT_THAT(Error(), HasSubstr("id2label"));
  PutNomic(R"({"architectures": ["NomicBertForSequenceClassification"]})");
  EXPECT_THAT(Error(), HasSubstr("nomic_bert"));
}

TEST_F(TransformerConfigTest, CrossEncoderByWeights) {
  lakehouse::testing::SafetensorsBuilder builder;
  builder.Add("classifier.weight", {1, 1}, {0});
  Put("model.safetensors", builder.Bytes());
  PutConfig(R"({"num_labels": 1})");
  EXPECT_EQ(Read().labels, 1);
  PutConfig(R"({"architectures": ["BertModel"], "num_labels": 1})");
  EXPECT_EQ(Read().labels, 0);
}

TEST_F(TransformerConfigTest, ShorteningIsWhatTheFilesAllow) {
  EXPECT_FALSE(Read().shortening.allowed);
  PutConfig(R"({"is_matryoshka": true})");
  EXPECT_TRUE(Read().shortening.allowed);
  EXPECT_TRUE(Read().shortening.dimensions.empty());
  PutConfig(R"({"matryoshka_dimensions": [16, 8]})");
  EXPECT_TRUE(Read().shortening.allowed);
  EXPECT_THAT(Read().shortening.dimensions, ElementsAre(16, 8));
  PutConfig(R"({"matryoshka_dimensions": ["8"]})");
  EXPECT_THAT(Error(), HasSubstr("matryoshka_dimensions"));
}

TEST_F(TransformerConfigTest, NamesTheDamagedField) {
  PutConfig(R"({"num_attention_heads": null})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr("num_attention_heads")));
  PutConfig(R"({"num_attention_heads": 0})");
  EXPECT_THAT(Error(), HasSubstr("num_attention_heads"));
  PutConfig(R"({"num_hidden_layers": "six"})");
  EXPECT_THAT(Error(), HasSubstr("num_hidden_layers"));
  PutConfig(R"({"hidden_size": 18446744073709551615})");
  EXPECT_THAT(Error(), HasSubstr("hidden_size"));
  for (const char* epsilon : {"0", "-1e-12", "1e-92", "1", "\"x\""}) {
    PutConfig(StrCat(R"({"layer_norm_eps": )", epsilon, "}"));
    EXPECT_THAT(Error(), HasSubstr("layer_norm_eps"));
  }
  Put("config.json", "{");
  EXPECT_THAT(Error(), AllOf(HasSubstr("config.json"), HasSubstr("not valid JSON")));
  Put("config.json", "[]");
  EXPECT_THAT(Error(), HasSubstr("config.json"));
  std::filesystem::remove(directory_.Join("config.json"));
  EXPECT_THAT(Error(), HasSubstr("needs config.json"));
  std::filesystem::create_directory(directory_.Join("config.json"));
  EXPECT_THAT(Error(), HasSubstr("config.json"));
}

}  // namespace
}  // namespace lakehouse::ai
