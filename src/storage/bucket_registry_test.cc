#include "storage/bucket_registry.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "storage/bucket_documents.h"
#include "storage/faulty_store.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCanary = "canary-5f1e";

BucketName Name(const std::string& text) { return *BucketName::Parse(text); }

class BucketRegistryTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<BucketRegistry>> Open(const std::vector<BucketConfig>& buckets) {
    options_.config.buckets = buckets;
    options_.data_dir = directory_.path();
    options_.secrets = &secrets_;
    return BucketRegistry::Open(options_);
  }

  std::unique_ptr<BucketRegistry> MustOpen(const std::vector<BucketConfig>& buckets = {}) {
    auto registry = Open(buckets);
    EXPECT_TRUE(registry.ok()) << registry.status().ToString();
    return *std::move(registry);
  }

  void ExpectRefused(const std::vector<BucketConfig>& buckets, const std::string& reason) {
    const Status status = Open(buckets).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << reason;
    EXPECT_THAT(status.message(), HasSubstr(reason));
  }

  void WriteSecrets(const std::string& toml) {
    const std::string path = directory_.Join("secrets.toml");
    std::ofstream(path) << toml;
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    auto loaded = SecretStore::Load(path);
    ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
    secrets_ = *std::move(loaded);
  }

  static std::vector<std::string> Names(const BucketRegistry& registry) {
    std::vector<std::string> names;
    for (const BucketInfo& info : registry.List()) names.push_back(info.name.str());
    return names;
  }

  // An S3 bucket at an endpoint where nobody listens.
  static BucketConfig Remote(const std::string& name, const std::string& bucket) {
    BucketConfig config;
    config.name = name;
    config.backend = "s3";
    config.bucket = bucket;
    config.endpoint = "http://127.0.0.1:1";
    config.credentials = "minio";
    return config;
  }

  testing::TempDir directory_;
  SecretStore secrets_;
  BucketRegistryOptions options_;
};

TEST_F(BucketRegistryTest, OpensThePrimaryBucketByDefault) {
  const auto registry = MustOpen();
  EXPECT_TRUE(registry->primary().Put("k.txt", "x").ok());
  EXPECT_TRUE(fs::exists(directory_.Join("buckets/primary/k.txt")));
  const auto list = registry->List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].name.str(), "primary");
  EXPECT_EQ(list[0].backend, "local");
  EXPECT_EQ(list[0].location, directory_.Join("buckets/primary"));
  EXPECT_EQ(list[0].role, BucketRole::kPrimary);
  EXPECT_FALSE(list[0].from_config);
  EXPECT_EQ(registry->rescue(), std::nullopt);
}

TEST_F(BucketRegistryTest, CreatesTheRootsOfTheConfiguration) {
  const auto registry = MustOpen({{"primary", "local", directory_.Join("a/b")},
                                  {"archive", "local", ""},
                                  {"profile:tiny", "local", ""}});
  EXPECT_TRUE(fs::is_directory(directory_.Join("a/b")));
  EXPECT_TRUE(fs::is_directory(directory_.Join("buckets/archive")));
  EXPECT_TRUE(fs::is_directory(directory_.Join("profiles/tiny")));
  EXPECT_THAT(Names(*registry), ElementsAre("archive", "primary", "profile:tiny"));
  EXPECT_EQ(registry->Describe(Name("profile:tiny"))->role, BucketRole::kProfile);
  EXPECT_TRUE(registry->Describe(Name("archive"))->from_config);
  const auto archive = registry->Find(Name("archive"));
  ASSERT_TRUE(archive.ok());
  EXPECT_TRUE((*archive)->Put("k.txt", "x").ok());
  EXPECT_FALSE(registry->primary().Get("k.txt").ok());
}

TEST_F(BucketRegistryTest, PutsTheBucketsOfProfilesWhereTheyAreToldTo) {
  options_.config.profile_root = directory_.Join("elsewhere");
  const auto registry = MustOpen();
  const auto added = registry->Add({.name = "profile:nurse"});
  ASSERT_TRUE(added.ok()) << added.status().ToString();
  EXPECT_EQ(added->location, directory_.Join("elsewhere/nurse"));
  EXPECT_EQ(added->role, BucketRole::kProfile);
  EXPECT_TRUE(fs::is_directory(directory_.Join("elsewhere/nurse")));
}

