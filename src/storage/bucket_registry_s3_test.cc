// The registry with buckets on real S3 servers.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "storage/bucket_registry.h"
#include "storage/object_reader.h"
#include "support/s3_server.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

BucketName Name(const std::string& text) { return *BucketName::Parse(text); }

// A server of its own for every test, because tests stop it.
class S3RegistryTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto server = lakehouse::testing::S3Server::Start(GetParam());
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = *std::move(server);
    ASSERT_TRUE(server_->MakeBucket("lake").ok());
    ASSERT_TRUE(server_->MakeBucket("spare").ok());
    const std::string path = directory_.Join("secrets.toml");
    std::ofstream(path) << "[server]\naccess_key_id = \"" << server_->access_key_id()
                        << "\"\nsecret_access_key = \"" << server_->secret_access_key()
                        << "\"\n[wrong]\naccess_key_id = \"" << server_->access_key_id()
                        << "\"\nsecret_access_key = \"not-it\"\n";
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    secrets_ = *SecretStore::Load(path);
    options_.data_dir = directory_.path();
    options_.secrets = &secrets_;
    options_.metrics = &metrics_;
    options_.config.max_retries = 1;
    options_.config.request_timeout_ms = 5'000;
  }

  BucketConfig Remote(const std::string& name, const std::string& bucket) const {
    BucketConfig config;
    config.name = name;
    config.backend = "s3";
    config.bucket = bucket;
    config.endpoint = server_->endpoint();
    config.region = server_->region();
    config.credentials = "server";
    return config;
  }

  std::unique_ptr<BucketRegistry> MustOpen() {
    auto registry = BucketRegistry::Open(options_);
    EXPECT_TRUE(registry.ok()) << registry.status().ToString();
    return *std::move(registry);
  }

  static std::vector<std::string> Names(const BucketRegistry& registry) {
    std::vector<std::string> names;
    for (const BucketInfo& info : registry.List()) names.push_back(info.name.str());
    return names;
  }

  lakehouse::testing::TempDir directory_;
  std::unique_ptr<lakehouse::testing::S3Server> server_;
  SecretStore secrets_;
  MetricsRegistry metrics_;
  BucketRegistryOptions options_;
};

TEST_P(S3RegistryTest, ProvisionsABucketThatOutlivesARestart) {
  auto registry = MustOpen();
  const auto added = registry->Add(Remote("s3:lake", "lake"));
  ASSERT_TRUE(added.ok()) << added.status().ToString();
  EXPECT_EQ(added->location, StrCat("s3://lake at ", server_->endpoint()));
  ASSERT_TRUE((*registry->Find(Name("s3:lake")))->Put("a/b.txt", "bytes").ok());
  EXPECT_TRUE(registry->CheckReachable(Name("s3:lake")).ok());
  EXPECT_TRUE(registry->Probe(Name("s3:lake"), false)->status().ok());

  registry.reset();
  registry = MustOpen();
  ObjectStore* lake = *registry->Find(Name("s3:lake"));
  EXPECT_EQ(*lake->Get("a/b.txt"), "bytes");
  const auto objects = lake->List("");
  ASSERT_TRUE(objects.ok());
  EXPECT_EQ(objects->size(), 1u) << "the probe left something";
  EXPECT_EQ(registry->Add(Remote("s3:other", "lake")).status().code(), StatusCode::kConflict);
}

TEST_P(S3RegistryTest, KeepsItsBucketsInAPrimaryBucketOnS3) {
  options_.config.buckets = {Remote("primary", "lake")};
  auto registry = MustOpen();
  ASSERT_TRUE(registry->Add({.name = "archive"}).ok());
  ASSERT_TRUE(registry->Add(Remote("s3:spare", "spare")).ok());
  registry.reset();

  ASSERT_TRUE(server_->Stop().ok());
  ManualClock clock(Clock::System().Now());
  options_.clock = &clock;
  registry = MustOpen();
  EXPECT_THAT(Names(*registry), ElementsAre("primary"));
  EXPECT_EQ(registry->CheckReachable(Name("primary")).code(), StatusCode::kUnavailable);
  EXPECT_EQ(registry->Find(Name("s3:spare")).status().code(), StatusCode::kUnavailable);

  ASSERT_TRUE(server_->StartAgain().ok());
  clock.AdvanceMicros(10'000'000);
  EXPECT_THAT(Names(*registry), ElementsAre("archive", "primary", "s3:spare"));
  EXPECT_TRUE(registry->CheckReachable(Name("primary")).ok());
  ASSERT_TRUE(
      registry
          ->Remove(Name("archive"), [](const BucketName&) { return std::vector<std::string>(); })
          .ok());
  EXPECT_THAT(Names(*registry), ElementsAre("primary", "s3:spare"));
}

