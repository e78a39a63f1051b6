#include "storage/s3/s3_store.h"

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "storage/object_store_conformance.h"
#include "storage/s3/s3_client.h"
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

class S3StoreTest : public ::testing::TestWithParam<const char*> {
 protected:
  S3Server& server() { return SharedServer(GetParam()); }
};

TEST_P(S3StoreTest, KeepsToItsPrefix) {
  S3StoreOptions options = OptionsFor(server(), NewBucket(server()));
  const auto whole = OpenStore(options);
  options.location.prefix = "a/lake/";
  const auto store = OpenStore(options);
  ASSERT_TRUE(whole->Put("a/other", "x").ok());
  ASSERT_TRUE(whole->Put("a/lake2", "x").ok());
  ASSERT_TRUE(store->Put("k", "in the prefix").ok());
  EXPECT_EQ(whole->Get("a/lake/k").value_or(""), "in the prefix");
  const auto listed = store->List("");
  ASSERT_TRUE(listed.ok()) << listed.status().ToString();
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().key, "k");
  EXPECT_EQ(store->Put(std::string(1'018, 'k'), "").status().code(), StatusCode::kInvalidArgument);
}

TEST_P(S3StoreTest, WritesInPartsAndRemovesWhatFails) {
  S3StoreOptions options = OptionsFor(server(), NewBucket(server()));
  options.part_bytes = 5 << 20;
  const auto store = OpenStore(options);
  std::string bytes(11 << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 / 1000);
  const lakehouse::testing::TempDir directory;
  const std::string path = directory.Join("file");
  std::ofstream(path, std::ios::binary) << bytes;

  const auto put = store->PutFile("k", path, {.if_absent = true});
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_NE(put->version.find("-3"), std::string::npos) << "it was sent in 3 parts";
  EXPECT_TRUE(store->Get("k").value_or("") == bytes);

  EXPECT_EQ(store->PutFile("k", path, {.if_absent = true}).status().code(), StatusCode::kConflict);
  EXPECT_EQ(store->Put("k", bytes, {.if_version = "0"}).status().code(), StatusCode::kConflict);
  ASSERT_TRUE(store->Put("k", bytes + "more", {.if_version = put->version}).ok());
  EXPECT_EQ(store->PutFile("k", path, {.if_version = put->version}).status().code(),
            StatusCode::kConflict);
  // Every upload that lost was removed.
  EXPECT_EQ(store->AbortStaleUploads({INT64_MAX}).value_or(99), 0u);
}

TEST_P(S3StoreTest, OneOfManyUploadsWins) {
  S3StoreOptions options = OptionsFor(server(), NewBucket(server()));
  options.part_bytes = 5 << 20;
  const auto store = OpenStore(options);
  std::atomic<int> winners{0};
  std::atomic<int> winner{-1};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::string bytes(5 << 20, static_cast<char>('a' + i));
      const auto put = store->Put("k", bytes, {.if_absent = true});
      if (put.ok()) {
        ++winners;
        winner = i;
      } else {
        EXPECT_EQ(put.status().code(), StatusCode::kConflict) << put.status().ToString();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(winners, 1);
  EXPECT_EQ(store->Get("k").value_or("").front(), 'a' + winner);
}

TEST_P(S3StoreTest, RemovesWhatAKilledProcessLeft) {
  if (std::string(GetParam()) == "minio") {
    GTEST_SKIP() << "it lists the uploads of one key only, and removes old ones itself";
  }
  S3StoreOptions options = OptionsFor(server(), NewBucket(server()));
  options.location.prefix = "lake/";
  const auto store = OpenStore(options);
  S3Client client(options);
  S3Request begin;
  begin.operation = S3Operation::kCreateUpload;
  begin.method = net::Method::kPost;
  begin.key = "lake/half done";
  begin.query = {{"uploads", ""}};
  const S3Outcome begun = client.Send(begin);
  ASSERT_TRUE(begun.ok()) << begun.status.ToString();
  EXPECT_EQ(store->AbortStaleUploads({0}).value_or(99), 0u) << "it is not so old";
  EXPECT_EQ(store->AbortStaleUploads({INT64_MAX}).value_or(99), 1u);
  EXPECT_EQ(store->AbortStaleUploads({INT64_MAX}).value_or(99), 0u);
}

TEST_P(S3StoreTest, SaysWhatIsWrong) {
  const std::string bucket = NewBucket(server());
  const auto refusal = [&](const S3StoreOptions& options) {
    const auto store = OpenStore(options);
    const Status listed = store->List("").status();
    EXPECT_EQ(store->Head("k").status().code(), listed.code()) << listed.ToString();
    EXPECT_EQ(store->Get("k").status().code(), listed.code());
    EXPECT_EQ(store->Put("k", "x").status().code(), listed.code());
    return listed;
  };
  S3StoreOptions options = OptionsFor(server(), "no-such-bucket");
  EXPECT_EQ(refusal(options).code(), StatusCode::kUnavailable);
  EXPECT_NE(refusal(options).message().find("bucket does not exist"), std::string::npos);

  if (std::string(GetParam()) != "minio") {  // It takes every region unless it is told its own.
    options = OptionsFor(server(), bucket);
    options.location.region = "eu-wrong-9";
    EXPECT_EQ(refusal(options).code(), StatusCode::kUnavailable);
    EXPECT_NE(refusal(options).message().find("region"), std::string::npos);
  }

  options = OptionsFor(server(), bucket);
  const auto sign_with = [&](const std::string& id, const std::string& secret) {
    options.credentials = std::make_shared<testing::FixedCredentials>(S3Credentials{
        .access_key_id = id, .secret_access_key = Secret(secret), .session_token = {}});
  };
  sign_with(server().access_key_id(), "wrong");
  EXPECT_EQ(refusal(options).code(), StatusCode::kPermissionDenied);
  EXPECT_NE(refusal(options).message().find("secret_access_key"), std::string::npos);
  sign_with("nobody", server().secret_access_key());
  EXPECT_EQ(refusal(options).code(), StatusCode::kPermissionDenied);
  EXPECT_NE(refusal(options).message().find("access_key_id"), std::string::npos);
  sign_with("", "");
  EXPECT_EQ(refusal(options).code(), StatusCode::kPermissionDenied);

  options = OptionsFor(server(), bucket);
  class SkewedClock : public Clock {
   public:
    Timestamp Now() const override {
      return {Clock::System().Now().micros - int64_t{3'600'000'000}};
    }
    int64_t MonotonicMicros() const override { return Clock::System().MonotonicMicros(); }
  };
  const SkewedClock skewed;
  options.clock = &skewed;
  EXPECT_EQ(refusal(options).code(), StatusCode::kPermissionDenied);
  EXPECT_NE(refusal(options).message().find("clocks differ"), std::string::npos);
}

TEST_P(S3StoreTest, ReachesBucketsByHostName) {
  S3StoreOptions options = OptionsFor(server(), NewBucket(server()));
  options.location.endpoint.replace(options.location.endpoint.find("127.0.0.1"), 9, "localhost");
  options.location.path_style = false;
  const auto store = OpenStore(options);
  ASSERT_TRUE(store->Put("a b/+%", "by host").ok());
  EXPECT_EQ(store->Get("a b/+%").value_or(""), "by host");
  EXPECT_EQ(store->List("")->front().key, "a b/+%");
}

TEST_P(S3StoreTest, EncryptsAndChecksTheServer) {
  auto started = S3Server::Start(GetParam(), {.tls = true});
  ASSERT_TRUE(started.ok()) << started.status().ToString();
  S3Server& secure = **started;
  ASSERT_TRUE(secure.MakeBucket("lake").ok());
  S3StoreOptions options = OptionsFor(secure, "lake");
  options.part_bytes = 5 << 20;
  EXPECT_EQ(OpenStore(options)->Put("k", "x").status().code(), StatusCode::kPermissionDenied);
  options.http.ca_file = secure.ca_file();
  const auto store = OpenStore(options);
  // Bodies go unsigned here, with their CRC-32C.
  const auto put = store->Put("k", "encrypted", {.if_absent = true});
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_EQ(store->Get("k").value_or(""), "encrypted");
  const std::string large(6 << 20, 'x');
  ASSERT_TRUE(store->Put("large", large).ok());
  EXPECT_TRUE(store->Get("large").value_or("") == large);
  EXPECT_TRUE(store->DeleteMany({"k", "large"}).ok());
}

INSTANTIATE_TEST_SUITE_P(Minio, S3StoreTest, ::testing::Values("minio"));
INSTANTIATE_TEST_SUITE_P(Versitygw, S3StoreTest, ::testing::Values("versitygw"));

TEST(S3StoreOptionsTest, RefusesWhatS3DoesNotTake) {
  S3StoreOptions options;
  options.credentials = std::make_shared<testing::FixedCredentials>(S3Credentials());
  options.part_bytes = (5 << 20) - 1;
  EXPECT_EQ(S3Store::Open(options).status().code(), StatusCode::kInvalidArgument);
  options.part_bytes = 5 << 20;
  options.parallel_requests = 0;
  EXPECT_EQ(S3Store::Open(options).status().code(), StatusCode::kInvalidArgument);
}

TEST(S3StoreOptionsTest, TakesNoVersionThatMatchesEverything) {
  S3Server& server = SharedServer("minio");
  const auto store = OpenStore(OptionsFor(server, NewBucket(server)));
  ASSERT_TRUE(store->Put("k", "x").ok());
  for (const std::string version : {"", "*", "\"", "a,b", "a b", "\n"}) {
    EXPECT_EQ(store->Put("k", "y", {.if_version = version}).status().code(), StatusCode::kConflict)
        << version;
  }
  EXPECT_EQ(store->Get("k").value_or(""), "x");
}

}  // namespace
}  // namespace lakehouse::storage