TEST_F(BucketRegistryTest, NamesTheBucketsThereAre) {
  const auto registry = MustOpen({{"primary", "local", ""}, {"archive", "local", ""}});
  for (const Status& status :
       {registry->Find(Name("archives")).status(), registry->Describe(Name("archives")).status(),
        registry->CheckReachable(Name("archives")),
        registry->Probe(Name("archives"), true).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kNotFound);
    EXPECT_THAT(status.message(), HasSubstr("archive, primary"));
  }
}

TEST_F(BucketRegistryTest, RefusesWhatCannotBeRight) {
  ExpectRefused({{"archive", "local", ""}}, "primary");
  ExpectRefused({{"primary", "ftp", ""}}, "ftp");
  ExpectRefused({{"../x", "local", ""}}, "bucket name");
  ExpectRefused({{"primary", "local", ""}, {"primary", "local", directory_.Join("x")}}, "one name");
  ExpectRefused({{"primary", "local", ""}, {"s3:x", "local", ""}}, "s3:");
  ExpectRefused({{"primary", "local", ""}, Remote("archive", "lake")}, "s3:<id>");
  ExpectRefused({{"primary", "local", directory_.path()}}, "data directory");
  ExpectRefused({{"primary", "local", directory_.Join("cache/x")}}, "working directory");
  options_.config.rescue = "spare";
  ExpectRefused({{"primary", "local", ""}}, "storage.rescue");
  options_.config.rescue = "primary";
  ExpectRefused({{"primary", "local", ""}}, "storage.rescue");
}

TEST_F(BucketRegistryTest, RefusesBucketsThatShareADirectory) {
  const std::string a = directory_.Join("a");
  fs::create_directories(a);
  fs::create_directory_symlink(a, directory_.Join("link"));
  for (const std::string& other : {a, a + "/", a + "/../a", a + "/below", directory_.path(),
                                   directory_.Join("link"), directory_.Join("link/below")}) {
    ExpectRefused({{"primary", "local", a}, {"other", "local", other}}, "share a place");
  }
  EXPECT_FALSE(fs::exists(a + "/below")) << "refused only after it was made";
  EXPECT_TRUE(Open({{"primary", "local", a}, {"other", "local", a + "b"}}).ok());
}

TEST_F(BucketRegistryTest, StartsWithABucketThatCannotBeOpenedAndOpensItLater) {
  const std::string root = directory_.Join("later/root");
  std::ofstream(directory_.Join("later")) << "in the way";
  const auto registry = MustOpen({{"primary", "local", ""}, {"archive", "local", root}});
  ObjectStore* archive = *registry->Find(Name("archive"));
  const Status status = archive->Put("k", "x").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("bucket archive"));
  EXPECT_EQ(registry->CheckReachable(Name("archive")).code(), StatusCode::kUnavailable);
  EXPECT_EQ(archive->LocalPath("k"), std::nullopt);
  EXPECT_TRUE(registry->primary().Put("k", "x").ok());

  fs::remove(directory_.Join("later"));
  EXPECT_TRUE(archive->Put("k", "x").ok());
  EXPECT_TRUE(registry->CheckReachable(Name("archive")).ok());
  EXPECT_TRUE(archive->LocalPath("k").has_value());
}

