// Against servers, and places without one, that fail in ways that real ones do not.
#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/scripted_server.h"
#include "storage/bucket_probe_flawed_server.h"
#include "storage/bucket_probe_testing.h"
#include "storage/s3/credentials_testing.h"

namespace lakehouse::storage {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailuresOf;
using testing::FlawedS3Server;
using ::testing::HasSubstr;
using testing::NamesOf;
using testing::S3BucketAt;
using testing::S3Flaws;
using testing::SecretsWith;
using testing::StepOf;
using testing::TextOf;

ProbeReport Probe(const BucketConfig& config, bool read_only = false) {
  return ProbeBucket(config, SecretsWith("id", "CanarySecretKeyNeverToBeSeen"), "/nowhere",
                     read_only);
}

// Probes a server with these flaws.
ProbeReport ProbeFlawed(S3Flaws flaws, bool read_only = false) {
  FlawedS3Server server(std::move(flaws));
  ProbeReport report = Probe(S3BucketAt(server.endpoint(), "lake"), read_only);
  testing::ExpectNoCanary(TextOf(report));
  EXPECT_EQ(server.unfinished_uploads(), 0u);
  return report;
}

TEST(BucketProbeFlawsTest, AServerWithoutFlawsPasses) {
  FlawedS3Server server({});
  const ProbeReport report = Probe(S3BucketAt(server.endpoint(), "lake"));
  EXPECT_TRUE(report.status().ok()) << report.status().ToString();
  EXPECT_EQ(server.object_count(), 0u);
}

TEST(BucketProbeFlawsTest, TellsWhatTheCredentialsMayNotDo) {
  struct Case {
    std::string denied;
    std::vector<std::string> failures;
    std::string mend;
  };
  for (const Case& item : {Case{"ListObjects", {"list"}, "allow s3:ListBucket on lake "},
                           Case{"PutObject", {"put"}, "allow s3:PutObject on lake/some/where/* "},
                           Case{"GetObject", {"get"}, "allow s3:GetObject on lake/some/where/* "},
                           Case{"DeleteObject",
                                {"multipart", "delete"},
                                "allow s3:DeleteObject on lake/some/where/* "}}) {
    S3Flaws flaws;
    flaws.denied = {item.denied};
    const ProbeReport report = ProbeFlawed(std::move(flaws));
    std::vector<std::string> failures = FailuresOf(report);
    // The size of an upload cannot be read either.
    if (item.denied == "GetObject") std::erase(failures, "multipart");
    EXPECT_EQ(failures, item.failures) << TextOf(report);
    EXPECT_THAT(report.status().message(), HasSubstr(item.mend));
    EXPECT_EQ(report.status().code(), StatusCode::kPermissionDenied);
  }
}

TEST(BucketProbeFlawsTest, ReadOnlyTellsThatObjectsMayNotBeRead) {
  S3Flaws flaws;
  flaws.denied = {"GetObject"};
  EXPECT_THAT(FailuresOf(ProbeFlawed(flaws, true)), ElementsAre("get"));
  // Without the right to list a missing object looks forbidden to everybody.
  flaws.denied = {"ListObjects", "GetObject"};
  EXPECT_THAT(FailuresOf(ProbeFlawed(flaws, true)), ElementsAre("list"));
}

TEST(BucketProbeFlawsTest, TellsThatConditionsAreIgnored) {
  S3Flaws flaws;
  flaws.ignores_conditions = true;
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_THAT(FailuresOf(report), ElementsAre("conditional_put", "conditional_replace"));
  EXPECT_THAT(StepOf(report, "conditional_put").status.message(),
              HasSubstr("an object that exists was created once more"));
  EXPECT_THAT(StepOf(report, "conditional_replace").status.message(),
              HasSubstr("although another version was named"));
  EXPECT_THAT(StepOf(report, "conditional_put").mend, HasSubstr("If-None-Match"));
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
}

// Checks the condition, waits for the other writers to do the same, and then writes.
TEST(BucketProbeFlawsTest, TellsThatARaceHasSeveralWinners) {
  std::atomic<bool> raced{false};
  S3Flaws flaws;
  flaws.instead = [&](const net::Request& request) -> std::optional<net::Response> {
    const bool race =
        request.method == net::Method::kPut && request.path.find("race-1") != std::string::npos;
    if (!race) return std::nullopt;
    raced = true;
    net::Response response;
    response.headers.Set("ETag", "\"0123\"");
    return response;
  };
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_TRUE(raced);
  EXPECT_THAT(FailuresOf(report), ElementsAre("conditional_put"));
  EXPECT_THAT(report.status().message(), HasSubstr("of 8 writers that created one key at once 8"));
}

TEST(BucketProbeFlawsTest, TellsThatAMissingObjectIsReplaced) {
  S3Flaws flaws;
  flaws.instead = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.method != net::Method::kPut || !request.path.ends_with("missing")) {
      return std::nullopt;
    }
    net::Response response;
    response.headers.Set("ETag", "\"0123\"");
    return response;
  };
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_THAT(FailuresOf(report), ElementsAre("conditional_replace"));
  EXPECT_THAT(report.status().message(), HasSubstr("an object that was not there was replaced"));
}

