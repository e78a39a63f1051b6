#include "ai/encoder/sentence_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/encoder/model_config_fixture.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::TinyModel;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SentenceConfigTest : public ModelConfigFixture {
 protected:
  // A Transformer, a Pooling by the mean, and `rest`: further modules, each after a comma.
  void PutModules(const std::string& rest) {
    Put("modules.json", R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"})" +
                            rest + "]");
    Put("1_Pooling/config.json", R"({"pooling_mode": "mean"})");
  }
  void PutPooling(std::string_view text) {
    PutModules("");
    Put("1_Pooling/config.json", text);
  }
  void PutScores(std::string_view changes = "{}") {
    Json json = {{"architectures", {"BertForSequenceClassification"}}, {"num_labels", 1}};
    json.merge_patch(Json::parse(changes));
    PutConfig(json.dump());
  }
};

constexpr const char* kDense = R"(, {"path": "2_Dense", "type": "s.models.Dense"})";
constexpr const char* kNormalize = R"(, {"path": "3_Normalize", "type": "s.models.Normalize"})";

TEST_F(SentenceConfigTest, PlainBertIsPooledByTheMean) {
  const ModelConfig config = Read();
  EXPECT_EQ(config.pooling, Pooling::kMean);
  EXPECT_THAT(config.head, IsEmpty());
  EXPECT_FALSE(config.normalizes());
  EXPECT_EQ(config.dimensions(), TinyModel::kWidth);
  EXPECT_EQ(config.max_tokens, TinyModel::kPositions);
  EXPECT_EQ(config.document_prefix + config.query_prefix, "");
}

TEST_F(SentenceConfigTest, ModulesInBothForms) {
  Put("modules.json", R"([
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])");
  Put("1_Pooling/config.json",
      R"({"word_embedding_dimension": 32, "pooling_mode_cls_token": true,
          "pooling_mode_mean_tokens": false, "pooling_mode_max_tokens": false})");
  EXPECT_EQ(Read().pooling, Pooling::kCls);
  EXPECT_TRUE(Read().normalizes());

  Put("modules.json", R"([
    {"path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"}])");
  Put("1_Pooling/config.json", R"({"embedding_dimension": 32, "pooling_mode": "max"})");
  EXPECT_EQ(Read().pooling, Pooling::kMax);
  EXPECT_FALSE(Read().normalizes());
}

TEST_F(SentenceConfigTest, PoolingsInBothForms) {
  const std::tuple<const char*, const char*, Pooling> kPoolings[] = {
      {"mean_tokens", "mean", Pooling::kMean},
      {"cls_token", "cls", Pooling::kCls},
      {"max_tokens", "max", Pooling::kMax},
      {"lasttoken", "lasttoken", Pooling::kLastToken},
  };
  for (const auto& [flag, name, pooling] : kPoolings) {
    PutPooling(StrCat(R"({"pooling_mode_)", flag, R"(": true})"));
    EXPECT_EQ(Read().pooling, pooling);
    PutPooling(StrCat(R"({"pooling_mode": ")", name, R"("})"));
    EXPECT_EQ(Read().pooling, pooling);
    EXPECT_STREQ(PoolingName(pooling), name);
    PutPooling(StrCat(R"({"pooling_mode": [")", name, R"("]})"));
    EXPECT_EQ(Read().pooling, pooling);
  }
  PutPooling(R"({"pooling_mode_mean_tokens": false})");
  EXPECT_EQ(Read().pooling, Pooling::kMean);
}

