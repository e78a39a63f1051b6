// For tests: the S3 servers of this program, each started when it is first needed.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/check.h"
#include "base/strings.h"
#include "storage/s3/s3_store.h"
#include "support/fault_proxy.h"
#include "support/s3_server.h"

namespace lakehouse::storage::testing {

using lakehouse::testing::FaultProxy;
using lakehouse::testing::FaultRule;
using lakehouse::testing::S3Server;

// "minio" or "versitygw"; ends with the program. Fails the test, and ends the program, where there
// is none: a suite that passes without its server would say nothing.
inline S3Server& SharedServer(const std::string& kind) {
  static std::map<std::string, std::unique_ptr<S3Server>> servers;
  std::unique_ptr<S3Server>& server = servers[kind];
  if (server == nullptr) {
    auto started = S3Server::Start(kind);
    EXPECT_TRUE(started.ok()) << started.status().ToString();
    CHECK(started.ok());
    server = *std::move(started);
  }
  return *server;
}

// Makes a bucket that no other test has and returns its name.
inline std::string NewBucket(S3Server& server) {
  static std::atomic<int> count{0};
  const std::string name = StrCat("test-", ++count);
  const Status made = server.MakeBucket(name);
  EXPECT_TRUE(made.ok()) << made.ToString();
  return name;
}

// Always the same keys.
class FixedCredentials : public CredentialsProvider {
 public:
  explicit FixedCredentials(S3Credentials credentials) : credentials_(std::move(credentials)) {}
  Result<S3Credentials> Get() override { return credentials_; }
  void Invalidate() override { ++invalidations_; }
  int invalidations() const { return invalidations_; }

 private:
  const S3Credentials credentials_;
  std::atomic<int> invalidations_{0};
};

// Options for `bucket` at `server`, with retries that come fast.
inline S3StoreOptions OptionsFor(const S3Server& server, const std::string& bucket) {
  S3StoreOptions options;
  options.location = {.endpoint = server.endpoint(),
                      .region = server.region(),
                      .bucket = bucket,
                      .prefix = "",
                      .path_style = true};
  options.credentials = std::make_shared<FixedCredentials>(
      S3Credentials{.access_key_id = server.access_key_id(),
                    .secret_access_key = Secret(server.secret_access_key()),
                    .session_token = {}});
  options.retry.first_wait_ms = 1;
  options.retry.max_wait_ms = 20;
  options.http.stall_timeout_ms = 5'000;
  options.http.answer_timeout_ms = 5'000;
  return options;
}

inline std::unique_ptr<S3Store> OpenStore(S3StoreOptions options) {
  auto store = S3Store::Open(std::move(options));
  EXPECT_TRUE(store.ok()) << store.status().ToString();
  CHECK(store.ok());
  return *std::move(store);
}

}  // namespace lakehouse::storage::testing
