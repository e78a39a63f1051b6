// The steps that every backend passes or fails in the same way.
#include <algorithm>
#include <array>
#include <latch>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "storage/bucket_probe_steps.h"

namespace lakehouse::storage {
namespace {

constexpr int kWriters = 8;
constexpr int kRounds = 3;
constexpr std::string_view kBytes = "lakehouse probe";

std::string ObjectKey(const ProbeWritePlan& plan) { return plan.prefix + "object"; }
std::string MissingKey(const ProbeWritePlan& plan) { return plan.prefix + "missing"; }
std::string RaceKey(const ProbeWritePlan& plan, int round) {
  return StrCat(plan.prefix, "race-", round);
}

Finding TryPut(ObjectStore& store, const std::string& key, const ProbeWritePlan& plan) {
  const Result<ObjectInfo> written = store.Put(key, kBytes);
  return written.ok() ? Passed() : Failed(written.status(), plan.mend_put);
}

Finding TryGet(ObjectStore& store, const std::string& key, const ProbeWritePlan& plan) {
  const Result<std::string> bytes = store.Get(key);
  if (!bytes.ok()) {
    if (bytes.status().code() != StatusCode::kNotFound)
      return Failed(bytes.status(), plan.mend_get);
    return Failed(Internal("an object that was just written is not found: ", key),
                  "use a server whose reads see the latest write; a cache in between must go");
  }
  if (*bytes == kBytes) return Passed();
  return Failed(Internal("an object that was just written reads back with other bytes: ", key),
                "find what changes objects between here and the server");
}

Finding TryList(ObjectStore& store, const std::string& key, const ProbeWritePlan& plan) {
  const Result<std::vector<ObjectInfo>> listed = store.List(plan.prefix);
  if (!listed.ok()) return Failed(listed.status(), plan.mend_list);
  const bool found = std::any_of(listed->begin(), listed->end(), [&](const ObjectInfo& object) {
    return object.key == key && object.size_bytes == kBytes.size();
  });
  if (found) return Passed();
  return Failed(Internal("an object that was just written is not listed: ", key),
                "use a server whose listings see the latest write");
}

// Lets several writers create one key at the same time. Exactly one may win.
Finding Race(ObjectStore& store, const std::string& key, const ProbeWritePlan& plan) {
  std::array<Status, kWriters> outcomes;
  std::latch start(kWriters);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      start.arrive_and_wait();
      outcomes[writer] = store.Put(key, StrCat("writer ", writer), {.if_absent = true}).status();
    });
  }
  for (std::thread& writer : writers) writer.join();
  int winners = 0;
  for (const Status& outcome : outcomes) {
    if (outcome.ok()) {
      ++winners;
    } else if (outcome.code() != StatusCode::kConflict) {
      return Failed(outcome, "try again; a probe needs an answer to every write");
    }
  }
  if (winners == 1) return Passed();
  return Failed(InvalidArgument("of ", kWriters, " writers that created one key at once ", winners,
                                " were told that they did"),
                plan.mend_conditions);
}

// `taken` holds an object.
Finding TryCreate(ObjectStore& store, const std::string& taken, const ProbeWritePlan& plan) {
  const Status again = store.Put(taken, "again", {.if_absent = true}).status();
  if (again.ok()) {
    return Failed(
        InvalidArgument("the condition of a conditional PUT is ignored: an object that exists "
                        "was created once more"),
        plan.mend_conditions);
  }
  if (again.code() != StatusCode::kConflict) return Failed(again, plan.mend_conditions);
  for (int round = 0; round < kRounds; ++round) {
    Finding finding = Race(store, RaceKey(plan, round), plan);
    if (!finding.status.ok()) return finding;
  }
  return Passed();
}

// `key` holds an object.
Finding TryReplace(ObjectStore& store, const std::string& key, const ProbeWritePlan& plan) {
  const Result<ObjectInfo> now = store.Head(key);
  if (!now.ok()) return Failed(now.status(), plan.mend_get);
  const Result<ObjectInfo> replaced = store.Put(key, "second", {.if_version = now->version});
  if (!replaced.ok()) return Failed(replaced.status(), plan.mend_conditions);
  const Status stale = store.Put(key, "third", {.if_version = now->version}).status();
  if (stale.ok()) {
    return Failed(
        InvalidArgument("the condition of a conditional PUT is ignored: an object was replaced "
                        "although another version was named"),
        plan.mend_conditions);
  }
  if (stale.code() != StatusCode::kConflict) return Failed(stale, plan.mend_conditions);
  const Status missing =
      store.Put(MissingKey(plan), "fourth", {.if_version = now->version}).status();
  if (missing.ok()) {
    return Failed(
        InvalidArgument("the condition of a conditional PUT is ignored: an object that was not "
                        "there was replaced"),
        plan.mend_conditions);
  }
  const bool refused =
      missing.code() == StatusCode::kConflict || missing.code() == StatusCode::kNotFound;
  return refused ? Passed() : Failed(missing, plan.mend_conditions);
}

}  // namespace

bool ProbeWrites(ObjectStore& store, const ProbeWritePlan& plan, ProbeSteps& steps) {
  const std::string key = ObjectKey(plan);
  if (!steps.Try("put", [&] { return TryPut(store, key, plan); })) {
    // A write whose answer was lost may have happened.
    (void)store.Delete(key);
    return false;
  }
  if (!steps.Try("get", [&] { return TryGet(store, key, plan); })) return true;
  if (plan.can_list) steps.Try("list_after_write", [&] { return TryList(store, key, plan); });
  steps.Try("conditional_put", [&] { return TryCreate(store, key, plan); });
  steps.Try("conditional_replace", [&] { return TryReplace(store, key, plan); });
  return true;
}

void ProbeDelete(ObjectStore& store, const ProbeWritePlan& plan,
                 const std::vector<std::string>& more_keys, ProbeSteps& steps) {
  std::vector<std::string> keys = {ObjectKey(plan), MissingKey(plan)};
  for (int round = 0; round < kRounds; ++round) keys.push_back(RaceKey(plan, round));
  keys.insert(keys.end(), more_keys.begin(), more_keys.end());
  // Not through Try: what was written goes even when the time is over.
  const int64_t begin = Clock::System().MonotonicMicros();
  Status removed;
  for (const std::string& key : keys) {
    removed = store.Delete(key);
    if (!removed.ok()) break;
  }
  if (removed.ok() && plan.can_list) {
    const Result<std::vector<ObjectInfo>> left = store.List(plan.prefix);
    removed = left.status();
    if (left.ok() && !left->empty()) {
      removed = Internal("objects that were just deleted are still listed");
    }
  }
  Finding finding = Passed();
  if (!removed.ok()) {
    finding = Failed(removed.Annotate(StrCat("objects of the probe stay below ", plan.prefix)),
                     plan.mend_delete);
  }
  steps.Add("delete", std::move(finding), Clock::System().MonotonicMicros() - begin);
}

}  // namespace lakehouse::storage