TEST_F(SentenceConfigTest, RefusesOtherPoolingsByName) {
  PutPooling(R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("1_Pooling/config.json"), HasSubstr("cls+mean")));
  PutPooling(R"({"pooling_mode": ["mean", "max"]})");
  EXPECT_THAT(Error(), HasSubstr("mean+max"));
  PutPooling(R"({"pooling_mode": "weightedmean"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("lasttoken"), HasSubstr("weightedmean")));
  PutPooling(R"({"pooling_mode_mean_sqrt_len_tokens": true})");
  EXPECT_THAT(Error(), HasSubstr("mean_sqrt_len_tokens"));
  PutPooling(R"({"pooling_mode": "mean", "include_prompt": false})");
  EXPECT_THAT(Error(), HasSubstr("include_prompt"));
  PutPooling(R"({"pooling_mode": "mean", "word_embedding_dimension": 33})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("word_embedding_dimension"), HasSubstr("32")));
  std::filesystem::remove(directory_.Join("1_Pooling/config.json"));
  EXPECT_THAT(Error(), AllOf(HasSubstr("missing"), HasSubstr("1_Pooling/config.json")));
}

TEST_F(SentenceConfigTest, DensesAndNormalizeInEitherOrder) {
  Put("2_Dense/config.json", R"({"in_features": 32, "out_features": 8, "bias": true,
        "activation_function": "torch.nn.modules.activation.Tanh"})");
  PutModules(StrCat(kDense, kNormalize));
  ModelConfig config = Read();
  using Kind = HeadStep::Kind;
  const HeadStep tanh = {.kind = Kind::kDense, .inputs = 32, .outputs = 8, .directory = "2_Dense"};
  EXPECT_THAT(config.head, ::testing::ElementsAre(tanh, HeadStep{.kind = Kind::kNormalize}));
  EXPECT_EQ(config.dimensions(), 8);
  EXPECT_TRUE(config.normalizes());

  Put("2_Dense/config.json", R"({"in_features": 32, "out_features": 8, "bias": false,
        "activation_function": "torch.nn.modules.linear.Identity"})");
  PutModules(StrCat(kNormalize, kDense));
  config = Read();
  HeadStep identity = tanh;
  identity.has_bias = false;
  identity.tanh = false;
  EXPECT_THAT(config.head, ::testing::ElementsAre(HeadStep{.kind = Kind::kNormalize}, identity));
  EXPECT_EQ(config.dimensions(), 8);
  EXPECT_FALSE(config.normalizes());
}

TEST_F(SentenceConfigTest, RefusesDensesByWhatIsWrong) {
  PutModules(kDense);
  EXPECT_THAT(Error(), AllOf(HasSubstr("missing"), HasSubstr("2_Dense/config.json")));
  const auto error_with = [this](std::string_view changes) {
    Json json = {{"in_features", 32}, {"out_features", 8}};
    json.merge_patch(Json::parse(changes));
    Put("2_Dense/config.json", json.dump());
    return Error();
  };
  EXPECT_THAT(error_with(R"({"in_features": 16})"),
              AllOf(HasSubstr("in_features"), HasSubstr("32, not 16")));
  EXPECT_THAT(error_with(R"({"out_features": null})"), HasSubstr("out_features"));
  EXPECT_THAT(error_with(R"({"activation_function": "torch.nn.modules.activation.GELU"})"),
              AllOf(HasSubstr("Tanh or Identity"), HasSubstr("GELU")));
  EXPECT_THAT(error_with(R"({"module_input_name": "token_embeddings"})"),
              HasSubstr("token_embeddings"));
  EXPECT_THAT(error_with(R"({"use_residual": true})"), HasSubstr("use_residual"));
}

