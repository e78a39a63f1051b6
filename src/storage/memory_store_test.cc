#include "storage/object_store_conformance.h"

namespace lakehouse::storage {

namespace {

std::unique_ptr<ObjectStore> MakeMemoryStore(const std::string& /*directory*/) {
  return NewMemoryStore();
}

INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreConformance, ::testing::Values(&MakeMemoryStore));

TEST(MemoryStoreTest, TakesTimesFromItsClock) {
  ManualClock clock({1'000});
  const auto store = NewMemoryStore(clock);
  EXPECT_EQ(store->Put("k", "x")->modified.micros, 1'000);
  clock.AdvanceMicros(5);
  EXPECT_EQ(store->Put("k", "x")->modified.micros, 1'005);
}

}  // namespace

}  // namespace lakehouse::storage
