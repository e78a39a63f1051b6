#include "storage/s3/s3_reader.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/rng.h"
#include "storage/s3/s3_checksum.h"
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

std::string RandomBytes(size_t size, uint64_t seed) {
  Rng rng(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.Next());
  return bytes;
}

class S3ReaderTest : public ::testing::Test {
 protected:
  static FaultProxy& Proxy() {
    static std::unique_ptr<FaultProxy> proxy;
    if (proxy == nullptr) {
      auto started = FaultProxy::Start(SharedServer("minio").endpoint());
      EXPECT_TRUE(started.ok()) << started.status().ToString();
      CHECK(started.ok());
      proxy = *std::move(started);
    }
    return *proxy;
  }

  void SetUp() override {
    ASSERT_TRUE(Proxy().Clear().ok());
    S3Server& server = SharedServer("minio");
    S3StoreOptions options = OptionsFor(server, NewBucket(server));
    options.part_bytes = kPartBytes;
    options.http.answer_timeout_ms = 300;
    options.http.stall_timeout_ms = 400;
    direct_ = OpenStore(options);
    options.location.endpoint = Proxy().endpoint();
    store_ = OpenStore(std::move(options));
  }
  void TearDown() override { EXPECT_TRUE(Proxy().Clear().ok()); }

  ObjectInfo Put(const std::string& key, const std::string& bytes) {
    const auto put = direct_->Put(key, bytes);
    EXPECT_TRUE(put.ok()) << put.status().ToString();
    return put.value_or({});
  }
  void Fault(const FaultRule& rule) {
    const Status added = Proxy().Add(rule);
    ASSERT_TRUE(added.ok()) << added.ToString();
  }
  std::vector<lakehouse::testing::ProxiedRequest> Log() {
    auto log = Proxy().Log();
    EXPECT_TRUE(log.ok()) << log.status().ToString();
    return log.value_or({});
  }

  static constexpr size_t kPartBytes = 5 << 20;
  std::unique_ptr<S3Store> direct_;
  std::unique_ptr<S3Store> store_;
};

