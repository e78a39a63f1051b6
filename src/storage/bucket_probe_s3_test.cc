// Against real servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/bucket_probe_steps.h"
#include "storage/bucket_probe_testing.h"
#include "storage/s3/s3_client.h"
#include "storage/s3/s3_test_server.h"

namespace lakehouse::storage {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailuresOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::NamesOf;
using testing::NewBucket;
using testing::OpenStore;
using testing::OptionsFor;
using testing::S3BucketAt;
using testing::S3Server;
using testing::SecretsWith;
using testing::SharedServer;
using testing::StepOf;
using testing::TextOf;

// A real clock that is wrong.
class ShiftedClock : public Clock {
 public:
  explicit ShiftedClock(int64_t shift_seconds) : shift_micros_(shift_seconds * 1'000'000) {}
  Timestamp Now() const override { return {Clock::System().Now().micros + shift_micros_}; }
  int64_t MonotonicMicros() const override { return Clock::System().MonotonicMicros(); }

 private:
  const int64_t shift_micros_;
};

// The parameter is the kind of server.
class S3BucketProbeTest : public ::testing::TestWithParam<const char*> {
 protected:
  S3Server& server() { return SharedServer(GetParam()); }
  SecretStore Secrets() {
    return SecretsWith(server().access_key_id(), server().secret_access_key());
  }
  // What the report says about the server's keys, nobody may read.
  ProbeReport Probe(const BucketConfig& config, const SecretStore& secrets,
                    bool read_only = false) {
    ProbeReport report = ProbeBucket(config, secrets, "/nowhere", read_only);
    EXPECT_THAT(TextOf(report), ::testing::Not(HasSubstr(server().secret_access_key())));
    return report;
  }
  ProbeReport Probe(const BucketConfig& config) { return Probe(config, Secrets()); }
  ProbeReport ProbeAt(int64_t shift_seconds) {
    const ShiftedClock clock(shift_seconds);
    ProbeSteps steps(25'000);
    ProbeS3Bucket(S3BucketAt(server().endpoint(), NewBucket(server())), Secrets(), false, clock,
                  steps);
    return steps.report();
  }
};

TEST_P(S3BucketProbeTest, TriesEverythingAndLeavesNothing) {
  const std::string bucket = NewBucket(server());
  const ProbeReport report = Probe(S3BucketAt(server().endpoint(), bucket));
  EXPECT_TRUE(report.status().ok()) << report.status().ToString();
  EXPECT_THAT(
      NamesOf(report),
      ElementsAre("settings", "credentials", "resolve", "connect", "clock", "path_style",
                  "signature", "region", "bucket", "list", "put", "get", "list_after_write",
                  "conditional_put", "conditional_replace", "checksum", "multipart", "delete"));
  for (const ProbeStep& step : report.steps) EXPECT_EQ(step.note, "") << step.name;
  EXPECT_GT(StepOf(report, "multipart").milliseconds, 0);
  const auto store = OpenStore(OptionsFor(server(), bucket));
  EXPECT_TRUE(store->List("")->empty());
  EXPECT_EQ(*store->AbortStaleUploads({INT64_MAX}), 0u);
}

TEST_P(S3BucketProbeTest, TakesVirtualHostStyle) {
  BucketConfig config = S3BucketAt(server().endpoint(), NewBucket(server()));
  config.endpoint.replace(config.endpoint.find("127.0.0.1"), 9, "localhost");
  config.path_style = false;
  const ProbeReport report = Probe(config);
  EXPECT_TRUE(report.status().ok()) << report.status().ToString();
}

TEST_P(S3BucketProbeTest, ReadOnlyWritesNothing) {
  const ProbeReport report =
      Probe(S3BucketAt(server().endpoint(), NewBucket(server())), Secrets(), true);
  EXPECT_TRUE(report.status().ok()) << report.status().ToString();
  EXPECT_EQ(report.steps.back().name, "get");
  EXPECT_THAT(NamesOf(report), ::testing::Not(::testing::Contains("put")));
}

TEST_P(S3BucketProbeTest, TellsAWrongSecret) {
  const ProbeReport report =
      Probe(S3BucketAt(server().endpoint(), NewBucket(server())),
            SecretsWith(server().access_key_id(), "CanaryWrongSecretNeverToBeSeen"));
  EXPECT_THAT(FailuresOf(report), ElementsAre("signature"));
  EXPECT_EQ(report.steps.back().name, "signature");
  EXPECT_EQ(report.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(report.status().message(), HasSubstr("secret_access_key in the secret keys"));
  EXPECT_THAT(TextOf(report), ::testing::Not(HasSubstr("CanaryWrongSecret")));
}

TEST_P(S3BucketProbeTest, TellsAnUnknownKey) {
  const ProbeReport report = Probe(S3BucketAt(server().endpoint(), NewBucket(server())),
                                   SecretsWith("nobody", server().secret_access_key()));
  EXPECT_THAT(FailuresOf(report), ElementsAre("signature"));
  EXPECT_THAT(report.status().message(), HasSubstr("access_key_id in the secret keys"));
}

TEST_P(S3BucketProbeTest, NamesTheRightRegion) {
  BucketConfig config = S3BucketAt(server().endpoint(), NewBucket(server()));
  config.region = "eu-west-7";
  const ProbeReport report = Probe(config);
  // MinIO in its default region takes every region's signatures, so there is nothing to mend.
  if (GetParam() == std::string("minio")) {
    EXPECT_TRUE(report.status().ok()) << report.status().ToString();
    return;
  }
  EXPECT_THAT(FailuresOf(report), ElementsAre("region"));
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(report.status().message(), HasSubstr("set region = \"us-east-1\""));
}

TEST_P(S3BucketProbeTest, TellsAMissingBucket) {
  const ProbeReport report = Probe(S3BucketAt(server().endpoint(), "no-such-bucket"));
  EXPECT_THAT(FailuresOf(report), ElementsAre("bucket"));
  EXPECT_EQ(report.steps.back().name, "bucket");
  EXPECT_EQ(report.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(report.status().message(), HasSubstr("create the bucket no-such-bucket"));
}

TEST_P(S3BucketProbeTest, TellsByHowMuchTheClockIsWrong) {
  const ProbeReport ahead = ProbeAt(3 * 3'600 + 65);
  EXPECT_THAT(FailuresOf(ahead), ElementsAre("clock"));
  EXPECT_EQ(ahead.steps.back().name, "clock");
  EXPECT_THAT(ahead.status().message(),
              AllOf(HasSubstr("3 hours 1 minute ahead of the server's"), HasSubstr("NTP")));
  EXPECT_THAT(ProbeAt(-20 * 60 - 5).status().message(), HasSubstr("20 minutes behind"));
  // A smaller difference is no obstacle, but worth a note.
  const ProbeReport near = ProbeAt(5 * 60 + 5);
  EXPECT_TRUE(near.status().ok()) << near.status().ToString();
  EXPECT_THAT(StepOf(near, "clock").note, HasSubstr("5 minutes ahead"));
}

TEST_P(S3BucketProbeTest, TellsThatAnonymousMayNotList) {
  BucketConfig config = S3BucketAt(server().endpoint(), NewBucket(server()));
  config.credentials = "anonymous";
  const ProbeReport report = Probe(config);
  EXPECT_EQ(report.status().code(), StatusCode::kPermissionDenied) << report.status().ToString();
  EXPECT_THAT(FailuresOf(report), ElementsAre("list", "put"));
  EXPECT_THAT(StepOf(report, "list").mend, HasSubstr("s3:ListBucket"));
  EXPECT_THAT(StepOf(report, "put").mend, HasSubstr("s3:PutObject on test-"));
}

// Lets everybody do some things, but not delete.
TEST_P(S3BucketProbeTest, TellsThatTheBucketsPolicyForbidsDeletion) {
  const std::string bucket = NewBucket(server());
  S3Client owner(OptionsFor(server(), bucket));
  S3Request request;
  request.operation = S3Operation::kPutObject;
  request.method = net::Method::kPut;
  request.query = {{"policy", ""}};
  const auto allow = [&](std::string_view actions, std::string_view resource) {
    return StrCat(R"({"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": [)", actions,
                  R"(], "Resource": ["arn:aws:s3:::)", bucket, resource, R"("]})");
  };
  const std::string policy =
      StrCat(R"({"Version": "2012-10-17", "Statement": [)", allow(R"("s3:ListBucket")", ""), ",",
             allow(R"("s3:GetObject", "s3:PutObject")", "/*"), "]}");
  request.body = policy;
  const S3Outcome outcome = owner.SendOnce(request, 5'000);
  ASSERT_TRUE(outcome.ok()) << outcome.status.ToString();

  BucketConfig config = S3BucketAt(server().endpoint(), bucket);
  config.credentials = "anonymous";
  const ProbeReport report = Probe(config);
  EXPECT_THAT(StepOf(report, "conditional_replace").status.message(), IsEmpty());
  const ProbeStep last = StepOf(report, "delete");
  EXPECT_EQ(last.status.code(), StatusCode::kPermissionDenied) << TextOf(report);
  EXPECT_THAT(last.status.message(), HasSubstr("objects of the probe stay below _probe/"));
  EXPECT_THAT(last.mend, HasSubstr("s3:DeleteObject on " + bucket + "/some/where/*"));
}

TEST_P(S3BucketProbeTest, TellsThatHttpsMeetsHttp) {
  BucketConfig config = S3BucketAt(server().endpoint(), NewBucket(server()));
  config.endpoint.replace(0, 4, "https");
  const ProbeReport report = Probe(config);
  EXPECT_THAT(FailuresOf(report), ElementsAre("tls"));
  EXPECT_THAT(report.status().message(),
              AllOf(HasSubstr("the server speaks http at 127.0.0.1"),
                    HasSubstr("set endpoint = \"" + server().endpoint() + "\"")));
}

INSTANTIATE_TEST_SUITE_P(Servers, S3BucketProbeTest, ::testing::Values("minio", "versitygw"),
                         [](const auto& kind) { return std::string(kind.param); });

// A server with a certificate that its own authority signed for 127.0.0.1 and *.localhost.
class TlsBucketProbeTest : public ::testing::TestWithParam<const char*> {
 protected:
  static S3Server& server() {
    static std::map<std::string, std::unique_ptr<S3Server>> servers;
    std::unique_ptr<S3Server>& server = servers[GetParam()];
    if (server == nullptr) {
      auto started = S3Server::Start(GetParam(), {.tls = true});
      EXPECT_TRUE(started.ok()) << started.status().ToString();
      CHECK(started.ok());
      server = *std::move(started);
      EXPECT_TRUE(server->MakeBucket("lake").ok());
    }
    return *server;
  }
  ProbeReport Probe(const BucketConfig& config) {
    return ProbeBucket(config, SecretsWith(server().access_key_id(), server().secret_access_key()),
                       "/nowhere");
  }
  BucketConfig Bucket() {
    BucketConfig config = S3BucketAt(server().endpoint(), "lake");
    config.ca_file = server().ca_file();
    return config;
  }
};

TEST_P(TlsBucketProbeTest, PassesWithTheAuthoritysCertificate) {
  const ProbeReport report = Probe(Bucket());
  EXPECT_TRUE(report.status().ok()) << report.status().ToString();
  EXPECT_EQ(report.steps[4].name, "tls");
}

TEST_P(TlsBucketProbeTest, TellsAnUnknownAuthority) {
  BucketConfig config = Bucket();
  config.ca_file = "";
  const ProbeReport report = Probe(config);
  EXPECT_THAT(FailuresOf(report), ElementsAre("tls"));
  EXPECT_EQ(report.status().code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(report.status().message(), HasSubstr("unknown issuer"));
  EXPECT_THAT(report.steps.back().mend, HasSubstr("set ca_file"));
}

TEST_P(TlsBucketProbeTest, TellsAWrongHostName) {
  BucketConfig config = Bucket();
  // The wildcard stands for one name only.
  config.endpoint.replace(config.endpoint.find("127.0.0.1"), 9, "a.b.localhost");
  const ProbeReport report = Probe(config);
  EXPECT_THAT(FailuresOf(report), ElementsAre("tls"));
  EXPECT_THAT(report.status().message(),
              AllOf(HasSubstr("for another host"), HasSubstr("certificate for a.b.localhost")));
}

TEST_P(TlsBucketProbeTest, TellsThatHttpMeetsHttps) {
  BucketConfig config = Bucket();
  config.endpoint.replace(0, 5, "http");
  for (const std::string& ca_file : {config.ca_file, std::string()}) {
    config.ca_file = ca_file;
    const ProbeReport report = Probe(config);
    EXPECT_THAT(FailuresOf(report), ElementsAre("tls"));
    EXPECT_THAT(report.status().message(),
                AllOf(HasSubstr("the server speaks https at 127.0.0.1"),
                      HasSubstr("set endpoint = \"" + server().endpoint() + "\"")));
  }
}

TEST_P(TlsBucketProbeTest, TellsThatTheFileOfCertificatesIsNone) {
  BucketConfig config = Bucket();
  config.ca_file = "/nowhere/ca.pem";
  EXPECT_THAT(Probe(config).status().message(),
              AllOf(HasSubstr("settings: ca_file"), HasSubstr("/nowhere/ca.pem")));
  config.ca_file = LAKEHOUSE_SOURCE_DIR "/README.md";
  EXPECT_THAT(Probe(config).status().message(), HasSubstr("no certificate in PEM"));
}

INSTANTIATE_TEST_SUITE_P(Servers, TlsBucketProbeTest, ::testing::Values("minio", "versitygw"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace lakehouse::storage
