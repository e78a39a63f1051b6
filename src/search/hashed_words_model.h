// An embedding provider for tests: the vector of a text is the sum of one fixed random vector per
// word, so texts that share words are near, and the nearest can be found by hand.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ai/embedding_model.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "base/strings.h"

namespace lakehouse::search {

class HashedWordsModel : public ai::EmbeddingModel {
 public:
  static constexpr size_t kDimensions = 48;
  using Answer = Result<std::vector<float>>;

  HashedWordsModel() {
    space_.provider = "test";
    space_.model = "hashed-words";
    space_.digest = Sha256Hex("hashed-words");
    space_.dimensions = kDimensions;
    space_.pooling = "mean";
    space_.precision = "f32";
    space_.max_tokens = 64;
    space_.chunker_version = 1;
  }

  // Another model with the same words: vectors of the two must never meet.
  ai::EmbeddingSpace& mutable_space() { return space_; }

  // Called before each call to Embed with how many calls there were; blocks or counts at will.
  void OnCall(std::function<void(uint64_t)> hook) {
    MutexLock lock(mutex_);
    on_call_ = std::move(hook);
  }
  // What the provider answers to a document instead of its vector; nullopt: the vector.
  void OnText(std::function<std::optional<Answer>(const std::string&)> hook) {
    MutexLock lock(mutex_);
    on_text_ = std::move(hook);
  }
  uint64_t documents_embedded() const {
    MutexLock lock(mutex_);
    return documents_embedded_;
  }
  uint64_t queries_embedded() const {
    MutexLock lock(mutex_);
    return queries_embedded_;
  }

  const ai::EmbeddingSpace& space() const override { return space_; }

  Result<std::vector<Answer>> Embed(std::span<const std::string> texts, ai::Role role,
                                    const CancelToken& cancel) override {
    std::function<void(uint64_t)> on_call;
    std::function<std::optional<Answer>(const std::string&)> on_text;
    uint64_t call = 0;
    {
      MutexLock lock(mutex_);
      on_call = on_call_;
      if (role == ai::Role::kDocument) on_text = on_text_;
      call = ++calls_;
    }
    if (on_call) on_call(call);
    TRY(cancel.Check());
    std::vector<Answer> answers;
    for (const std::string& text : texts) {
      std::optional<Answer> answer = on_text ? on_text(text) : std::nullopt;
      answers.push_back(answer.has_value() ? *std::move(answer) : Answer(VectorOf(text)));
    }
    MutexLock lock(mutex_);
    (role == ai::Role::kQuery ? queries_embedded_ : documents_embedded_) += texts.size();
    return answers;
  }

  size_t CountTokens(std::string_view text) const override { return WordsOf(text).size() + 2; }

  static std::vector<float> VectorOf(std::string_view text) {
    std::vector<float> sum(kDimensions, 0.0f);
    for (const std::string_view word : WordsOf(text)) {
      Rng rng(Crc32c(word));
      for (float& component : sum) component += static_cast<float>(rng.NextDouble() * 2 - 1);
    }
    double norm = 0;
    for (const float component : sum) norm += static_cast<double>(component) * component;
    for (float& component : sum) component /= static_cast<float>(std::sqrt(norm));
    return sum;
  }

 private:
  static std::vector<std::string_view> WordsOf(std::string_view text) {
    std::vector<std::string_view> words;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find_first_of(" \n\t", begin), text.size());
      if (end > begin) words.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return words;
  }

  ai::EmbeddingSpace space_;
  mutable Mutex mutex_;
  std::function<void(uint64_t)> on_call_ GUARDED_BY(mutex_);
  std::function<std::optional<Answer>(const std::string&)> on_text_ GUARDED_BY(mutex_);
  uint64_t calls_ GUARDED_BY(mutex_) = 0;
  uint64_t documents_embedded_ GUARDED_BY(mutex_) = 0;
  uint64_t queries_embedded_ GUARDED_BY(mutex_) = 0;
};

}  // namespace lakehouse::search