TEST_F(SentenceConfigTest, RefusesOtherModulesByName) {
  PutModules(R"(, {"path": "2_LayerNorm", "type": "sentence_transformers.models.LayerNorm"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("modules.json"), HasSubstr("models.LayerNorm")));
  PutModules(R"(, {"path": "", "type": "x.Transformer"})");
  EXPECT_THAT(Error(), HasSubstr("Transformer must stand first"));
  PutModules(R"(, {"path": "1_Pooling", "type": "x.Pooling"})");
  EXPECT_THAT(Error(), HasSubstr("Pooling must follow"));
  Put("modules.json", R"([{"path": "", "type": "x.Transformer"}])");
  EXPECT_THAT(Error(), HasSubstr("needs a Pooling"));
  Put("modules.json", R"([{"path": "", "type": "x.Transformer"}, {"type": "x.Normalize"}])");
  EXPECT_THAT(Error(), HasSubstr("Pooling after the Transformer"));
  Put("modules.json", R"([{"path": "", "type": "x.StaticEmbedding"}])");
  EXPECT_THAT(Error(), HasSubstr("StaticEmbedding"));
  for (const char* list : {"{}", "[]", "[1]", "7"}) {
    Put("modules.json", list);
    EXPECT_THAT(Error(), HasSubstr("modules.json"));
  }
}

TEST_F(SentenceConfigTest, ModulesStayBelowTheirDirectory) {
  for (const char* path : {"../other", "/etc", "a/../../b"}) {
    Put("modules.json", StrCat(R"([{"path": ")", path, R"(", "type": "x.Transformer"}])"));
    EXPECT_THAT(Error(), AllOf(HasSubstr("below"), HasSubstr(path)));
    PutModules(StrCat(R"(, {"type": "x.Dense", "path": ")", path, R"("})"));
    EXPECT_THAT(Error(), AllOf(HasSubstr("below"), HasSubstr(path)));
  }
}

TEST_F(SentenceConfigTest, TransformerMayLieInAFolder) {
  Put("0_Transformer/config.json", TinyModel::Config());
  Put("0_Transformer/sentence_bert_config.json", R"({"max_seq_length": 9})");
  Put("0_Transformer/tokenizer_config.json", R"({"model_max_length": 10})");
  Put("modules.json", R"([{"path": "0_Transformer", "type": "x.Transformer"},
                          {"path": "1_Pooling", "type": "x.Pooling"}])");
  Put("1_Pooling/config.json", R"({"pooling_mode": "cls"})");
  std::filesystem::remove(directory_.Join("config.json"));
  EXPECT_EQ(Read().transformer_directory, "0_Transformer");
  EXPECT_EQ(Read().max_tokens, 9);
  EXPECT_THAT(Read().files, ::testing::ElementsAre("0_Transformer/config.json",
                                                   "0_Transformer/sentence_bert_config.json",
                                                   "1_Pooling/config.json", "modules.json"));
}

