#include "ai/remote/server_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

AiProviderConfig At(const std::string& url) { return {.name = "there", .url = url}; }

TEST(ServerAddressTest, TakesServersOnThisMachineAndNowhereElse) {
  for (const char* url : {"http://127.0.0.1:11434", "http://localhost:1234/", "http://[::1]:8080",
                          "https://127.3.2.1/models/"}) {
    const Result<ServerAddress> address = CheckServerAddress(At(url));
    ASSERT_TRUE(address.ok()) << address.status().ToString();
    EXPECT_TRUE(address->is_local);
    EXPECT_TRUE(address->loopback_only);
    EXPECT_THAT(address->base_url, Not(::testing::EndsWith("/")));
  }
}

TEST(ServerAddressTest, AnotherMachineNeedsLeave) {
  for (const char* url : {"http://10.1.2.3:11434", "https://api.example.invalid", "http://0.0.0.0",
                          "http://[fe80::1]", "http://169.254.169.254"}) {
    AiProviderConfig config = At(url);
    const Status refused = CheckServerAddress(config).status();
    EXPECT_EQ(refused.code(), StatusCode::kPermissionDenied) << url;
    EXPECT_THAT(refused.message(), HasSubstr("allow_remote = true"));
    EXPECT_THAT(refused.message(), HasSubstr("there"));
    config.allow_remote = true;
    const Result<ServerAddress> address = CheckServerAddress(config);
    ASSERT_TRUE(address.ok()) << address.status().ToString();
    EXPECT_FALSE(address->is_local);
    EXPECT_FALSE(address->loopback_only);
  }
}

TEST(ServerAddressTest, AKeyGoesToAnotherMachineOnlyOverTls) {
  AiProviderConfig config = At("http://10.1.2.3:8000");
  config.allow_remote = true;
  config.credentials = "vllm";
  const Status refused = CheckServerAddress(config).status();
  EXPECT_EQ(refused.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(refused.message(), HasSubstr("https"));
  config.url = "https://10.1.2.3:8000";
  EXPECT_TRUE(CheckServerAddress(config).ok());
  // A name that is this machine now may be another one when a connection is made.
  config.url = "http://localhost:8000";
  const Result<ServerAddress> local = CheckServerAddress(config);
  ASSERT_TRUE(local.ok());
  EXPECT_TRUE(local->loopback_only);
}

TEST(ServerAddressTest, RefusesWhatIsNoServersUrl) {
  for (const char* url : {"", "127.0.0.1:11434", "ftp://127.0.0.1", "http://", "file:///etc/passwd",
                          "http://127.0.0.1:99999", "http://127.0.0.1/\n", "http://127.0.0.1?a=b",
                          "http://127.0.0.1#x", "http://127.0.0.1/v1",
                          "http://127.0.0.1:11434/api/", "http://user:hunter2@127.0.0.1"}) {
    const Status refused = CheckServerAddress(At(url)).status();
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument) << url << refused.ToString();
    EXPECT_THAT(refused.message(), HasSubstr("there"));
    EXPECT_THAT(refused.message(), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace lakehouse::ai
