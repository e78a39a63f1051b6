#include "ai/cached_embedding_model.h"

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/embedded_model.h"
#include "ai/embedding_model_conformance.h"
#include "base/hash.h"
#include "reference/tiny_model.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::ai {
namespace {

using Vector = std::vector<float>;
using ::testing::ElementsAre;

// Forgets entries by chance.
class ForgetfulCache final : public VectorCache {
 public:
  explicit ForgetfulCache(uint64_t seed, double forgets) : rng_(seed), forgets_(forgets) {}

  std::vector<std::optional<Vector>> Find(const std::string& space_id, size_t dimensions,
                                          std::span<const std::string> keys) override {
    const MutexLock lock(mutex_);
    std::vector<std::optional<Vector>> found(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      ++finds_;
      const auto entry = vectors_.find({space_id, keys[i]});
      if (entry == vectors_.end() || entry->second.size() != dimensions) continue;
      if (rng_.NextDouble() < forgets_) {
        vectors_.erase(entry);
      } else {
        found[i] = entry->second;
      }
    }
    return found;
  }
  void Put(const std::string& space_id, std::span<const std::string> keys,
           std::span<const Vector> vectors) override {
    const MutexLock lock(mutex_);
    ASSERT_EQ(keys.size(), vectors.size());
    for (size_t i = 0; i < keys.size(); ++i) vectors_[{space_id, keys[i]}] = vectors[i];
  }

  std::set<std::pair<std::string, std::string>> Keys() {
    const MutexLock lock(mutex_);
    std::set<std::pair<std::string, std::string>> keys;
    for (const auto& [key, vector] : vectors_) keys.insert(key);
    return keys;
  }
  size_t finds() {
    const MutexLock lock(mutex_);
    return finds_;
  }

 private:
  Mutex mutex_;
  Rng rng_ GUARDED_BY(mutex_);
  const double forgets_;
  size_t finds_ GUARDED_BY(mutex_) = 0;
  std::map<std::pair<std::string, std::string>, Vector> vectors_ GUARDED_BY(mutex_);
};

// Vectors that say which text they belong to. Texts that start with "bad" fail.
Vector VectorOf(const std::string& text) {
  const auto hash = static_cast<float>(std::hash<std::string>()(text) % 1'000'003);
  return {hash, static_cast<float>(text.size()), 1};
}

// Records what it is asked for.
class RecordingModel final : public EmbeddingModel {
 public:
  RecordingModel(EmbeddingSpace space, std::vector<std::vector<std::string>>* calls)
      : space_(std::move(space)), calls_(*calls) {}

  const EmbeddingSpace& space() const override { return space_; }
  Result<Embeddings> Embed(std::span<const std::string> texts,
                           const EmbedOptions& options) override {
    TRY(options.cancel.Check());
    calls_.emplace_back(texts.begin(), texts.end());
    const std::string& prefix =
        options.role == Role::kQuery ? space_.query_prefix : space_.document_prefix;
    Embeddings results;
    for (const std::string& text : texts) {
      if (text.starts_with("down")) return Unavailable("the server is down");
      if (text.starts_with("bad")) {
        results.push_back(InvalidArgument("bad text: ", text));
      } else {
        results.push_back(VectorOf(prefix + text));
      }
    }
    return results;
  }
  size_t CountTokens(std::string_view text) const override { return text.size() + 7; }
  Status CheckIdentity(const CancelToken& /*cancel*/) override { return Conflict("another model"); }

 private:
  const EmbeddingSpace space_;
  std::vector<std::vector<std::string>>& calls_;
};

class CachedEmbeddingModelTest : public ::testing::Test {
 protected:
  std::unique_ptr<EmbeddingModel> Cached(VectorCache& cache) {
    return CacheEmbeddings(std::make_unique<RecordingModel>(space_, &calls_), cache, metrics_);
  }
  static std::vector<Vector> Vectors(EmbeddingModel& model, const std::vector<std::string>& texts,
                                     const EmbedOptions& options = {}) {
    const Result<Embeddings> results = model.Embed(texts, options);
    EXPECT_TRUE(results.ok()) << results.status().ToString();
    std::vector<Vector> vectors;
    for (const Result<Vector>& result : *results) vectors.push_back(result.value_or({}));
    return vectors;
  }