TEST_P(S3RegistryTest, SaysWhatIsWrongWithABucket) {
  const auto registry = MustOpen();
  BucketConfig wrong = Remote("s3:lake", "lake");
  wrong.credentials = "wrong";
  const Status signature = registry->Add(wrong).status();
  EXPECT_EQ(signature.code(), StatusCode::kPermissionDenied) << signature.message();
  EXPECT_THAT(signature.message(), HasSubstr("bucket s3:lake: signature"));
  EXPECT_THAT(signature.message(), Not(HasSubstr(server_->secret_access_key())));
  const Status missing = registry->Add(Remote("s3:lake", "nowhere")).status();
  EXPECT_THAT(missing.message(), HasSubstr("bucket s3:lake: bucket: the bucket does not exist"));
  EXPECT_THAT(Names(*registry), ElementsAre("primary"));
}

TEST_P(S3RegistryTest, AMissingBucketIsNotReachable) {
  options_.config.buckets = {{.name = "primary"}, Remote("s3:lake", "nowhere")};
  const auto registry = MustOpen();
  EXPECT_FALSE(registry->CheckReachable(Name("s3:lake")).ok());
}

TEST_P(S3RegistryTest, RescuesReadsAndCachesThemWhileTheServerIsAway) {
  options_.config.buckets = {{.name = "primary"}, Remote("s3:lake", "lake"), {.name = "rescue"}};
  const auto registry = MustOpen();
  ObjectStore* lake = *registry->Find(Name("s3:lake"));
  ObjectStore* rescue = *registry->Find(Name("rescue"));
  const std::string bytes(3'000'000, 'x');
  ASSERT_TRUE(lake->Put("data/cached", bytes).ok());
  ASSERT_TRUE(lake->Put("data/copied", bytes).ok());
  ASSERT_TRUE(rescue->Put("data/copied", bytes).ok());
  RescueTrace trace;
  const ObjectReader::Options options{.write_once = true, .trace = &trace};
  const auto cached = ObjectReader::Open(*registry, Name("s3:lake"), "data/cached", options);
  const auto copied = ObjectReader::Open(*registry, Name("s3:lake"), "data/copied", options);
  ASSERT_TRUE(cached.ok() && copied.ok());
  std::string buffer(bytes.size(), '\0');
  ASSERT_EQ(*(*cached)->ReadAt(0, buffer.data(), buffer.size()), bytes.size());
  EXPECT_EQ(buffer, bytes);

  ASSERT_TRUE(server_->Stop().ok());
  buffer.assign(bytes.size(), '\0');
  ASSERT_EQ(*(*cached)->ReadAt(0, buffer.data(), buffer.size()), bytes.size());
  EXPECT_EQ(buffer, bytes);
  EXPECT_EQ(trace.ToHeader(), "") << "the cache has it";
  buffer.assign(bytes.size(), '\0');
  ASSERT_EQ(*(*copied)->ReadAt(0, buffer.data(), buffer.size()), bytes.size());
  EXPECT_EQ(buffer, bytes);
  EXPECT_EQ(trace.ToHeader(), "rescue");
  EXPECT_TRUE(ObjectReader::Open(*registry, Name("s3:lake"), "data/copied", options).ok());
  EXPECT_EQ(ObjectReader::Open(*registry, Name("s3:lake"), "data/cached", options).status().code(),
            StatusCode::kUnavailable);
  EXPECT_THAT(metrics_.PrometheusText(),
              HasSubstr("lakehouse_storage_rescues_total{bucket=\"s3:lake\"} 2"));
}

TEST_P(S3RegistryTest, NoOutputHoldsTheSecret) {
  options_.config.buckets = {{.name = "primary"}, Remote("s3:lake", "lake")};
  const auto registry = MustOpen();
  ASSERT_TRUE((*registry->Find(Name("s3:lake")))->Put("k", "x").ok());
  ASSERT_TRUE(registry->Add(Remote("s3:spare", "spare")).ok());
  std::string seen = metrics_.PrometheusText() +
                     DumpJson(ProbeReportToJson(*registry->Probe(Name("s3:lake"), false)));
  ASSERT_TRUE(server_->Stop().ok());
  StrAppend(seen, (*registry->Find(Name("s3:lake")))->Get("k").status().message());
  const auto errors = registry->errors().List(0, 100);
  ASSERT_TRUE(errors.ok());
  EXPECT_FALSE(errors->empty());
  for (const StorageError& error : *errors) StrAppend(seen, DumpJson(StorageErrorToJson(error)));
  for (const BucketInfo& info : registry->List()) StrAppend(seen, info.location);
  const auto documents = registry->primary().List("");
  ASSERT_TRUE(documents.ok());
  for (const ObjectInfo& object : *documents) {
    StrAppend(seen, *registry->primary().Get(object.key));
  }
  EXPECT_THAT(seen, HasSubstr("s3:spare"));
  EXPECT_THAT(seen, Not(HasSubstr(server_->secret_access_key())));
  EXPECT_THAT(seen, Not(HasSubstr(server_->access_key_id())));
}

INSTANTIATE_TEST_SUITE_P(Servers, S3RegistryTest, ::testing::Values("minio", "versitygw"),
                         [](const auto& server) { return std::string(server.param); });

}  // namespace

}  // namespace lakehouse::storage
