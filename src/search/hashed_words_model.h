// An embedding model for tests: the vector of a text is the sum of one fixed random vector per
// word, so texts that share words are near, and the nearest can be found by hand.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
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
  // What the model answers to a document instead of its vector; nullopt: the vector.
  void OnText(std::function<std::optional<Answer>(const std::string&)> hook) {
    MutexLock lock(mutex_);
    on_text_ = std::move(hook);
  }
  // The same for a text that is asked for afresh; hooks and counts leave those out otherwise.
  void OnFreshText(std::function<std::optional<Answer>(const std::string&)> hook) {
    MutexLock lock(mutex_);
    on_fresh_text_ = std::move(hook);
  }
  void SetIdentity(const Status& identity) {
    MutexLock lock(mutex_);
    identity_ = identity;
  }
  uint64_t fresh_calls() const {
    MutexLock lock(mutex_);
    return fresh_calls_;
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

  Result<ai::Embeddings> Embed(std::span<const std::string> texts,
                               const ai::EmbedOptions& options) override {
    const bool is_query = options.role == ai::Role::kQuery;
    std::function<void(uint64_t)> on_call;
    std::function<std::optional<Answer>(const std::string&)> on_text;
    uint64_t call = 0;
    {
      MutexLock lock(mutex_);
      if (options.fresh) {
        on_text = on_fresh_text_;
        ++fresh_calls_;
      } else {
        on_call = on_call_;
        if (!is_query) on_text = on_text_;
        call = ++calls_;
      }
    }
    if (on_call) on_call(call);
    TRY(options.cancel.Check());
    std::vector<Answer> answers;
    for (const std::string& text : texts) {
      std::optional<Answer> answer = on_text ? on_text(text) : std::nullopt;
      answers.push_back(answer.has_value() ? *std::move(answer) : Answer(VectorOf(text)));
    }
    MutexLock lock(mutex_);
    if (!options.fresh) (is_query ? queries_embedded_ : documents_embedded_) += texts.size();
    return answers;
  }

  size_t CountTokens(std::string_view text) const override { return WordsOf(text).size() + 2; }

  Status CheckIdentity(const CancelToken& cancel) override {
    TRY(cancel.Check());
    MutexLock lock(mutex_);
    return identity_;
  }

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
  std::function<std::optional<Answer>(const std::string&)> on_fresh_text_ GUARDED_BY(mutex_);
  Status identity_ GUARDED_BY(mutex_);
  uint64_t calls_ GUARDED_BY(mutex_) = 0;
  uint64_t fresh_calls_ GUARDED_BY(mutex_) = 0;
  uint64_t documents_embedded_ GUARDED_BY(mutex_) = 0;
  uint64_t queries_embedded_ GUARDED_BY(mutex_) = 0;
};

// Models by name for tests, which own them. Thread-safe.
class NamedModels : public ai::EmbeddingModels {
 public:
  NamedModels() = default;
  // One model under the name of its space, or, when it is null, none that can be opened.
  explicit NamedModels(ai::EmbeddingModel* model) {
    if (model != nullptr) {
      default_name_ = model->space().model;
      Set(default_name_, *model);
    } else {
      SetError(default_name_, Unavailable("no model: run tools/bootstrap"));
    }
  }

  // Puts `model` under a name; from now on Get gives a new object.
  void Set(const std::string& name, ai::EmbeddingModel& model) {
    MutexLock lock(mutex_);
    models_.insert_or_assign(
        name, Entry{std::shared_ptr<ai::EmbeddingModel>(&model, [](ai::EmbeddingModel*) {}), {}});
  }
  // What Get answers for a name.
  void SetError(const std::string& name, const Status& error) {
    MutexLock lock(mutex_);
    models_.insert_or_assign(name, Entry{nullptr, error});
  }
  uint64_t gets() const {
    MutexLock lock(mutex_);
    return gets_;
  }

  const std::string& default_name() const override { return default_name_; }
  Result<std::shared_ptr<ai::EmbeddingModel>> Get(const std::string& name,
                                                  const CancelToken& cancel) override {
    TRY(cancel.Check());
    MutexLock lock(mutex_);
    ++gets_;
    const auto found = models_.find(name);
    if (found == models_.end()) return NotFound("no model is configured as ", name);
    TRY(found->second.error);
    return found->second.model;
  }

 private:
  struct Entry {
    std::shared_ptr<ai::EmbeddingModel> model;  // Shared with its users, owned by the test.
    Status error;
  };

  std::string default_name_ = "hashed-words";
  mutable Mutex mutex_;
  std::map<std::string, Entry> models_ GUARDED_BY(mutex_);
  uint64_t gets_ GUARDED_BY(mutex_) = 0;
};

}  // namespace lakehouse::search
