#include "storage/s3/s3_reader.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "net/test_server.h"
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

// A server whose first answer is broken in a way that HTTP does not notice.
class S3BrokenAnswerTest : public ::testing::Test {
 protected:
  static constexpr const char* kBytes = "0123456789";

  S3BrokenAnswerTest() {
    server_ = net::testing::StartServer([this](net::Request& request) {
      MutexLock lock(mutex_);
      const std::string_view range = request.headers.Get("range").value_or("");
      conditions_.emplace_back(request.headers.Get("if-match").value_or(""));
      net::Response response;
      response.headers.Set("ETag", "\"v\"");
      response.body = kBytes;
      if (range.starts_with("bytes=")) {
        const size_t first = static_cast<size_t>(range[6] - '0');
        const size_t last = static_cast<size_t>(range[8] - '0');
        response.status = 206;
        response.body = response.body.substr(first, last - first + 1);
        response.headers.Set("Content-Range", StrCat("bytes ", first, "-", last, "/10"));
      }
      if (break_answer_) break_answer_(response);
      break_answer_ = nullptr;
      return response;
    });
    S3StoreOptions options;
    options.location = {.endpoint = StrCat("http://127.0.0.1:", server_->port()),
                        .region = "us-east-1",
                        .bucket = "lake",
                        .prefix = "",
                        .path_style = true};
    options.credentials = std::make_shared<testing::FixedCredentials>(S3Credentials());
    options.retry.first_wait_ms = 1;
    store_ = OpenStore(std::move(options));
  }

  using Break = std::function<void(net::Response& response)>;
  // Reads in both ways; each time the first answer is broken.
  void ExpectMended(const std::string& what, const Break& breaking) {
    SetBreak(breaking);
    EXPECT_EQ(store_->Get("k", {2, 4}).value_or(""), "2345") << what;
    EXPECT_EQ(TakeConditions(), (std::vector<std::string>{"", ""})) << what;
    SetBreak(breaking);
    char buffer[5] = "####";
    EXPECT_EQ(store_->ReadAt({"k", 10, "v", {}}, 2, buffer, 4).value_or(0), 4u) << what;
    EXPECT_EQ(std::string(buffer), "2345") << what;
    EXPECT_EQ(TakeConditions(), (std::vector<std::string>{"\"v\"", "\"v\""})) << what;
  }
  void SetBreak(const Break& breaking) {
    MutexLock lock(mutex_);
    break_answer_ = breaking;
  }
  std::vector<std::string> TakeConditions() {
    MutexLock lock(mutex_);
    return std::exchange(conditions_, {});
  }

  Mutex mutex_;
  Break break_answer_ GUARDED_BY(mutex_);
  std::vector<std::string> conditions_ GUARDED_BY(mutex_);
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<S3Store> store_;
};

TEST_F(S3BrokenAnswerTest, AsksAgain) {
  const auto range = [](const char* text) {
    return [text](net::Response& response) { response.headers.Set("Content-Range", text); };
  };
  ExpectMended("another range", range("bytes 3-6/10"));
  ExpectMended("a shorter range", range("bytes 2-4/10"));
  ExpectMended("no range", range("none"));
  ExpectMended("a range of another size", range("bytes 2-5/5"));
  ExpectMended("a range that counts too far", range("bytes 2-99999999999999999999/10"));
  ExpectMended("the whole object", [](net::Response& response) { response.status = 200; });
  ExpectMended("fewer bytes", [](net::Response& response) { response.body.pop_back(); });
  ExpectMended("more bytes", [](net::Response& response) { response.body += "x"; });
  const Break wrong_checksum = [](net::Response& response) {
    response.headers.Set("x-amz-checksum-crc32c", "AAAAAA==");
  };
  SetBreak(wrong_checksum);
  EXPECT_EQ(store_->Get("k").value_or(""), kBytes);
  EXPECT_EQ(TakeConditions().size(), 2u);
}

TEST_F(S3BrokenAnswerTest, NoticesAnotherVersionThoughTheServerDoesNot) {
  SetBreak([](net::Response& response) { response.headers.Set("ETag", "\"w\""); });
  char buffer[4];
  EXPECT_EQ(store_->ReadAt({"k", 10, "v", {}}, 2, buffer, 4).status().code(),
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
