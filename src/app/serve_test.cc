#include "app/serve.h"

#include <gtest/gtest.h>

namespace lakehouse::app {
namespace {

TEST(ParseListenAddressTest, TakesNamesNumbersAndBrackets) {
  const auto plain = ParseListenAddress("127.0.0.1:3100");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, 3100);
  const auto six = ParseListenAddress("[::1]:0");
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->port, 0);
}

TEST(ParseListenAddressTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "3100", ":3100", "localhost", "localhost:", "localhost:65536",
                           "localhost:-1", "localhost:31x", "[]:1"}) {
    EXPECT_EQ(ParseListenAddress(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(ServeTest, RefusesToListenBeyondLoopbackWithoutKeys) {
  Config config;
  config.server.listen = "0.0.0.0:0";
  const Status status = Serve("/nonexistent", config, SecretStore());
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("loopback"), std::string::npos);
}

}  // namespace
}  // namespace lakehouse::app
