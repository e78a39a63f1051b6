// The tests that every implementation of ObjectStore must pass. A store joins by instantiating the
// suite in its own test file:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreConformance, ::testing::Values(&MakeMemoryStore));
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

class ObjectStoreConformance : public ::testing::TestWithParam<StoreFactory> {
 protected:
  ObjectStoreConformance() : store_(GetParam()(directory_.Join("bucket"))) {}

  // Stores and expects success.
  ObjectInfo Put(const std::string& key, const std::string& bytes);
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
