// The tests that every implementation of ObjectStore must pass. A store joins by instantiating the
// suite in its own test file:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreConformance, ::testing::Values(&MakeMemoryStore));
//
// or, where a store may do less than that, with a StoreUnderTest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/object_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

// Makes an empty store that may keep its files in `directory`.
using StoreFactory = std::unique_ptr<ObjectStore> (*)(const std::string& directory);

// What a store does about odd keys.
enum class OddKeySupport {
  kAll,
  // It may refuse a key that a file system cannot hold, a key below another one among them. That
  // changes nothing.
  kFiles,
  // As kFiles, but it takes a key below another one and then leaves it out of listings, and ends
  // listings early that start after such a key. The suite does without such keys.
  kFilesHidden,
};

// A store and what may be demanded of it.
struct StoreUnderTest {
  StoreUnderTest(StoreFactory factory) : make(factory) {}  // NOLINT(google-explicit-constructor)
  StoreUnderTest(StoreFactory factory, OddKeySupport support, bool answers)
      : make(factory), odd_keys(support), always_answers(answers) {}

  StoreFactory make;
  OddKeySupport odd_keys = OddKeySupport::kAll;
  // False: answers get lost on the way, so that a conditional write may end as
  // kCommitStateUnknown.
  bool always_answers = true;
};

class ObjectStoreConformance : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  ObjectStoreConformance() : store_(GetParam().make(directory_.Join("bucket"))) {}

  // Stores and expects success.
  ObjectInfo Put(const std::string& key, const std::string& bytes);
  // Expects that the condition of a write failed.
  void ExpectConflict(const Status& status);
  // Stores under a key that this store may refuse. False when it was refused, as it should be.
  bool PutIfHeld(const std::string& key, const std::string& bytes);
  // True when an object is stored above `key`, as "a" is above "a/b".
  bool HasAncestor(const std::string& key);
  // Stores what the store holds of `keys` under them, and returns those keys.
  std::vector<std::string> PutHeld(const std::vector<std::string>& keys);
  // Reads the whole object and expects success.
  std::string Get(const std::string& key);
  // The keys of a listing that must succeed.
  std::vector<std::string> Keys(const std::string& prefix, const std::string& start_after = "",
                                size_t limit = SIZE_MAX);
  std::string WriteLocalFile(const std::string& name, const std::string& bytes);

  testing::TempDir directory_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace lakehouse::storage
