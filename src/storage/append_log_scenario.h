// What the tests of the append log share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "storage/append_log.h"
#include "storage/append_log_format.h"
#include "storage/faulty_store.h"

namespace lakehouse::storage {

// Nothing happens but what the test asks for.
inline AppendLogOptions QuietOptions() {
  return {.flush_bytes = SIZE_MAX, .flush_interval_ms = 0, .merge_after_segments = 0};
}

inline std::unique_ptr<AppendLog> OpenLog(ObjectStore& store,
                                          const AppendLogOptions& options = QuietOptions()) {
  auto log = AppendLog::Open(store, "trials", options);
  EXPECT_TRUE(log.ok()) << log.status().ToString();
  return log.ok() ? *std::move(log) : nullptr;
}

using Records = std::map<uint64_t, std::string>;

// Reads into `records` until the end or an error. The numbers must ascend.
inline Status ReadInto(const AppendLog& log, uint64_t first, Records& records) {
  uint64_t previous = 0;
  return log.Read(first, [&](uint64_t number, std::string_view record) {
    EXPECT_GT(number, previous);
    previous = number;
    records[number] = std::string(record);
    return OkStatus();
  });
}

inline Records ReadAll(const AppendLog& log, uint64_t first = 1) {
  Records records;
  const Status status = ReadInto(log, first, records);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return records;
}

// Appends "record <number>" durably, `count` times: one segment each.
inline void AppendSegments(AppendLog& log, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string record = StrCat("record ", log.stats().last_number + 1);
    const auto number = log.AppendDurable(record);
    ASSERT_TRUE(number.ok()) << number.status().ToString();
    ASSERT_EQ(StrCat("record ", *number), record);
  }
}

// The records that AppendSegments wrote, from number `first` to `last`.
inline Records ExpectedRecords(uint64_t first, uint64_t last) {
  Records records;
  for (uint64_t number = first; number <= last; ++number) {
    records[number] = StrCat("record ", number);
  }
  return records;
}

// The objects of the log, by key.
inline std::map<std::string, std::string> Objects(const ObjectStore& store) {
  std::map<std::string, std::string> objects;
  const auto infos = store.List("_journal/trials/");
  EXPECT_TRUE(infos.ok());
  if (!infos.ok()) return objects;
  for (const ObjectInfo& info : *infos) objects[info.key] = *store.Get(info.key);
  return objects;
}

// A store of objects that were there.
inline std::unique_ptr<FaultyStore> StoreOf(const std::map<std::string, std::string>& objects) {
  auto store = std::make_unique<FaultyStore>(NewMemoryStore());
  for (const auto& [key, bytes] : objects) EXPECT_TRUE(store->Put(key, bytes).ok());
  return store;
}

// Calls back before it does what it is asked.
class HookedStore : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  std::function<void()> before_put = [] {};
  std::function<void()> before_list = [] {};

  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition = {}) override {
    before_put();
    return FaultyStore::Put(key, bytes, condition);
  }
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after = {},
                                       size_t limit = SIZE_MAX) const override {
    before_list();
    return FaultyStore::List(prefix, start_after, limit);
  }
};

}  // namespace lakehouse::storage
