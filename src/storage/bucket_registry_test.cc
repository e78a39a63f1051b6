#include "storage/bucket_registry.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

namespace fs = std::filesystem;

BucketName Name(const std::string& text) { return *BucketName::Parse(text); }

class BucketRegistryTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<BucketRegistry>> Open(const std::vector<BucketConfig>& buckets) {
    BucketRegistryOptions options;
    options.config.buckets = buckets;
    options.data_dir = directory_.path();
    return BucketRegistry::Open(options);
  }

  void ExpectRefused(const std::vector<BucketConfig>& buckets, const std::string& reason) {
    const auto registry = Open(buckets);
    EXPECT_EQ(registry.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(registry.status().message().find(reason), std::string::npos)
        << registry.status().message();
  }

  testing::TempDir directory_;
};

TEST_F(BucketRegistryTest, OpensThePrimaryBucketByDefault) {
  const auto registry = Open({});
  ASSERT_TRUE(registry.ok()) << registry.status().ToString();
  EXPECT_TRUE((*registry)->primary().Put("k.txt", "x").ok());
  EXPECT_TRUE(fs::exists(directory_.Join("buckets/primary/k.txt")));
  const auto list = (*registry)->List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].name.str(), "primary");
  EXPECT_EQ(list[0].backend, "local");
  EXPECT_EQ(list[0].location, directory_.Join("buckets/primary"));
}

TEST_F(BucketRegistryTest, CreatesTheRootsOfTheConfiguration) {
  const auto registry = Open({{"primary", "local", directory_.Join("a/b")},
                              {"archive", "local", ""},
                              {"profile:tiny", "local", directory_.Join("c")}});
  ASSERT_TRUE(registry.ok()) << registry.status().ToString();
  EXPECT_TRUE(fs::is_directory(directory_.Join("a/b")));
  EXPECT_TRUE(fs::is_directory(directory_.Join("buckets/archive")));
  EXPECT_EQ((*registry)->List().size(), 3u);
  const auto archive = (*registry)->Find(Name("archive"));
  ASSERT_TRUE(archive.ok());
  EXPECT_TRUE((*archive)->Put("k.txt", "x").ok());
  EXPECT_FALSE((*registry)->primary().Get("k.txt").ok());
}

TEST_F(BucketRegistryTest, NamesTheBucketsThereAre) {
  const auto registry = Open({{"primary", "local", ""}, {"archive", "local", ""}});
  ASSERT_TRUE(registry.ok());
  const auto missing = (*registry)->Find(Name("archives"));
  EXPECT_EQ(missing.status().code(), StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find("archive, primary"), std::string::npos);
}

TEST_F(BucketRegistryTest, RefusesWhatCannotBeRight) {
  ExpectRefused({{"archive", "local", ""}}, "primary");
  ExpectRefused({{"primary", "ftp", ""}}, "ftp");
  ExpectRefused({{"../x", "local", ""}}, "bucket name");
  ExpectRefused({{"primary", "local", ""}, {"primary", "local", directory_.Join("x")}}, "one name");
}

TEST_F(BucketRegistryTest, RefusesBucketsThatShareADirectory) {
  const std::string a = directory_.Join("a");
  fs::create_directories(a);
  fs::create_directory_symlink(a, directory_.Join("link"));
  for (const std::string& other : {a, a + "/", a + "/../a", a + "/below", directory_.path(),
                                   directory_.Join("link"), directory_.Join("link/below")}) {
    ExpectRefused({{"primary", "local", a}, {"other", "local", other}}, "share a directory");
  }
  EXPECT_TRUE(Open({{"primary", "local", a}, {"other", "local", a + "b"}}).ok());
}

TEST_F(BucketRegistryTest, SaysWhichRootCannotBeOpened) {
  const auto registry = Open({{"primary", "local", "/dev/null/x"}});
  ASSERT_FALSE(registry.ok());
  EXPECT_NE(registry.status().message().find("bucket primary"), std::string::npos);
}

TEST_F(BucketRegistryTest, TakesReadyStores) {
  std::map<BucketName, std::unique_ptr<ObjectStore>> stores;
  stores.emplace(Name("primary"), NewMemoryStore());
  const auto registry = BucketRegistry::FromStores(std::move(stores));
  EXPECT_TRUE(registry->primary().Put("k", "x").ok());
  EXPECT_EQ(registry->List()[0].backend, "memory");
}

}  // namespace

}  // namespace lakehouse::storage
