#include "net/loopback.h"

#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/scripted_server.h"

namespace lakehouse::net {
namespace {

TEST(LoopbackTest, KnowsLiteralAddresses) {
  EXPECT_TRUE(IsThisMachine("127.0.0.1"));
  EXPECT_TRUE(IsThisMachine("127.255.3.4"));
  EXPECT_TRUE(IsThisMachine("[::1]"));
  EXPECT_TRUE(IsThisMachine("[::ffff:127.0.0.1]"));
  EXPECT_TRUE(IsThisMachine("LocalHost"));
  for (const char* host : {"10.0.0.1", "0.0.0.0", "169.254.169.254", "128.0.0.1", "[::]", "[::2]",
                           "[::ffff:10.0.0.1]", "[fe80::1]", "[64:ff9b::7f00:1]"}) {
    EXPECT_FALSE(IsThisMachine(host)) << host;
  }
}

TEST(LoopbackTest, TakesAHostThatCannotBeResolvedForAnother) {
  EXPECT_FALSE(IsThisMachine("no-such-host.invalid"));
  EXPECT_FALSE(IsThisMachine(""));
}

TEST(LoopbackTest, AClientForLoopbackOnlyConnectsNowhereElse) {
  HttpClient client({.loopback_only = true});
  TransferPhase reached = TransferPhase::kDone;
  const auto refused = client.Fetch({.url = "http://10.255.255.1:9/"}, {}, &reached);
  EXPECT_EQ(refused.status().code(), StatusCode::kPermissionDenied);
  EXPECT_NE(refused.status().message().find("not one of this machine"), std::string::npos);
  EXPECT_LE(reached, TransferPhase::kConnect);

  testing::ScriptedServer server([](testing::Peer& peer, int) {
    peer.ReadHead();
    peer.Send(testing::Answer("here"));
  });
  const auto answered = client.Fetch({.url = server.Url()});
  ASSERT_TRUE(answered.ok()) << answered.status().ToString();
  EXPECT_EQ(answered->body, "here");
}

}  // namespace
}  // namespace lakehouse::net
