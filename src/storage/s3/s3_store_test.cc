#include "storage/s3/s3_store.h"

#include <memory>
#include <string>

#include "storage/object_store_conformance.h"
#include "storage/s3/s3_test_server.h"

namespace lakehouse::storage {
namespace {

using testing::FaultProxy;
using testing::FaultRule;
using testing::NewBucket;
using testing::OpenStore;
using testing::OptionsFor;
using testing::S3Server;
using testing::SharedServer;

std::unique_ptr<ObjectStore> MakeMinioStore(const std::string& /*directory*/) {
  S3Server& server = SharedServer("minio");
  return OpenStore(OptionsFor(server, NewBucket(server)));
}

std::unique_ptr<ObjectStore> MakeVersitygwStore(const std::string& /*directory*/) {
  S3Server& server = SharedServer("versitygw");
  return OpenStore(OptionsFor(server, NewBucket(server)));
}

// Answers every request right in the end, but every few of them not at once: the faults take turns.
std::unique_ptr<ObjectStore> MakeFaultedStore(const std::string& /*directory*/) {
  static FaultProxy* proxy = [] {
    static auto started = FaultProxy::Start(SharedServer("minio").endpoint());
    EXPECT_TRUE(started.ok()) << started.status().ToString();
    CHECK(started.ok());
    const std::vector<std::string> faults = {
        "internal_error",       "reset_after",  "slow_down",   "truncated",
        "internal_error_after", "reset_before", "length_short"};
    int64_t skip = 5;
    for (const std::string& fault : faults) {
      const FaultRule rule = {.fault = fault, .skip = skip, .every = 41, .times = 0};
      EXPECT_TRUE((*started)->Add(rule).ok());
      skip += 6;
    }
    return started->get();
  }();
  S3Server& server = SharedServer("minio");
  S3StoreOptions options = OptionsFor(server, NewBucket(server));
  options.location.endpoint = proxy->endpoint();
  return OpenStore(std::move(options));
}

INSTANTIATE_TEST_SUITE_P(FaultedMinio, ObjectStoreConformance,
                         ::testing::Values(StoreUnderTest(&MakeFaultedStore,
                                                          OddKeySupport::kFilesHidden, false)));
INSTANTIATE_TEST_SUITE_P(Minio, ObjectStoreConformance,
                         ::testing::Values(StoreUnderTest(&MakeMinioStore,
                                                          OddKeySupport::kFilesHidden, true)));
INSTANTIATE_TEST_SUITE_P(Versitygw, ObjectStoreConformance,
                         ::testing::Values(StoreUnderTest(&MakeVersitygwStore,
                                                          OddKeySupport::kFiles, true)));

}  // namespace
}  // namespace lakehouse::storage