TEST_F(BucketRegistryTest, SaysWhenTheDirectoryOfABucketIsGone) {
  const auto registry = MustOpen({{"primary", "local", ""}, {"archive", "local", ""}});
  EXPECT_TRUE(registry->CheckReachable(Name("archive")).ok());
  fs::remove_all(directory_.Join("buckets/archive"));
  EXPECT_EQ(registry->CheckReachable(Name("archive")).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(registry->CheckReachable(Name("primary")).ok());
}

TEST_F(BucketRegistryTest, TakesReadyStores) {
  std::map<BucketName, std::unique_ptr<ObjectStore>> stores;
  stores.emplace(Name("primary"), NewMemoryStore());
  stores.emplace(Name("rescue"), NewMemoryStore());
  const auto registry = BucketRegistry::FromStores(std::move(stores));
  EXPECT_TRUE(registry->primary().Put("k", "x").ok());
  EXPECT_EQ(registry->List()[0].backend, "memory");
  EXPECT_EQ(registry->rescue(), Name("rescue"));
  EXPECT_TRUE(registry->CheckReachable(Name("rescue")).ok());
  EXPECT_TRUE(registry->Probe(Name("rescue"), true)->status().ok());
  EXPECT_EQ(registry->Add({.name = "archive"}).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(registry->cache(), nullptr);
}

TEST_F(BucketRegistryTest, JournalsWhatFailedAndNamesTheBucket) {
  auto faulty = std::make_unique<FaultyStore>(NewMemoryStore());
  FaultyStore& faults = *faulty;
  std::map<BucketName, std::unique_ptr<ObjectStore>> stores;
  stores.emplace(Name("primary"), std::move(faulty));
  const auto registry = BucketRegistry::FromStores(std::move(stores));
  EXPECT_EQ(registry->primary().Get("missing").status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(registry->primary().Put("k", "x").ok());
  EXPECT_EQ(registry->primary().Put("k", "y", {.if_absent = true}).status().code(),
            StatusCode::kConflict);
  faults.AddFault({.status = PermissionDenied("no")});
  const Status status = registry->primary().Delete("a/b");
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(status.message(), HasSubstr("bucket primary"));
  const auto errors = registry->errors().List(0, 10);
  ASSERT_TRUE(errors.ok());
  ASSERT_EQ(errors->size(), 1u);
  EXPECT_EQ((*errors)[0].bucket, "primary");
  EXPECT_EQ((*errors)[0].operation, "delete");
  EXPECT_EQ((*errors)[0].key, "a/b");
  EXPECT_EQ((*errors)[0].status.code(), StatusCode::kPermissionDenied);
  EXPECT_GT((*errors)[0].at.micros, 0);
}

TEST_F(BucketRegistryTest, ErrorsOutliveTheProcess) {
  {
    const auto registry = MustOpen({{"primary", "local", ""}, {"archive", "local", "/dev/null/x"}});
    EXPECT_FALSE((*registry->Find(Name("archive")))->Get("k").ok());
  }
  const auto registry = MustOpen();
  const auto errors = registry->errors().List(0, 10);
  ASSERT_TRUE(errors.ok()) << errors.status().ToString();
  ASSERT_EQ(errors->size(), 1u);
  EXPECT_EQ((*errors)[0].bucket, "archive");
}

class BucketProvisioningTest : public BucketRegistryTest {
 protected:
  static std::vector<std::string> Nobody(const BucketName&) { return {}; }
};

TEST_F(BucketProvisioningTest, ABucketIsThereAtOnceAndAfterARestart) {
  auto registry = MustOpen();
  const auto added = registry->Add({.name = "archive"});
  ASSERT_TRUE(added.ok()) << added.status().ToString();
  EXPECT_EQ(added->location, directory_.Join("buckets/archive"));
  EXPECT_FALSE(added->from_config);
  ASSERT_TRUE(registry->Add({.name = "profile:nurse"}).ok());
  ASSERT_TRUE(registry->Add({.name = "far", .root = directory_.Join("far")}).ok());
  ASSERT_TRUE((*registry->Find(Name("archive")))->Put("k", "x").ok());

  registry.reset();
  registry = MustOpen();
  EXPECT_THAT(Names(*registry), ElementsAre("archive", "far", "primary", "profile:nurse"));
  EXPECT_EQ(*(*registry->Find(Name("archive")))->Get("k"), "x");
  EXPECT_EQ(registry->Describe(Name("far"))->location, directory_.Join("far"));
}

TEST_F(BucketProvisioningTest, TheSameBucketAgainIsFineAndAnotherIsAConflict) {
  const auto registry = MustOpen({{"primary", "local", ""}, {"fixed", "local", ""}});
  ASSERT_TRUE(registry->Add({.name = "archive"}).ok());
  EXPECT_TRUE(registry->Add({.name = "archive"}).ok());
  EXPECT_TRUE(registry->Add({.name = "fixed"}).ok());
  const auto other = registry->Add({.name = "archive", .root = directory_.Join("x")});
  EXPECT_EQ(other.status().code(), StatusCode::kConflict);
  EXPECT_FALSE(fs::exists(directory_.Join("x")));
  for (const std::string& root :
       {directory_.Join("buckets/archive"), directory_.Join("buckets/primary/data"),
        directory_.Join("buckets")}) {
    const auto inside = registry->Add({.name = "inside", .root = root});
    EXPECT_EQ(inside.status().code(), StatusCode::kConflict) << root;
    EXPECT_THAT(inside.status().message(), HasSubstr("share a place"));
  }
  EXPECT_FALSE(fs::exists(directory_.Join("buckets/primary/data")));
}

TEST_F(BucketProvisioningTest, RefusesSettingsThatCannotBeRight) {
  const auto registry = MustOpen();
  const std::vector<std::pair<BucketConfig, std::string>> wrong = {
      {{.name = "x y"}, "bucket name"},
      {{.name = "a", .backend = "gcs"}, "local or s3"},
      {{.name = "a", .root = "relative"}, "absolute"},
      {{.name = "profile:a", .root = "/tmp/x"}, "storage.profile_root"},
      {{.name = "a", .root = directory_.Join("staging")}, "working directory"},
      {{.name = "a", .bucket = "lake"}, "local bucket"},
      {{.name = "s3:a", .backend = "s3", .bucket = "lake"}, "credentials"}};
  for (const auto& [config, reason] : wrong) {
    const Status status = registry->Add(config).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << reason;
    EXPECT_THAT(status.message(), HasSubstr(reason));
  }
  EXPECT_THAT(Names(*registry), ElementsAre("primary"));
}

TEST_F(BucketProvisioningTest, ABucketThatFailsItsProbeIsForgotten) {
  const auto registry = MustOpen();
  const Status local = registry->Add({.name = "archive", .root = "/dev/null/x"}).status();
  EXPECT_FALSE(local.ok());
  EXPECT_THAT(local.message(), HasSubstr("bucket archive: root"));
  WriteSecrets("[minio]\naccess_key_id = \"a\"\nsecret_access_key = \"canary-5f1e\"\n");
  const Status remote = registry->Add(Remote("s3:lake", "lake")).status();
  EXPECT_EQ(remote.code(), StatusCode::kUnavailable) << remote.message();
  EXPECT_THAT(remote.message(),
              AllOf(HasSubstr("bucket s3:lake: connect"), Not(HasSubstr(kCanary))));
  EXPECT_THAT(Names(*registry), ElementsAre("primary"));
  EXPECT_THAT(Names(*MustOpen()), ElementsAre("primary"));
}

TEST_F(BucketProvisioningTest, RemoveForgetsTheBucketAndKeepsItsDataAndStore) {
  const auto registry = MustOpen();
  ASSERT_TRUE(registry->Add({.name = "archive"}).ok());
  ObjectStore* store = *registry->Find(Name("archive"));
  ASSERT_TRUE(store->Put("k", "x").ok());
  EXPECT_TRUE(registry->Remove(Name("archive"), Nobody).ok());
  EXPECT_EQ(registry->Find(Name("archive")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*store->Get("k"), "x");
  EXPECT_EQ(registry->Remove(Name("archive"), Nobody).code(), StatusCode::kNotFound);
  EXPECT_THAT(Names(*MustOpen()), ElementsAre("primary"));
  ASSERT_TRUE(registry->Add({.name = "archive"}).ok());
  EXPECT_EQ(*(*registry->Find(Name("archive")))->Get("k"), "x");
}

TEST_F(BucketProvisioningTest, RemoveRefusesWhatIsNeeded) {
  options_.config.rescue = "spare";
  const auto registry =
      MustOpen({{"primary", "local", ""}, {"fixed", "local", ""}, {"spare", "local", ""}});
  ASSERT_TRUE(registry->Add({.name = "archive"}).ok());
  for (const char* name : {"primary", "fixed", "spare"}) {
    EXPECT_EQ(registry->Remove(Name(name), Nobody).code(), StatusCode::kPermissionDenied) << name;
  }
  const Status used = registry->Remove(Name("archive"), [](const BucketName&) {
    return std::vector<std::string>{"dataset people", "index people_v1"};
  });
  EXPECT_EQ(used.code(), StatusCode::kConflict);
  EXPECT_THAT(used.message(), HasSubstr("dataset people, index people_v1"));
  EXPECT_EQ(registry->List().size(), 4u);
}

TEST_F(BucketProvisioningTest, ABucketThatCameIntoUseWhileItWasRemovedComesBack) {
  const auto registry = MustOpen();
  ASSERT_TRUE(registry->Add({.name = "archive"}).ok());
  int asked = 0;
  const Status status = registry->Remove(Name("archive"), [&](const BucketName&) {
    return ++asked == 1 ? std::vector<std::string>() : std::vector<std::string>{"dataset people"};
  });
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(registry->Find(Name("archive")).ok());
  EXPECT_THAT(Names(*MustOpen()), ElementsAre("archive", "primary"));
}

TEST_F(BucketProvisioningTest, ARescueBucketMayBeProvisioned) {
  const auto registry = MustOpen();
  EXPECT_EQ(registry->rescue(), std::nullopt);
  EXPECT_EQ(registry->Add({.name = "rescue"})->role, BucketRole::kRescue);
  EXPECT_EQ(registry->rescue(), Name("rescue"));
  EXPECT_EQ(registry->Remove(Name("rescue"), Nobody).code(), StatusCode::kPermissionDenied);
}

TEST_F(BucketProvisioningTest, ABucketThatTheConfigurationNowForbidsIsListedAndUnavailable) {
  ASSERT_TRUE(MustOpen()->Add({.name = "archive", .root = directory_.Join("a")}).ok());
  const auto registry =
      MustOpen({{"primary", "local", ""}, {"other", "local", directory_.Join("a")}});
  EXPECT_THAT(Names(*registry), ElementsAre("archive", "other", "primary"));
  const Status status = (*registry->Find(Name("archive")))->Get("k").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("share a place"));
  EXPECT_TRUE(registry->Remove(Name("archive"), Nobody).ok());
  EXPECT_THAT(Names(*registry), ElementsAre("other", "primary"));
}

TEST_F(BucketProvisioningTest, BucketsComeAndGoUnderReaders) {
  const auto registry = MustOpen();
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto found = registry->Find(Name("coming"));
        if (found.ok()) {
          EXPECT_EQ((*found)->Get("k").status().code(), StatusCode::kNotFound);
        }
        EXPECT_GE(registry->List().size(), 1u);
        EXPECT_EQ(registry->rescue(), std::nullopt);
      }
    });
  }
  std::vector<std::thread> writers;
  std::atomic<int> removed{0};
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        EXPECT_TRUE(registry->Add({.name = "coming"}).ok());
        if (registry->Remove(Name("coming"), Nobody).ok()) ++removed;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GE(removed, 5);
  EXPECT_THAT(Names(*registry), ElementsAre("primary"));
}

