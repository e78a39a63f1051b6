// What becomes of writes whose answers get lost: every fault at every write, against a real server.
#include "storage/s3/s3_commit.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/test_server.h"
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

// A store behind a proxy that follows the test's rules, and one that reaches the server directly.
class S3CommitTest : public ::testing::TestWithParam<const char*> {
 protected:
  static FaultProxy& Proxy() {
    static std::map<std::string, std::unique_ptr<FaultProxy>> proxies;
    auto& proxy = proxies[GetParam()];
    if (proxy == nullptr) {
      auto started = FaultProxy::Start(SharedServer(GetParam()).endpoint());
      EXPECT_TRUE(started.ok()) << started.status().ToString();
      CHECK(started.ok());
      proxy = *std::move(started);
    }
    return *proxy;
  }

  void SetUp() override {
    ASSERT_TRUE(Proxy().Clear().ok());
    S3Server& server = SharedServer(GetParam());
    S3StoreOptions options = OptionsFor(server, NewBucket(server));
    options.http.answer_timeout_ms = 300;
    options.http.stall_timeout_ms = 400;
    options.part_bytes = kPartBytes;
    direct_ = OpenStore(options);
    options.location.endpoint = Proxy().endpoint();
    store_ = OpenStore(std::move(options));
  }
  void TearDown() override { EXPECT_TRUE(Proxy().Clear().ok()); }

  void Fault(const FaultRule& rule) {
    const Status added = Proxy().Add(rule);
    ASSERT_TRUE(added.ok()) << added.ToString();
  }
  int Hits() {
    int hits = 0;
    const auto log = Proxy().Log();
    EXPECT_TRUE(log.ok()) << log.status().ToString();
    if (!log.ok()) return 0;
    for (const auto& request : *log) hits += request.fault.empty() ? 0 : 1;
    return hits;
  }
  // How often the proxy was asked for `operation`.
  int Asked(const std::string& operation) {
    int count = 0;
    const auto log = Proxy().Log();
    EXPECT_TRUE(log.ok()) << log.status().ToString();
    if (!log.ok()) return 0;
    for (const auto& request : *log) count += request.operation == operation ? 1 : 0;
    return count;
  }
  std::string Bytes(const std::string& key) {
    const auto bytes = direct_->Get(key);
    return bytes.ok() ? *bytes : bytes.status().ToString();
  }

  static constexpr size_t kPartBytes = 5 << 20;
  std::unique_ptr<S3Store> direct_;
  std::unique_ptr<S3Store> store_;
};

// Faults that end well when they happen once.
const std::vector<std::string>& PassingFaults() {
  static const std::vector<std::string> faults = {
      "internal_error", "internal_error_after", "slow_down",     "conditional_conflict",
      "reset_before",   "reset_after",          "hang",          "hang_after",
      "truncated",      "length_long",          "flipped_upload"};
  return faults;
}

TEST_P(S3CommitTest, FinishesCreationsThroughEveryFault) {
  for (const std::string& fault : PassingFaults()) {
    ASSERT_TRUE(Proxy().Clear().ok());
    Fault({.fault = fault, .operation = "PutObject"});
    const auto put = store_->Put(fault, "ours", {.if_absent = true});
    ASSERT_TRUE(put.ok()) << fault << ": " << put.status().ToString();
    EXPECT_EQ(Hits(), 1) << fault;
    EXPECT_EQ(Bytes(fault), "ours");
    EXPECT_EQ(put->version, direct_->Head(fault)->version);
    EXPECT_EQ(put->size_bytes, 4u);
  }
}

TEST_P(S3CommitTest, FinishesReplacementsThroughEveryFault) {
  for (const std::string& fault : PassingFaults()) {
    const auto old = direct_->Put(fault, "old");
    ASSERT_TRUE(old.ok()) << old.status().ToString();
    ASSERT_TRUE(Proxy().Clear().ok());
    Fault({.fault = fault, .operation = "PutObject"});
    const auto put = store_->Put(fault, "ours", {.if_version = old->version});
    ASSERT_TRUE(put.ok()) << fault << ": " << put.status().ToString();
    EXPECT_EQ(Hits(), 1) << fault;
    EXPECT_EQ(Bytes(fault), "ours");
  }
}