  const EmbeddingSpace space_{.provider = "ollama",
                              .model = "recorder",
                              .dimensions = 3,
                              .pooling = "server",
                              .document_prefix = "passage: ",
                              .query_prefix = "query: ",
                              .precision = "server",
                              .max_tokens = 512};
  MetricsRegistry metrics_;
  std::vector<std::vector<std::string>> calls_;
};

TEST_F(CachedEmbeddingModelTest, AnswersAsTheModelWhateverTheCacheForgets) {
  Rng rng(lakehouse::testing::TestSeed());
  ForgetfulCache cache(rng.Next(), 0.3);
  const auto cached = Cached(cache);
  uint64_t asked = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> texts(rng.Below(12));
    for (std::string& text : texts) {
      text = StrCat(rng.Below(8) == 0 ? "bad " : "text ", rng.Below(25));
    }
    const EmbedOptions options = {.role = rng.Below(2) == 0 ? Role::kQuery : Role::kDocument,
                                  .fresh = rng.Below(10) == 0};
    calls_.clear();
    const Result<Embeddings> results = cached->Embed(texts, options);
    ASSERT_TRUE(results.ok());
    ASSERT_EQ(results->size(), texts.size());
    const std::string prefix = options.role == Role::kQuery ? "query: " : "passage: ";
    for (size_t i = 0; i < texts.size(); ++i) {
      if (texts[i].starts_with("bad")) {
        EXPECT_EQ((*results)[i].status().ToString(), "invalid_argument: bad text: " + texts[i]);
      } else {
        EXPECT_EQ(*(*results)[i], VectorOf(prefix + texts[i]));
      }
    }
    if (options.fresh) continue;
    ASSERT_LE(calls_.size(), 1U);
    if (calls_.empty()) continue;
    const std::set<std::string> distinct(calls_[0].begin(), calls_[0].end());
    EXPECT_EQ(distinct.size(), calls_[0].size()) << "a text was embedded twice";
    for (const std::string& text : calls_[0]) asked += text.starts_with("bad") ? 0 : 1;
  }
  EXPECT_EQ(metrics_
                .GetCounter("lakehouse_embedded_texts_total",
                            "Texts that a model has embedded because no cache had them.",
                            {{"model", "recorder"}})
                .value(),
            asked);
}

TEST_F(CachedEmbeddingModelTest, KnownTextsAreNotEmbeddedAgain) {
  ForgetfulCache cache(1, 0);
  const auto cached = Cached(cache);
  Vectors(*cached, {"a", "b", "a"});
  EXPECT_EQ(Vectors(*cached, {"c", "b", "a", "c"})[3], VectorOf("passage: c"));
  EXPECT_THAT(calls_, ElementsAre(ElementsAre("a", "b"), ElementsAre("c")));
  // Another model object with the same space finds them too.
  EXPECT_EQ(Vectors(*Cached(cache), {"c"})[0], VectorOf("passage: c"));
  EXPECT_EQ(calls_.size(), 2U);
}

TEST_F(CachedEmbeddingModelTest, KeysAreThoseOfTheSpaceTheRoleAndTheText) {
  ForgetfulCache cache(1, 0);
  const auto cached = Cached(cache);
  Vectors(*cached, {"a"});
  Vectors(*cached, {"a"}, {.role = Role::kQuery});
  EXPECT_EQ(calls_.size(), 2U);
  const std::string id = SpaceId(space_);
  EXPECT_EQ(cache.Keys(), (std::set<std::pair<std::string, std::string>>{
                              {id, Sha256Hex(std::string("passage: \0a", 11))},
                              {id, Sha256Hex(std::string("query: \0a", 9))}}));
}

TEST_F(CachedEmbeddingModelTest, FailuresAreNotRemembered) {
  ForgetfulCache cache(1, 0);
  const auto cached = Cached(cache);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Vectors(*cached, {"bad", "good"})[1].size(), 3U);
  EXPECT_THAT(calls_, ElementsAre(ElementsAre("bad", "good"), ElementsAre("bad")));
  const std::vector<std::string> texts = {"good", "new", "down"};
  EXPECT_EQ(cached->Embed(texts, {}).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(cache.Keys().size(), 1U);
}

TEST_F(CachedEmbeddingModelTest, FreshGoesRoundTheCache) {
  ForgetfulCache cache(1, 0);
  const auto cached = Cached(cache);
  Vectors(*cached, {"a"}, {.fresh = true});
  Vectors(*cached, {"a"}, {.fresh = true});
  EXPECT_EQ(calls_.size(), 2U);
  EXPECT_EQ(cache.finds(), 0U);
  EXPECT_TRUE(cache.Keys().empty());
}

TEST_F(CachedEmbeddingModelTest, PassesEverythingElseOn) {
  ForgetfulCache cache(1, 0);
  const auto cached = Cached(cache);
  EXPECT_EQ(cached->space(), space_);
  EXPECT_EQ(cached->CountTokens("abc"), 10U);
  EXPECT_EQ(cached->CheckIdentity(CancelToken()).ToString(), "conflict: another model");
}

// A tiny embedded model behind a cache that forgets.
std::shared_ptr<EmbeddingModel> OpenCachedModel() {
  struct Holder {
    lakehouse::testing::TempDir directory;
    ForgetfulCache cache{3, 0.3};
    MetricsRegistry metrics;
    std::unique_ptr<EmbeddingModel> model;
  };
  auto holder = std::make_shared<Holder>();
  lakehouse::testing::TinyModel::Write(holder->directory.path());
  auto opened =
      OpenEmbeddedModel({.name = "tiny", .directory = holder->directory.path(), .threads = 2});
  EXPECT_TRUE(opened.ok()) << opened.status().ToString();
  if (!opened.ok()) return nullptr;
  holder->model = CacheEmbeddings(*std::move(opened), holder->cache, holder->metrics);
  return {holder, holder->model.get()};
}

INSTANTIATE_TEST_SUITE_P(Cached, EmbeddingModelConformance, ::testing::Values(&OpenCachedModel));

}  // namespace
}  // namespace lakehouse::ai