TEST_F(BucketProvisioningTest, DocumentsHoldSettingsAndNoSecrets) {
  BucketConfig config = Remote("s3:lake", "lake");
  config.prefix = "a/b";
  config.path_style = true;
  config.allow_http = false;
  config.region = "eu-west-1";
  config.ca_file = "/ca.pem";
  const auto decoded = DecodeBucketSettings(Name("s3:lake"), EncodeBucketSettings(config));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(EncodeBucketSettings(*decoded), EncodeBucketSettings(config));
  EXPECT_EQ(decoded->name, "s3:lake");
  EXPECT_EQ(decoded->allow_http, false);
  EXPECT_EQ(decoded->ca_file, "/ca.pem");
  const auto unknown = DecodeBucketSettings(Name("a"), {{"backend", "local"}, {"color", "red"}});
  EXPECT_EQ(unknown.status().code(), StatusCode::kInvalidArgument);
  const auto strange = DecodeBucketSettings(Name("a"), {{"path_style", "yes"}});
  EXPECT_THAT(strange.status().message(), HasSubstr("path_style"));
}

TEST_F(BucketProvisioningTest, BucketsAreFoundOnceThePrimaryBucketCanBeRead) {
  const std::string root = directory_.Join("disk/primary");
  ASSERT_TRUE(MustOpen({{"primary", "local", root}})->Add({.name = "archive"}).ok());
  fs::rename(directory_.Join("disk"), directory_.Join("unmounted"));
  std::ofstream(directory_.Join("disk")) << "not mounted";

  ManualClock clock;
  options_.clock = &clock;
  const auto registry = MustOpen({{"primary", "local", root}, {"other", "local", ""}});
  EXPECT_THAT(Names(*registry), ElementsAre("other", "primary"));
  EXPECT_EQ(registry->Find(Name("archive")).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(registry->Add({.name = "new"}).status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE((*registry->Find(Name("other")))->Put("k", "x").ok());

  fs::remove(directory_.Join("disk"));
  fs::rename(directory_.Join("unmounted"), directory_.Join("disk"));
  EXPECT_EQ(registry->Find(Name("archive")).status().code(), StatusCode::kUnavailable)
      << "there is a back-off";
  clock.AdvanceMicros(5'000'000);
  EXPECT_TRUE(registry->Find(Name("archive")).ok());
  EXPECT_EQ(registry->Find(Name("nobody")).status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Names(*registry), ElementsAre("archive", "other", "primary"));
}

class S3BucketsTest : public BucketRegistryTest {
 protected:
  S3BucketsTest() {
    WriteSecrets(
        "[minio]\naccess_key_id = \"a\"\nsecret_access_key = \"canary-5f1e\"\n"
        "[bound]\naccess_key_id = \"a\"\nsecret_access_key = \"s\"\n"
        "endpoint = \"http://127.0.0.1:2\"\n"
        "[incomplete]\naccess_key_id = \"a\"\n");
  }

  static BucketConfig With(BucketConfig config, std::string BucketConfig::*member,
                           const std::string& value) {
    config.*member = value;
    return config;
  }
};

TEST_F(S3BucketsTest, StartWithoutTheirServer) {
  options_.config.connect_timeout_ms = 200;
  const auto registry = MustOpen({{"primary", "local", ""}, Remote("s3:lake", "lake")});
  const BucketInfo info = *registry->Describe(Name("s3:lake"));
  EXPECT_EQ(info.backend, "s3");
  EXPECT_EQ(info.location, "s3://lake at http://127.0.0.1:1");
  const Status status = registry->CheckReachable(Name("s3:lake"));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("bucket s3:lake"), Not(HasSubstr(kCanary))));
  EXPECT_TRUE(registry->primary().Put("k", "x").ok());
  EXPECT_NE(registry->cache(), nullptr);
}