TEST_P(S3CommitTest, FinishesPlainWritesAndDeletionsThroughEveryFault) {
  for (const std::string& fault : PassingFaults()) {
    ASSERT_TRUE(Proxy().Clear().ok());
    Fault({.fault = fault, .operation = "PutObject"});
    const auto put = store_->Put(fault, "ours");
    ASSERT_TRUE(put.ok()) << fault << ": " << put.status().ToString();
    EXPECT_EQ(Bytes(fault), "ours");
    if (fault == "flipped_upload") continue;  // There is nothing in a deletion to be flipped.
    Fault({.fault = fault, .operation = "DeleteObject"});
    const Status deleted = store_->Delete(fault);
    ASSERT_TRUE(deleted.ok()) << fault << ": " << deleted.ToString();
    EXPECT_EQ(Hits(), 2) << fault;
    EXPECT_EQ(direct_->Head(fault).status().code(), StatusCode::kNotFound);
  }
}

TEST_P(S3CommitTest, NeverTakesA412AloneForAnotherWriter) {
  // The condition holds, whatever the answer says: nothing is there, so it is sent again.
  Fault({.fault = "precondition_failed", .operation = "PutObject"});
  const auto put = store_->Put("k", "ours", {.if_absent = true});
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_EQ(Asked("HeadObject"), 1);
  EXPECT_EQ(Asked("PutObject"), 2);

  // Unreadable: it cannot be told.
  Fault({.fault = "precondition_failed", .operation = "PutObject"});
  Fault({.fault = "internal_error", .operation = "HeadObject", .times = 0});
  EXPECT_EQ(store_->Put("other", "ours", {.if_absent = true}).status().code(),
            StatusCode::kCommitStateUnknown);
}

TEST_P(S3CommitTest, SeesAnotherWriterBehindALostAnswer) {
  ASSERT_TRUE(direct_->Put("k", "theirs").ok());
  Fault({.fault = "reset_after", .operation = "PutObject"});
  EXPECT_EQ(store_->Put("k", "ours", {.if_absent = true}).status().code(), StatusCode::kConflict);
  EXPECT_EQ(Bytes("k"), "theirs");

  // Of a replacement nobody can tell: ours may have come first and been replaced.
  Fault({.fault = "reset_after", .operation = "PutObject"});
  EXPECT_EQ(store_->Put("k", "ours", {.if_version = "0123456789"}).status().code(),
            StatusCode::kCommitStateUnknown);
  EXPECT_EQ(Bytes("k"), "theirs");
  // With every answer it is plain.
  EXPECT_EQ(store_->Put("k", "ours", {.if_version = "0123456789"}).status().code(),
            StatusCode::kConflict);
  EXPECT_EQ(store_->Put("missing", "ours", {.if_version = "0123456789"}).status().code(),
            StatusCode::kConflict);
}

TEST_P(S3CommitTest, SaysThatAWriteHasNotHappenedOnlyWhenItKnows) {
  struct Case {
    std::string fault;
    PutCondition condition;
    StatusCode expected;
  };
  const PutCondition if_absent{.if_absent = true};
  const std::vector<Case> cases = {
      // The server answered every time, and nothing is there.
      {"internal_error", if_absent, StatusCode::kUnavailable},
      {"conditional_conflict", if_absent, StatusCode::kUnavailable},
      {"conditional_conflict", {}, StatusCode::kUnavailable},
      // The last request may still be on its way.
      {"reset_before", if_absent, StatusCode::kCommitStateUnknown},
      {"hang", if_absent, StatusCode::kCommitStateUnknown},
      // It may have been applied and replaced by now.
      {"internal_error", {}, StatusCode::kCommitStateUnknown},
      {"reset_before", {}, StatusCode::kCommitStateUnknown},
      {"clock_skew", {}, StatusCode::kPermissionDenied},
      {"clock_skew", if_absent, StatusCode::kPermissionDenied},
  };
  for (const Case& one : cases) {
    ASSERT_TRUE(Proxy().Clear().ok());
    Fault({.fault = one.fault, .operation = "PutObject", .times = 0});
    const auto put = store_->Put("k", "ours", one.condition);
    EXPECT_EQ(put.status().code(), one.expected) << one.fault << ": " << put.status().ToString();
    EXPECT_EQ(direct_->Head("k").status().code(), StatusCode::kNotFound);
  }
}