TEST_F(SentenceConfigTest, MaximumLengthComesFromTheFirstFileThatSays) {
  Put("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
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

TEST_F(SentenceConfigTest, LowerCaseMayNotContradictTheTokenizer) {
  Put("sentence_bert_config.json", R"({"do_lower_case": true})");
  Read();
  Put("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("sentence_bert_config.json"), HasSubstr("do_lower_case")));
  Put("tokenizer.json", R"({"normalizer": {"type": "BertNormalizer", "lowercase": true}})");
  Read();
  Put("tokenizer.json", R"({"normalizer": {"type": "BertNormalizer", "lowercase": false}})");
  EXPECT_THAT(Error(), HasSubstr("do_lower_case"));
  Put("sentence_bert_config.json", R"({"do_lower_case": false})");
  Read();
  Put("sentence_bert_config.json", R"({"transformer_task": "fill-mask"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("transformer_task"), HasSubstr("fill-mask")));
}

TEST_F(SentenceConfigTest, PrefixesComeFromThePrompts) {
  const auto put = [this](std::string_view text) {
    Put("config_sentence_transformers.json", text);
  };
  put(R"({"prompts": {"query": "q: ", "document": "d: "}, "default_prompt_name": null})");
  EXPECT_EQ(Read("e5-small-v2").document_prefix, "d: ");
  EXPECT_EQ(Read("e5-small-v2").query_prefix, "q: ");
  put(R"({"prompts": {"query": "q: ", "corpus": "c: ", "passage": "p: "}})");
  EXPECT_EQ(Read().document_prefix, "p: ");
  put(R"({"prompts": {"query": "q: "}})");
  EXPECT_EQ(Read("e5-small-v2").document_prefix, "");
  put(R"({"prompts": {"s": "all: "}, "default_prompt_name": "s"})");
  EXPECT_EQ(Read().document_prefix, "all: ");
  EXPECT_EQ(Read().query_prefix, "all: ");
  put(R"({"prompts": {"s": "all: ", "query": ""}, "default_prompt_name": "s"})");
  EXPECT_EQ(Read().query_prefix, "");
  put(R"({"prompts": {"a": "x"}, "default_prompt_name": "b"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("config_sentence_transformers.json"), HasSubstr("b")));
  put(R"({"prompts": ["query: "]})");
  EXPECT_THAT(Error(), HasSubstr("prompts"));
}

TEST_F(SentenceConfigTest, PrefixesOfFamilies) {
  constexpr const char* kPassages = "Represent this sentence for searching relevant passages: ";
  const std::tuple<const char*, const char*, const char*> kFamilies[] = {
      {"e5-small-v2", "query: ", "passage: "},
      {"intfloat/e5-large", "query: ", "passage: "},
      {"bge-small-en-v1.5", kPassages, ""},
      {"nomic-embed-text-v1", "search_query: ", "search_document: "},
      {"nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "},
      {"mxbai-embed-large-v1", kPassages, ""},
      {"Snowflake/snowflake-arctic-embed-m", kPassages, ""},
      {"all-MiniLM-L6-v2", "", ""},
      {"gte-small", "", ""},
  };
  // sentence-transformers 6 writes these when nobody gave any.
  for (const char* prompts : {"{}", R"({"prompts": {"query": "", "document": ""}})"}) {
    Put("config_sentence_transformers.json", prompts);
    for (const auto& [name, query, document] : kFamilies) {
      EXPECT_EQ(Read(name).query_prefix, query) << name;
      EXPECT_EQ(Read(name).document_prefix, document) << name;
    }
  }
}

TEST_F(SentenceConfigTest, DirectoryNamesTheFamilyToo) {
  Put("e5-base/config.json", TinyModel::Config());
  const Result<ModelConfig> config = ReadModelConfig(directory_.Join("e5-base"), "default");
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->query_prefix, "query: ");
}

TEST_F(SentenceConfigTest, FilesMayCutVectors) {
  Put("config_sentence_transformers.json", R"({"truncate_dim": 8})");
  EXPECT_EQ(Read().dimensions(), 8);
  EXPECT_FALSE(Read().normalizes());
  Put("config_sentence_transformers.json", R"({"truncate_dim": 64})");
  EXPECT_EQ(Read().dimensions(), TinyModel::kWidth);
}

TEST_F(SentenceConfigTest, ActivationOfScores) {
  PutScores();
  EXPECT_TRUE(Read().sigmoid);
  PutScores(R"({"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"})");
  EXPECT_FALSE(Read().sigmoid);
  PutScores(R"({"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}})");
  EXPECT_FALSE(Read().sigmoid);
  Put("config_sentence_transformers.json",
      R"({"activation_fn": "torch.nn.modules.activation.Sigmoid"})");
  EXPECT_TRUE(Read().sigmoid);
  Put("config_sentence_transformers.json",
      R"({"activation_fn": "torch.nn.modules.activation.Softmax"})");
  EXPECT_THAT(Error(), AllOf(HasSubstr("config_sentence_transformers.json"), HasSubstr("Softmax")));
}

TEST_F(SentenceConfigTest, PoolingMakesASentenceEncoderOfAClassifier) {
  PutScores();
  PutModules("");
  EXPECT_EQ(Read().labels, 0);
  EXPECT_EQ(Read().dimensions(), TinyModel::kWidth);
}

}  // namespace
}  // namespace lakehouse::ai