TEST_F(S3BucketsTest, ThePrimaryBucketMayBeAway) {
  options_.config.connect_timeout_ms = 200;
  const auto registry = MustOpen({Remote("primary", "lake"), {"archive", "local", ""}});
  EXPECT_THAT(Names(*registry), ElementsAre("archive", "primary"));
  EXPECT_TRUE((*registry->Find(Name("archive")))->Put("k", "x").ok());
  EXPECT_EQ(registry->Find(Name("s3:unknown")).status().code(), StatusCode::kUnavailable);
}

TEST_F(S3BucketsTest, RefuseToShareAPlace) {
  const BucketConfig primary{"primary", "local", ""};
  const BucketConfig lake = With(Remote("s3:lake", "lake"), &BucketConfig::prefix, "a/b");
  for (const char* prefix : {"", "a", "a/b", "a/b/c"}) {
    ExpectRefused({primary, lake, With(Remote("s3:other", "lake"), &BucketConfig::prefix, prefix)},
                  "share a place");
  }
  for (const char* prefix : {"a/bc", "a/c", "b"}) {
    EXPECT_TRUE(
        Open({primary, lake, With(Remote("s3:other", "lake"), &BucketConfig::prefix, prefix)})
            .ok());
  }
  EXPECT_TRUE(Open({primary, lake, Remote("s3:other", "pond")}).ok());
}

