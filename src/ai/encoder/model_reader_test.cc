#include "ai/encoder/model_reader.h"

#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/model_file.h"
#include "reference/golden_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::GoldenModel;
using ::lakehouse::testing::GoldenTensor;
using ::lakehouse::testing::WriteTextFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<float> Concatenate(std::vector<float> all, const std::vector<float>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

class ModelReaderTest : public ::testing::Test {
 protected:
  // Writes one of the models of the reference, which tests then damage.
  void Write(std::string_view name) {
    for (const GoldenModel& model : lakehouse::testing::ReadGoldenModels()) {
      if (model.name == name) model_ = model;
    }
    ASSERT_EQ(model_.name, name);
    lakehouse::testing::WriteGoldenModel(model_, directory_.path());
  }
  void Put(const std::string& name, std::string_view text) {
    WriteTextFile(directory_.Join(name), text);
  }
  Result<std::unique_ptr<ModelReader>> Open() {
    ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(directory_.path(), "tiny"));
    return ModelReader::Open(directory_.path(), config);
  }
  // Reads everything that an encoder does.
  Status ReadAll() {
    ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(directory_.path(), "tiny"));
    ASSIGN_OR_RETURN(const auto reader, ModelReader::Open(directory_.path(), config));
    TRY(reader->ReadEmbeddings().status());
    for (int64_t i = 0; i < config.layers; ++i) TRY(reader->ReadLayer(i).status());
    if (config.labels > 0) TRY(reader->ReadClassifier().status());
    return reader->ReadDense().status();
  }
  std::string Error() {
    const Status status = ReadAll();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.ToString();
    return status.message();
  }
  std::string Digest() {
    const auto reader = Open();
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    const Result<std::string> digest = (*reader)->Digest();
    EXPECT_TRUE(digest.ok()) << digest.status().ToString();
    return digest.value_or("");
  }

  GoldenModel model_;
  lakehouse::testing::TempDir directory_;
};

TEST_F(ModelReaderTest, StacksQueriesKeysAndValues) {
  Write("bert_mean");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const Result<LayerWeights> layer = (*reader)->ReadLayer(1);
  ASSERT_TRUE(layer.ok()) << layer.status().ToString();
  EXPECT_EQ(layer->qkv.inputs, 32);
  EXPECT_EQ(layer->qkv.outputs, 96);
  std::vector<float> weights;
  std::vector<float> bias;
  for (const char* part : {"query", "key", "value"}) {
    const std::string name = StrCat("encoder.layer.1.attention.self.", part);
    weights = Concatenate(weights, GoldenTensor(name + ".weight", 32 * 32, 0, 0.5));
    bias = Concatenate(bias, GoldenTensor(name + ".bias", 32, 0, 0.5));
  }
  EXPECT_EQ(layer->qkv.weights, weights);
  EXPECT_EQ(layer->qkv.bias, bias);
  EXPECT_FALSE(layer->gate.has_value());
}

TEST_F(ModelReaderTest, FindsOldNamesBehindAPrefix) {
  Write("bert_cls_tanh_gelu_old_names");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const Result<EmbeddingWeights> embeddings = (*reader)->ReadEmbeddings();
  ASSERT_TRUE(embeddings.ok()) << embeddings.status().ToString();
  EXPECT_EQ(embeddings->norm.gamma, GoldenTensor("bert.embeddings.LayerNorm.gamma", 96, 1, 1));
  EXPECT_EQ(embeddings->norm.beta, GoldenTensor("bert.embeddings.LayerNorm.beta", 96, 0, 0.5));
  EXPECT_EQ(embeddings->types.size(), 2 * 96);
}

TEST_F(ModelReaderTest, NomicBertHasGatesAndNeitherPositionsNorBiases) {
  Write("nomic_mean");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_TRUE((*reader)->ReadEmbeddings()->positions.empty());
  const Result<LayerWeights> layer = (*reader)->ReadLayer(0);
  ASSERT_TRUE(layer.ok()) << layer.status().ToString();
  const std::string name = "encoder.layers.0.mlp.";
  EXPECT_EQ(layer->up.weights, GoldenTensor(name + "fc11.weight", 96 * 64, 0, 0.5));
  EXPECT_EQ(layer->gate->weights, GoldenTensor(name + "fc12.weight", 96 * 64, 0, 0.5));
  EXPECT_EQ(layer->gate->bias, std::vector<float>(96));
  EXPECT_EQ((*reader)->ReadClassifier().status().code(), StatusCode::kInvalidArgument);
}

TEST_F(ModelReaderTest, ReadsDensesInOrder) {
  Write("bert_normalize_before_two_denses");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const auto dense = (*reader)->ReadDense();
  ASSERT_TRUE(dense.ok()) << dense.status().ToString();
  ASSERT_EQ(dense->size(), 2);
  EXPECT_EQ((*dense)[0].outputs, 48);
  EXPECT_EQ((*dense)[0].bias, std::vector<float>(48));
  EXPECT_EQ((*dense)[1].inputs, 48);
  EXPECT_EQ((*dense)[1].bias, GoldenTensor("linear.bias", 24, 0, 0.5));
}

TEST_F(ModelReaderTest, ReadsClassifiers) {
  Write("cross_encoder_three_labels");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  const Result<ClassifierWeights> weights = (*reader)->ReadClassifier();
  ASSERT_TRUE(weights.ok()) << weights.status().ToString();
  EXPECT_EQ(weights->classifier.weights, GoldenTensor("classifier.weight", 3 * 32, 0, 0.5));
  EXPECT_EQ(weights->pooler.bias, GoldenTensor("bert.pooler.dense.bias", 32, 0, 0.5));
}

