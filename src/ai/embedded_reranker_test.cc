#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/embedded_model.h"
#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::SafetensorsBuilder;
using ::lakehouse::testing::TinyModel;
using ::lakehouse::testing::WriteTextFile;
using ::testing::HasSubstr;

// A cross-encoder whose scores can be foretold: attention spreads evenly over all tokens, the first
// token adds up what it sees, and the classifier counts the word nurse. The more of a pair is that
// word, the higher its score.
class NurseCounter {
 public:
  static void Write(const std::string& directory, const std::string& activation = "Identity") {
    TinyModel::Write(directory);
    WriteTextFile(
        directory + "/config.json",
        TinyModel::Config(StrCat(
            R"({"architectures": ["BertForSequenceClassification"],
                          "id2label": {"0": "LABEL_0"}, "sentence_transformers":
                          {"activation_fn": "torch.nn.modules.)",
            activation == "Identity" ? "linear.Identity" : "activation.Sigmoid", "\"}}")));
    WriteTextFile(directory + "/model.safetensors", Weights());
  }

 private:
  static constexpr int64_t kWidth = TinyModel::kWidth;
  static constexpr size_t kNurse = 6;  // Of the vocabulary, and the dimension that says so.

  static std::vector<float> Constant(int64_t count, float value) {
    return std::vector<float>(static_cast<size_t>(count), value);
  }
  // The identity times `factor`.
  static std::vector<float> Diagonal(int64_t outputs, int64_t inputs, float factor) {
    std::vector<float> values = Constant(outputs * inputs, 0);
    for (int64_t i = 0; i < std::min(outputs, inputs); ++i) {
      values[static_cast<size_t>(i * inputs + i)] = factor;
    }
    return values;
  }

  static std::string Weights() {
    SafetensorsBuilder builder;
    const auto add_norm = [&](const std::string& name) {
      builder.Add(name + ".LayerNorm.weight", {kWidth}, Constant(kWidth, 1));
      builder.Add(name + ".LayerNorm.bias", {kWidth}, Constant(kWidth, 0));
    };
    const auto add_linear = [&](const std::string& name, int64_t outputs, int64_t inputs,
                                float factor) {
      builder.Add(name + ".weight", {outputs, inputs}, Diagonal(outputs, inputs, factor));
      builder.Add(name + ".bias", {outputs}, Constant(outputs, 0));
    };
    const std::string embeddings = "bert.embeddings.";
    // Each word has a dimension of its own.
    builder.Add(embeddings + "word_embeddings.weight", {TinyModel::kVocabulary, kWidth},
                Diagonal(TinyModel::kVocabulary, kWidth, 1));
    builder.Add(embeddings + "position_embeddings.weight", {TinyModel::kPositions, kWidth},
                Constant(TinyModel::kPositions * kWidth, 0));
    builder.Add(embeddings + "token_type_embeddings.weight", {2, kWidth}, Constant(2 * kWidth, 0));
    add_norm("bert.embeddings");
    const std::string layer = "bert.encoder.layer.0.";
    add_linear(layer + "attention.self.query", kWidth, kWidth, 0);
    add_linear(layer + "attention.self.key", kWidth, kWidth, 0);
    add_linear(layer + "attention.self.value", kWidth, kWidth, 1);
    add_linear(layer + "attention.output.dense", kWidth, kWidth, 1);
    add_norm(layer + "attention.output");
    add_linear(layer + "intermediate.dense", 2 * kWidth, kWidth, 0);
    add_linear(layer + "output.dense", kWidth, 2 * kWidth, 0);
    add_norm(layer + "output");
    add_linear("bert.pooler.dense", kWidth, kWidth, 0.2F);
    std::vector<float> classifier = Constant(kWidth, 0);
    classifier[kNurse] = 4;
    builder.Add("classifier.weight", {1, kWidth}, classifier);
    builder.Add("classifier.bias", {1}, {-1});
    return builder.Bytes();
  }
};

class EmbeddedRerankerTest : public ::testing::Test {
 protected:
  EmbeddedRerankerTest() {
    NurseCounter::Write(directory_.path());
    options_.name = "nurses";
    options_.directory = directory_.path();
    options_.threads = 2;
  }
  std::unique_ptr<Reranker> Open() {
    auto opened = OpenEmbeddedReranker(options_);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  static std::vector<float> Score(Reranker& reranker, const std::string& query,
                                  const std::vector<std::string>& documents) {
    const auto results = reranker.Score(query, documents, CancelToken());
    EXPECT_TRUE(results.ok()) << results.status().ToString();
    std::vector<float> scores;
    for (const Result<float>& result : *results) {
      EXPECT_TRUE(result.ok()) << result.status().ToString();
      scores.push_back(result.value_or(0));
    }
    return scores;
  }

  lakehouse::testing::TempDir directory_;
  EmbeddedModelOptions options_;
};

TEST_F(EmbeddedRerankerTest, OrdersDocumentsByTheirScores) {
  const auto reranker = Open();
  ASSERT_NE(reranker, nullptr);
  EXPECT_EQ(reranker->name(), "nurses");
  const std::vector<float> scores =
      Score(*reranker, "night", {"river night", "nurse", "nurse nurse nurse", "nurse river", ""});
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, std::ranges::greater{}, [&](size_t i) { return scores[i]; });
  EXPECT_THAT(std::vector(order.begin(), order.begin() + 3), ::testing::ElementsAre(2, 1, 3));
}

TEST_F(EmbeddedRerankerTest, ScoreIsTheSameAmongAnyOthers) {
  const auto reranker = Open();
  ASSERT_NE(reranker, nullptr);
  const std::vector<std::string> documents = {
      "nurse", "river nurse", "nurse", "", "night \xFF", std::string("nurse\0night", 11)};
  const std::vector<float> together = Score(*reranker, "river", documents);
  EXPECT_EQ(together[0], together[2]);
  for (size_t i = 0; i < documents.size(); ++i) {
    EXPECT_EQ(Score(*reranker, "river", {documents[i]})[0], together[i]);
  }
  EXPECT_TRUE(Score(*reranker, "river", {}).empty());
}

TEST_F(EmbeddedRerankerTest, QueryMatters) {
  const auto reranker = Open();
  ASSERT_NE(reranker, nullptr);
  EXPECT_GT(Score(*reranker, "nurse", {"night"})[0], Score(*reranker, "river", {"night"})[0]);
}

TEST_F(EmbeddedRerankerTest, LongerSideIsCutFirst) {
  const auto reranker = Open();
  ASSERT_NE(reranker, nullptr);
  // 16 positions hold 13 words and three special tokens: the query stays whole.
  std::string nights;
  for (int i = 0; i < 20; ++i) nights += "night ";
  std::string eleven;
  for (int i = 0; i < 11; ++i) eleven += "night ";
  const std::vector<float> scores =
      Score(*reranker, "nurse nurse", {nights, eleven, eleven + "nurse nurse nurse"});
  EXPECT_EQ(scores[0], scores[1]);
  EXPECT_EQ(scores[2], scores[1]);
  // A long query gives way to a short document.
  EXPECT_GT(Score(*reranker, nights, {"nurse nurse"})[0], Score(*reranker, nights, {"nurse"})[0]);
}

TEST_F(EmbeddedRerankerTest, SigmoidIsAppliedWhereTheModelSaysSo) {
  const std::vector<std::string> documents = {"nurse", "night", "nurse nurse river"};
  const std::vector<float> plain = Score(*Open(), "river", documents);
  NurseCounter::Write(directory_.path(), "Sigmoid");
  const std::vector<float> squashed = Score(*Open(), "river", documents);
  for (size_t i = 0; i < documents.size(); ++i) {
    EXPECT_NEAR(squashed[i], 1 / (1 + std::exp(-plain[i])), 1e-3);
  }
}

TEST_F(EmbeddedRerankerTest, CancelledCallFailsAsAWhole) {
  const auto reranker = Open();
  ASSERT_NE(reranker, nullptr);
  CancelToken cancel;
  cancel.Cancel();
  const std::vector<std::string> documents = {"nurse"};
  EXPECT_EQ(reranker->Score("night", documents, cancel).status().code(), StatusCode::kCancelled);
}

TEST_F(EmbeddedRerankerTest, RefusesASentenceEncoder) {
  TinyModel::Write(directory_.path());
  const auto opened = OpenEmbeddedReranker(options_);
  EXPECT_EQ(opened.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(opened.status().message(), HasSubstr("sentence encoder"));
}

TEST_F(EmbeddedRerankerTest, RefusesATokenizerWithTypesThatTheModelLacks) {
  WriteTextFile(directory_.Join("config.json"),
                TinyModel::Config(R"({"architectures": ["BertForSequenceClassification"],
                                      "id2label": {"0": "LABEL_0"}, "type_vocab_size": 1})"));
  const auto opened = OpenEmbeddedReranker(options_);
  EXPECT_EQ(opened.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(opened.status().message(), HasSubstr("two types"));
}

}  // namespace
}  // namespace lakehouse::ai