TEST(BucketProbeFlawsTest, TellsThatUploadsIgnoreConditions) {
  S3Flaws flaws;
  flaws.ignores_upload_conditions = true;
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_THAT(FailuresOf(report), ElementsAre("multipart"));
  EXPECT_THAT(report.status().message(),
              HasSubstr("the condition of a multipart upload is ignored"));
}

TEST(BucketProbeFlawsTest, NotesWhatTheServerDoesWithChecksums) {
  S3Flaws flaws;
  flaws.ignores_checksums = true;
  const ProbeReport ignoring = ProbeFlawed(flaws);
  EXPECT_TRUE(ignoring.status().ok()) << ignoring.status().ToString();
  EXPECT_THAT(StepOf(ignoring, "checksum").note, HasSubstr("does not check them"));
  flaws.refuses_checksums = true;
  const ProbeReport refusing = ProbeFlawed(flaws);
  EXPECT_TRUE(refusing.status().ok()) << refusing.status().ToString();
  EXPECT_THAT(StepOf(refusing, "checksum").note, HasSubstr("refuses CRC-32C"));
}

TEST(BucketProbeFlawsTest, TellsThatWritesAreNotSeen) {
  S3Flaws flaws;
  flaws.loses_writes = true;
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_EQ(FailuresOf(report).front(), "get");
  EXPECT_THAT(report.status().message(), HasSubstr("just written is not found"));
}

TEST(BucketProbeFlawsTest, TellsThatObjectsStay) {
  S3Flaws flaws;
  flaws.keeps_deleted = true;
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_EQ(FailuresOf(report).back(), "delete");
  EXPECT_THAT(StepOf(report, "delete").status.message(),
              AllOf(HasSubstr("stay below _probe/"), HasSubstr("still listed")));
}

TEST(BucketProbeFlawsTest, NamesTheRegionOfARedirect) {
  S3Flaws flaws;
  flaws.instead = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.path == "/") return std::nullopt;
    net::Response response = FlawedS3Server::Error(301, "PermanentRedirect");
    response.headers.Set("x-amz-bucket-region", "ap-south-2");
    response.headers.Set("Location", "http://127.0.0.1:1/lake");
    return response;
  };
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_THAT(FailuresOf(report), ElementsAre("region"));
  EXPECT_THAT(report.status().message(), HasSubstr("set region = \"ap-south-2\""));
}

TEST(BucketProbeFlawsTest, DoesNotFollowARedirectThatNamesNoRegion) {
  std::atomic<int> followed{0};
  const auto elsewhere = net::testing::StartServer([&](net::Request&) {
    ++followed;
    return net::Response{};
  });
  S3Flaws flaws;
  flaws.instead = [&](const net::Request&) -> std::optional<net::Response> {
    net::Response response;
    response.status = 307;
    response.headers.Set("Location", net::testing::Url(*elsewhere, "/lake"));
    return response;
  };
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_THAT(FailuresOf(report), ElementsAre("region"));
  EXPECT_THAT(report.status().message(), HasSubstr("redirects are not followed"));
  EXPECT_EQ(followed, 0);
}

TEST(BucketProbeFlawsTest, TellsAnExpiredToken) {
  S3Flaws flaws;
  flaws.instead = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.path == "/") return std::nullopt;
    return FlawedS3Server::Error(400, "ExpiredToken");
  };
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_THAT(FailuresOf(report), ElementsAre("signature"));
  EXPECT_THAT(report.status().message(), HasSubstr("renew session_token in the secret keys"));
}

TEST(BucketProbeFlawsTest, TellsThatTheServerFails) {
  S3Flaws flaws;
  flaws.instead = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.path == "/") return std::nullopt;
    return FlawedS3Server::Error(500, "InternalError");
  };
  const ProbeReport report = ProbeFlawed(flaws);
  EXPECT_THAT(FailuresOf(report), ElementsAre("answer"));
  EXPECT_EQ(report.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(report.status().message(), HasSubstr("look into the server's log"));
}

TEST(BucketProbeFlawsTest, FindsOutThatTheServerWantsPathStyle) {
  // Hosts below localhost are this machine, and this server looks at paths only.
  FlawedS3Server server({});
  BucketConfig config = S3BucketAt(server.endpoint(), "lake");
  config.endpoint.replace(config.endpoint.find("127.0.0.1"), 9, "localhost");
  config.path_style = false;
  const ProbeReport report = Probe(config);
  EXPECT_THAT(FailuresOf(report), ElementsAre("path_style"));
  EXPECT_EQ(report.steps.back().mend, "set path_style = true");
  EXPECT_THAT(report.steps.back().status.message(), HasSubstr("but to path style"));
}

