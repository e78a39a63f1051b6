// Compares indexes with the models that answer for them, as often as that is worth it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "ai/embedding_model.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "search/index_registry.h"
#include "search/passport.h"

namespace lakehouse::search {

using ModelPtr = std::shared_ptr<ai::EmbeddingModel>;  // Shared by whoever uses the model now.

// Remembers how each index compared with its model. Thread-safe. Invariants:
// 1. An index is compared with a model object before the first search with it; searches of the
//    same index meanwhile share that one comparison.
// 2. A model of a server is compared again every kRecheckMicros, in the background: searches go on
//    with what was true before. What is embedded in this process cannot change under its object.
// 3. A model that has drifted is compared again kRetryMicros later, when somebody asks.
// 4. A model that could not be asked is neither good nor bad; nothing is remembered of it.
class PassportChecker {
 public:
  static constexpr int64_t kRecheckMicros = 15 * 60 * int64_t{1'000'000};
  static constexpr int64_t kRetryMicros = 10'000'000;

  explicit PassportChecker(const Clock& clock);
  ~PassportChecker();

  // Ok when queries that `model` embeds may be searched in `index`. kConflict as of CheckSpace and
  // ComparePassport; what the model answers when it cannot be asked.
  Status CheckForSearch(const IndexPtr& index, const ModelPtr& model, const CancelToken& cancel);
  // Ok when the index may be continued with `model`; compares now.
  Status CheckForBuild(const IndexPtr& index, const ModelPtr& model, const CancelToken& cancel);
  // The last comparison of the index, if there was one in this process.
  std::optional<PassportCheck> Last(const IndexName& name) const;
  void Forget(const IndexName& name);

 private:
  // What is known of one index.
  struct Entry {
    std::weak_ptr<ai::EmbeddingModel> model;  // That `check` is about.
    Timestamp index_created_at;               // The index it is about: names come back.
    std::optional<Timestamp> passport_made_at;
    std::optional<PassportCheck> check;
    int64_t checked_micros = 0;
    bool checking = false;        // A search compares; others wait for it.
    bool recheck_queued = false;  // It is compared in the background; nobody waits.
  };
  using EntryPtr = std::shared_ptr<Entry>;  // Shared with comparisons under way.

  Result<PassportCheck> Compare(const IndexInfo& index, ai::EmbeddingModel& model, SpaceUse use,
                                const CancelToken& cancel) const;
  static bool IsAbout(const Entry& entry, const IndexInfo& index, const ModelPtr& model);
  void Store(Entry& entry, const IndexInfo& index, const ModelPtr& model, PassportCheck check)
      REQUIRES_LOCK(mutex_);
  void RunRechecks();
  void Recheck(const IndexPtr& index, const ModelPtr& model, const EntryPtr& entry);

  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<IndexName, EntryPtr> entries_ GUARDED_BY(mutex_);
  std::deque<std::pair<IndexPtr, ModelPtr>> rechecks_ GUARDED_BY(mutex_);
  CancelToken stop_;
  std::thread rechecker_;
};

}  // namespace lakehouse::search