TEST_P(S3CommitTest, FindsAnUnconditionalWriteWhoseAnswersAllGotLost) {
  Fault({.fault = "internal_error_after", .operation = "PutObject", .times = 0});
  const auto put = store_->Put("k", "ours");
  EXPECT_TRUE(put.ok()) << put.status().ToString();
}

TEST_P(S3CommitTest, LooksBeforeItSendsAgain) {
  Fault({.fault = "reset_after", .operation = "PutObject"});
  Fault({.fault = "internal_error", .operation = "HeadObject"});
  ASSERT_TRUE(store_->Put("k", "ours", {.if_absent = true}).ok());
  EXPECT_EQ(Asked("PutObject"), 1);
  EXPECT_EQ(Asked("HeadObject"), 2);
}

TEST_P(S3CommitTest, FinishesUploadsInPartsThroughEveryFault) {
  const std::string bytes(kPartBytes + 100, 'x');
  for (const std::string operation :
       {"CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}) {
    for (const std::string& fault : PassingFaults()) {
      const std::string key = StrCat(operation, "/", fault);
      const bool takes_bytes = operation == "UploadPart";
      if (fault == "flipped_upload" && !takes_bytes) continue;
      // Beginning and filling an upload is repeated as every plain write is.
      if (operation != "CompleteMultipartUpload" && fault != "reset_after" &&
          fault != "flipped_upload") {
        continue;
      }
      ASSERT_TRUE(Proxy().Clear().ok());
      Fault({.fault = fault, .operation = operation});
      const auto put = store_->Put(key, bytes, {.if_absent = true});
      ASSERT_TRUE(put.ok()) << key << ": " << put.status().ToString();
      EXPECT_EQ(Hits(), 1) << key;
      const auto head = direct_->Head(key);
      ASSERT_TRUE(head.ok()) << head.status().ToString();
      EXPECT_EQ(head->version, put->version) << key;
      EXPECT_EQ(head->size_bytes, bytes.size());
      EXPECT_EQ(store_->Put(key, bytes, {.if_absent = true}).status().code(),
                StatusCode::kConflict);
    }
  }
}

// Something on the way sends a request twice, and we see only the second answer.
TEST(S3CommitTwiceTest, RecognisesItsOwnWriteBehindA412) {
  for (const bool ours : {true, false}) {
    std::string write_id;
    const auto server = net::testing::StartServer([&](net::Request& request) {
      net::Response response;
      if (request.method == net::Method::kPut) {
        write_id = request.headers.Get(kWriteIdHeader).value_or("");
        response.status = 412;
        return response;
      }
      response.headers.Set("ETag", "\"e\"");
      response.headers.Set("Last-Modified", "Fri, 24 May 2013 00:00:00 GMT");
      response.headers.Set(kWriteIdHeader, ours ? write_id : "another");
      return response;
    });
    S3StoreOptions options;
    options.location = {.endpoint = StrCat("http://127.0.0.1:", server->port()),
                        .region = "us-east-1",
                        .bucket = "lake",
                        .prefix = "",
                        .path_style = true};
    options.credentials = std::make_shared<testing::FixedCredentials>(S3Credentials());
    const auto store = OpenStore(std::move(options));
    for (const PutCondition& condition :
         {PutCondition{.if_absent = true}, PutCondition{.if_version = "v"}}) {
      const auto put = store->Put("k", "", condition);
      if (ours) {
        ASSERT_TRUE(put.ok()) << put.status().ToString();
        EXPECT_EQ(put->version, "e");
      } else {
        EXPECT_EQ(put.status().code(), StatusCode::kConflict);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Minio, S3CommitTest, ::testing::Values("minio"));
INSTANTIATE_TEST_SUITE_P(Versitygw, S3CommitTest, ::testing::Values("versitygw"));

}  // namespace
}  // namespace lakehouse::storage