TEST_F(S3BucketsTest, ASecretSignsForOneServerOnly) {
  const BucketConfig primary{"primary", "local", ""};
  const BucketConfig elsewhere =
      With(Remote("s3:far", "far"), &BucketConfig::endpoint, "http://127.0.0.1:2");
  ExpectRefused({primary, Remote("s3:lake", "lake"), elsewhere}, "of its own");
  EXPECT_TRUE(Open({primary, Remote("s3:lake", "lake"),
                    With(elsewhere, &BucketConfig::credentials, "bound")})
                  .ok());
  const auto bound = With(Remote("s3:lake", "lake"), &BucketConfig::credentials, "bound");
  ExpectRefused({primary, bound}, "its key endpoint");
  const auto prefix_trick = With(bound, &BucketConfig::endpoint, "http://127.0.0.1:2.example.com");
  EXPECT_FALSE(Open({primary, prefix_trick}).ok());
  const auto environment =
      With(Remote("s3:lake", "lake"), &BucketConfig::credentials, "aws:environment");
  ExpectRefused({primary, environment, With(elsewhere, &BucketConfig::credentials, "aws:chain")},
                "of its own");
  EXPECT_TRUE(Open({primary, With(environment, &BucketConfig::credentials, "anonymous"),
                    With(elsewhere, &BucketConfig::credentials, "anonymous")})
                  .ok());
}

