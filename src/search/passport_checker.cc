#include "search/passport_checker.h"

#include <chrono>

#include "base/log.h"

namespace lakehouse::search {

namespace {

constexpr int64_t kRecheckTimeoutMs = 60'000;
// After a model could not be asked in the background.
constexpr int64_t kNextRecheckMicros = 60'000'000;
// Cancellation is noticed this late while another search compares.
constexpr std::chrono::milliseconds kPollInterval{20};

}  // namespace

PassportChecker::PassportChecker(const Clock& clock)
    : clock_(clock), rechecker_([this] { RunRechecks(); }) {}

PassportChecker::~PassportChecker() {
  stop_.Cancel();
  {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  rechecker_.join();
}

Result<PassportCheck> PassportChecker::Compare(const IndexInfo& index, ai::EmbeddingModel& model,
                                               SpaceUse use, const CancelToken& cancel) const {
  const std::string what = StrCat("index ", index.name);
  PassportCheck check{.at = clock_.Now()};
  check.outcome = CheckSpace(what, index.space, model.space(), use, index.passport.has_value());
  if (!check.outcome.ok()) return check;
  check.outcome = model.CheckIdentity(cancel).Annotate(what);
  if (check.outcome.code() == StatusCode::kConflict) return check;
  TRY(check.outcome);
  if (!index.passport.has_value()) return check;
  return ComparePassport(what, index.space, *index.passport, model, clock_.Now(), cancel);
}

bool PassportChecker::IsAbout(const Entry& entry, const IndexInfo& index, const ModelPtr& model) {
  const std::optional<Timestamp> made_at =
      index.passport.has_value() ? std::optional(index.passport->made_at) : std::nullopt;
  return entry.check.has_value() && entry.index_created_at == index.created_at &&
         entry.passport_made_at == made_at && entry.model.lock() == model;
}

void PassportChecker::Store(Entry& entry, const IndexInfo& index, const ModelPtr& model,
                            PassportCheck check) {
  if (!check.outcome.ok()) {
    LogWarning("a model is not the one of an index any more",
               {{"index", index.name}, {"why", check.outcome.message()}});
  }
  entry.model = model;
  entry.index_created_at = index.created_at;
  entry.passport_made_at =
      index.passport.has_value() ? std::optional(index.passport->made_at) : std::nullopt;
  entry.check = std::move(check);
  entry.checked_micros = clock_.MonotonicMicros();
}

Status PassportChecker::CheckForSearch(const IndexPtr& index, const ModelPtr& model,
                                       const CancelToken& cancel) {
  EntryPtr entry;
  {
    MutexLock lock(mutex_);
    EntryPtr& known = entries_[index->name];
    if (known == nullptr) known = std::make_shared<Entry>();
    entry = known;
    while (true) {
      if (IsAbout(*entry, *index, model)) {
        const int64_t age = clock_.MonotonicMicros() - entry->checked_micros;
        if (!entry->check->outcome.ok()) {
          if (age < kRetryMicros) return entry->check->outcome;
        } else {
          const bool is_due = index->space.provider != "embedded" && age >= kRecheckMicros;
          if (is_due && !entry->recheck_queued) {
            entry->recheck_queued = true;
            rechecks_.emplace_back(index, model);
            changed_.NotifyAll();
          }
          return OkStatus();
        }
      }
      if (!entry->checking) break;
      TRY(cancel.Check());
      changed_.WaitFor(mutex_, kPollInterval);
    }
    entry->checking = true;
  }
  Result<PassportCheck> check = Compare(*index, *model, SpaceUse::kSearch, cancel);
  MutexLock lock(mutex_);
  entry->checking = false;
  changed_.NotifyAll();
  TRY(check.status());
  Store(*entry, *index, model, *std::move(check));
  return entry->check->outcome;
}

Status PassportChecker::CheckForBuild(const IndexPtr& index, const ModelPtr& model,
                                      const CancelToken& cancel) {
  ASSIGN_OR_RETURN(PassportCheck check, Compare(*index, *model, SpaceUse::kBuild, cancel));
  Status outcome = check.outcome;
  MutexLock lock(mutex_);
  EntryPtr& entry = entries_[index->name];
  if (entry == nullptr) entry = std::make_shared<Entry>();
  // What may not be continued may still be searched, so only agreement says something to searches.
  if (outcome.ok() && !entry->checking) Store(*entry, *index, model, std::move(check));
  return outcome;
}

std::optional<PassportCheck> PassportChecker::Last(const IndexName& name) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  return found == entries_.end() ? std::nullopt : found->second->check;
}

void PassportChecker::Forget(const IndexName& name) {
  MutexLock lock(mutex_);
  entries_.erase(name);
}

void PassportChecker::RunRechecks() {
  while (true) {
    std::pair<IndexPtr, ModelPtr> next;
    EntryPtr entry;
    {
      MutexLock lock(mutex_);
      while (rechecks_.empty() && !stop_.stopped()) changed_.Wait(mutex_);
      if (stop_.stopped()) return;
      next = std::move(rechecks_.front());
      rechecks_.pop_front();
      const auto found = entries_.find(next.first->name);
      if (found != entries_.end()) entry = found->second;
    }
    if (entry != nullptr) Recheck(next.first, next.second, entry);
  }
}

void PassportChecker::Recheck(const IndexPtr& index, const ModelPtr& model, const EntryPtr& entry) {
  Result<PassportCheck> check =
      Compare(*index, *model, SpaceUse::kSearch, stop_.Child(kRecheckTimeoutMs));
  MutexLock lock(mutex_);
  entry->recheck_queued = false;
  // A search may have met another model or another index of this name meanwhile.
  if (!IsAbout(*entry, *index, model)) return;
  if (check.ok()) {
    Store(*entry, *index, model, *std::move(check));
  } else {
    entry->checked_micros = clock_.MonotonicMicros() - kRecheckMicros + kNextRecheckMicros;
  }
}

}  // namespace lakehouse::search