TEST_F(S3ReaderTest, ReadsThroughEveryFault) {
  const std::string bytes = RandomBytes(100'000, 1);
  const ObjectInfo info = Put("k", bytes);
  for (const std::string fault : {"internal_error", "slow_down", "reset_before", "reset_after",
                                  "hang", "truncated", "length_short", "length_long", "slow"}) {
    ASSERT_TRUE(Proxy().Clear().ok());
    Fault({.fault = fault, .operation = "GetObject"});
    EXPECT_TRUE(store_->Get("k").value_or("") == bytes) << fault;
    Fault({.fault = fault, .operation = "GetObject"});
    EXPECT_TRUE(store_->Get("k", {100, 50'000}).value_or("") == bytes.substr(100, 50'000)) << fault;
    Fault({.fault = fault, .operation = "GetObject"});
    std::string buffer(bytes.size(), '\0');
    const auto count = store_->ReadAt(info, 7, buffer.data(), buffer.size());
    ASSERT_TRUE(count.ok()) << fault << ": " << count.status().ToString();
    EXPECT_EQ(*count, bytes.size() - 7);
    EXPECT_TRUE(buffer.substr(0, *count) == bytes.substr(7)) << fault;
    Fault({.fault = fault, .operation = "HeadObject"});
    if (fault != "slow" && fault != "length_short" && fault != "length_long") {
      EXPECT_EQ(store_->Head("k")->version, info.version) << fault;
    }
    Fault({.fault = fault, .operation = "ListObjectsV2"});
    const auto listed = store_->List("");
    ASSERT_TRUE(listed.ok()) << fault << ": " << listed.status().ToString();
    EXPECT_EQ(listed->size(), 1u) << fault;
  }
}

TEST_F(S3ReaderTest, GoesOnWhereAReadBroke) {
  const std::string bytes = RandomBytes(1'000'000, 2);
  const ObjectInfo info = Put("k", bytes);
  Fault({.fault = "truncated", .operation = "GetObject", .times = 2});
  std::string buffer(bytes.size(), '\0');
  ASSERT_TRUE(store_->ReadAt(info, 0, buffer.data(), buffer.size()).ok());
  EXPECT_TRUE(buffer == bytes);
  std::vector<std::string> ranges;
  for (const auto& request : Log()) {
    for (const auto& [name, value] : request.headers) {
      if (name == "range") ranges.push_back(value);
    }
  }
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[0], "bytes=0-999999");
  EXPECT_EQ(ranges[1], "bytes=500000-999999");
  EXPECT_EQ(ranges[2], "bytes=750000-999999");
}

TEST_F(S3ReaderTest, SeesThatAWholeObjectCameDamaged) {
  const std::string bytes = RandomBytes(10'000, 3);
  Put("k", bytes);
  Fault({.fault = "flipped_body", .operation = "GetObject"});
  EXPECT_TRUE(store_->Get("k").value_or("") == bytes);
  EXPECT_EQ(Log().size(), 2u);
  Fault({.fault = "flipped_checksum", .operation = "GetObject", .times = 0});
  EXPECT_EQ(store_->Get("k").status().code(), StatusCode::kUnavailable);
}

TEST_F(S3ReaderTest, ReadsLargeObjectsInParallel) {
  const std::string bytes = RandomBytes(2 * kPartBytes + 12'345, 4);
  const ObjectInfo info = Put("large", bytes);
  EXPECT_TRUE(direct_->Get("large").value_or("") == bytes);
  for (const ByteRange range : {ByteRange{1, bytes.size() - 2}, ByteRange{kPartBytes, UINT64_MAX},
                                ByteRange{0, kPartBytes + 1}}) {
    EXPECT_TRUE(direct_->Get("large", range).value_or("") ==
                bytes.substr(range.offset, range.length));
  }
  std::string buffer(bytes.size() + 1, '#');
  EXPECT_EQ(direct_->ReadAt(info, 0, buffer.data(), buffer.size()).value_or(0), bytes.size());
  EXPECT_TRUE(buffer == bytes + "#");
}

TEST_F(S3ReaderTest, NeverMixesTwoVersions) {
  const std::string first(2 * kPartBytes, 'a');
  const std::string second(2 * kPartBytes, 'b');
  const ObjectInfo info = Put("k", first);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 8; ++i) Put("k", i % 2 == 0 ? second : first);
    done = true;
  });
  int reads = 0;
  while (!done || reads == 0) {
    const auto bytes = direct_->Get("k");
    ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
    EXPECT_TRUE(*bytes == first || *bytes == second);
    ++reads;
  }
  writer.join();
  Put("k", second);
  char byte = 0;
  EXPECT_EQ(direct_->ReadAt(info, 0, &byte, 1).status().code(), StatusCode::kConflict);
  EXPECT_EQ(direct_->ReadAt(info, info.size_bytes, &byte, 1).status().code(),
            StatusCode::kConflict);
}

TEST(S3ChecksumTest, ReadsOnlyChecksumsOfWholeObjects) {
  EXPECT_EQ(Crc32cBase64(Crc32c("123456789")), "4waSgw==");
  net::Headers headers;
  EXPECT_EQ(WholeObjectCrc32c(headers), std::nullopt);
  headers.Set("x-amz-checksum-crc32c", "4waSgw==");
  EXPECT_EQ(WholeObjectCrc32c(headers), "4waSgw==");
  headers.Set("x-amz-checksum-type", "COMPOSITE");
  EXPECT_EQ(WholeObjectCrc32c(headers), std::nullopt);
  headers.Set("x-amz-checksum-type", "FULL_OBJECT");
  headers.Set("x-amz-checksum-crc32c", "4waSgw==-2");
  EXPECT_EQ(WholeObjectCrc32c(headers), std::nullopt);
}

}  // namespace
}  // namespace lakehouse::storage