TEST_F(S3BucketsTest, AllOfAwsIsOneServer) {
  const BucketConfig primary{"primary", "local", ""};
  const auto aws = [](const std::string& name, const std::string& bucket,
                      const std::string& region) {
    return BucketConfig{
        .name = name, .backend = "s3", .bucket = bucket, .region = region, .credentials = "minio"};
  };
  EXPECT_TRUE(
      Open({primary, aws("s3:a", "alake", "us-east-1"), aws("s3:b", "blake", "eu-west-1")}).ok());
  ExpectRefused({primary, aws("s3:a", "lake", "us-east-1"), aws("s3:b", "lake", "eu-west-1")},
                "share a place");
  auto fake = aws("s3:b", "blake", "us-east-1");
  fake.endpoint = "https://s3.amazonaws.com.example.com";
  ExpectRefused({primary, aws("s3:a", "alake", "us-east-1"), fake}, "of its own");
}

TEST_F(S3BucketsTest, NeedTheirSecretInFull) {
  const BucketConfig primary{"primary", "local", ""};
  for (const char* secret : {"absent", "incomplete", "AKIA/not+a/name"}) {
    const Status status =
        Open({primary, With(Remote("s3:lake", "lake"), &BucketConfig::credentials, secret)})
            .status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << secret;
    EXPECT_THAT(status.message(), HasSubstr("bucket s3:lake")) << secret;
  }
}

TEST_F(S3BucketsTest, AProvisionedBucketWhoseSecretIsGoneIsListedAndUnavailable) {
  {
    const auto local = OpenLocalStore(directory_.Join("buckets/primary"));
    ASSERT_TRUE(local.ok());
    ASSERT_TRUE(BucketDocuments(**local)
                    .Write(Name("s3:lake"),
                           With(Remote("s3:lake", "lake"), &BucketConfig::credentials, "absent"))
                    .ok());
  }
  const auto registry = MustOpen();
  EXPECT_THAT(Names(*registry), ElementsAre("primary", "s3:lake"));
  const Status status = (*registry->Find(Name("s3:lake")))->Get("k").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("absent"));
}

}  // namespace

}  // namespace lakehouse::storage