TEST_F(ModelReaderTest, NamesTheTensorThatIsMissingOrMisshapen) {
  Write("bert_mean");
  Json& tensors = model_.weights["model.safetensors"]["tensors"];
  const Json whole = tensors;
  // What may be damaged, each tensor in turn.
  for (size_t i = 0; i < whole.size(); ++i) {
    const std::string name = whole[i][0];
    tensors = whole;
    tensors.erase(i);
    lakehouse::testing::WriteGoldenModel(model_, directory_.path());
    EXPECT_THAT(Error(), AllOf(HasSubstr("model.safetensors"), HasSubstr("missing: " + name)));
    tensors = whole;
    tensors[i][1][0] = whole[i][1][0].get<int64_t>() + 1;
    lakehouse::testing::WriteGoldenModel(model_, directory_.path());
    EXPECT_THAT(Error(), AllOf(HasSubstr("model.safetensors"), HasSubstr(name + " has the shape")));
  }
}

TEST_F(ModelReaderTest, NamesTheTensorThatIsNotFinite) {
  Write("bert_mean");
  const std::string path = directory_.Join("model.safetensors");
  std::string bytes = *ReadModelFile(path);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - sizeof(nan), &nan, sizeof(nan));
  Put("model.safetensors", bytes);
  EXPECT_THAT(Error(), AllOf(HasSubstr(path),
                             HasSubstr("not finite: encoder.layer.1.output.LayerNorm.bias")));
}

TEST_F(ModelReaderTest, RefusesABiasThatTheConfigurationLacks) {
  Write("nomic_mean");
  model_.weights["model.safetensors"]["tensors"].push_back(
      {"encoder.layers.1.attn.Wqkv.bias", {192}, 0, 0.5});
  lakehouse::testing::WriteGoldenModel(model_, directory_.path());
  EXPECT_THAT(Error(), HasSubstr("encoder.layers.1.attn.Wqkv.bias"));
}

TEST_F(ModelReaderTest, NamesTheDenseThatLacksItsWeights) {
  Write("bert_dense_tanh_in_folders");
  std::filesystem::remove(directory_.Join("2_Dense/model.safetensors"));
  EXPECT_THAT(Error(), HasSubstr("2_Dense/model.safetensors"));
  Put("2_Dense/pytorch_model.bin", "");
  EXPECT_THAT(Error(), AllOf(HasSubstr("2_Dense/pytorch_model.bin"), HasSubstr("save the model")));
}

TEST_F(ModelReaderTest, DigestIsThatOfEveryCopy) {
  Write("bert_dense_tanh_in_folders");
  const std::string digest = Digest();
  EXPECT_EQ(digest.size(), 64);
  lakehouse::testing::TempDir copy;
  std::filesystem::copy(directory_.path(), copy.path(), std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(directory_.path());
  std::filesystem::copy(copy.path(), directory_.path(), std::filesystem::copy_options::recursive);
  EXPECT_EQ(Digest(), digest);
  Put("README.md", "Not part of it.");
  EXPECT_EQ(Digest(), digest);
}

TEST_F(ModelReaderTest, DigestChangesWithEveryFileThatDecides) {
  Write("bert_dense_tanh_in_folders");
  std::vector<std::string> digests = {Digest()};
  const auto expect_new = [&](const std::string& what) {
    const std::string digest = Digest();
    EXPECT_THAT(digests, ::testing::Not(::testing::Contains(digest))) << what;
    digests.push_back(digest);
  };
  for (const char* name : {"0_Transformer/config.json", "1_Pooling/config.json",
                           "2_Dense/config.json", "modules.json"}) {
    Put(name, *ReadModelFile(directory_.Join(name)) + "\n");
    expect_new(name);
  }
  for (const char* name :
       {"0_Transformer/sentence_bert_config.json", "config_sentence_transformers.json"}) {
    Put(name, "{}");
    expect_new(name);
  }
  for (const char* name : {"0_Transformer/vocab.txt", "0_Transformer/tokenizer_config.json",
                           "0_Transformer/tokenizer.json"}) {
    Put(name, "{}");
    expect_new(name);
  }
  Put("0_Transformer/vocab.txt", "[PAD]");  // Not read where there is a tokenizer.json.
  EXPECT_EQ(Digest(), digests.back());
  for (const char* name : {"0_Transformer/model.safetensors", "2_Dense/model.safetensors"}) {
    std::string bytes = *ReadModelFile(directory_.Join(name));
    bytes.back() ^= 1;
    Put(name, bytes);
    expect_new(name);
  }
}

TEST_F(ModelReaderTest, DigestHasTheSettingsOfAVocabulary) {
  Write("bert_mean");
  Put("vocab.txt", "[PAD]\n");
  // Says the length, so that the configuration does not look for it further.
  Put("sentence_bert_config.json", R"({"max_seq_length": 8})");
  const std::string digest = Digest();
  Put("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_NE(Digest(), digest);
}

TEST_F(ModelReaderTest, DigestHasEveryShard) {
  Write("bert_lasttoken_f16_shards");
  const std::string digest = Digest();
  const std::string name = "model-00002-of-00002.safetensors";
  std::string bytes = *ReadModelFile(directory_.Join(name));
  bytes.back() ^= 1;
  Put(name, bytes);
  EXPECT_NE(Digest(), digest);
}

}  // namespace
}  // namespace lakehouse::ai