TEST(BucketProbeFlawsTest, FindsOutThatTheServerWantsVirtualHosts) {
  const net::testing::ScriptedServer server([](net::testing::Peer& peer, int) {
    for (std::string head = peer.ReadHead(); !head.empty(); head = peer.ReadHead()) {
      const bool as_host = ToLowerAscii(head).find("host: lake.localhost:") != std::string::npos;
      const std::string body =
          as_host ? "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
                  : "<Error><Code>SecondLevelDomainForbidden</Code></Error>";
      const bool bodiless = head.starts_with("HEAD");
      peer.Send(StrCat("HTTP/1.1 ", as_host ? "200 OK" : "403 Forbidden",
                       "\r\nContent-Length: ", body.size(), "\r\n\r\n", bodiless ? "" : body));
    }
  });
  const ProbeReport report = Probe(S3BucketAt(StrCat("http://localhost:", server.port()), "lake"));
  EXPECT_THAT(FailuresOf(report), ElementsAre("path_style"));
  EXPECT_EQ(report.steps.back().mend, "set path_style = false");
  EXPECT_THAT(StepOf(report, "clock").note, HasSubstr("does not tell its time"));
}

TEST(BucketProbeFlawsTest, TellsThatTheServerIsNoS3Server) {
  const auto server = net::testing::StartServer([](net::Request&) {
    return net::Response{.status = 200, .headers = {}, .body = "<html>hello</html>", .stream = {}};
  });
  const ProbeReport report = Probe(S3BucketAt(net::testing::Url(*server, ""), "lake"));
  EXPECT_THAT(FailuresOf(report), ElementsAre("answer"));
  EXPECT_THAT(report.status().message(),
              HasSubstr("check that the endpoint is that of an S3 server"));
}

TEST(BucketProbeFlawsTest, TellsAHostWithoutAnAddress) {
  const ProbeReport report = Probe(S3BucketAt("https://storage.invalid", "lake"));
  EXPECT_THAT(NamesOf(report), ElementsAre("settings", "credentials", "resolve"));
  EXPECT_EQ(report.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(report.status().message(), AllOf(HasSubstr("storage.invalid"), HasSubstr("DNS")));
}

TEST(BucketProbeFlawsTest, TellsARefusedConnection) {
  const ProbeReport report = Probe(S3BucketAt(testing::UnreachableAddress(), "lake"));
  EXPECT_THAT(NamesOf(report), ElementsAre("settings", "credentials", "resolve", "connect"));
  EXPECT_THAT(report.status().message(),
              AllOf(HasSubstr("connection refused by 127.0.0.1:1"), HasSubstr("start the server")));
}

TEST(BucketProbeFlawsTest, TellsWrongSettings) {
  struct Case {
    std::function<void(BucketConfig&)> change;
    std::string words;
  };
  for (const Case& item : {
           Case{[](BucketConfig& c) { c.endpoint = "http://storage.example"; }, "allow_http"},
           Case{[](BucketConfig& c) { c.endpoint = "storage.example"; }, "http(s)://"},
           Case{[](BucketConfig& c) { c.endpoint = "http://169.254.169.254"; }, "link-local"},
           Case{[](BucketConfig& c) { c.bucket = "a//b"; }, "bucket must be"},
           Case{[](BucketConfig& c) { c.credentials = ""; }, "needs credentials"},
           Case{[](BucketConfig& c) { c.name = "lake"; }, "s3:<id>"},
       }) {
    BucketConfig config = S3BucketAt("http://127.0.0.1:1", "lake");
    item.change(config);
    const ProbeReport report = Probe(config);
    EXPECT_THAT(NamesOf(report), ElementsAre("settings"));
    EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(report.status().message(), HasSubstr(item.words));
  }
}

TEST(BucketProbeFlawsTest, TellsMissingCredentials) {
  const testing::CleanEnvironment environment;
  BucketConfig config = S3BucketAt("http://127.0.0.1:1", "lake");
  config.credentials = "other";
  EXPECT_THAT(Probe(config).status().message(),
              AllOf(HasSubstr("credentials: "), HasSubstr("other.access_key_id")));
  config.credentials = "aws:environment";
  EXPECT_THAT(NamesOf(Probe(config)), ElementsAre("settings", "credentials"));
  EXPECT_THAT(Probe(config).status().message(), HasSubstr("AWS_ACCESS_KEY_ID"));
}

}  // namespace
}  // namespace lakehouse::storage
