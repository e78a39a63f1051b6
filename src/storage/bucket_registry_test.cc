#include "storage/bucket_registry.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace lakehouse::storage {
namespace {

using ::lakehouse::testing::TempDir;

BucketName Name(std::string_view text) { return *BucketName::Parse(text); }

TEST(BucketRegistryTest, WithoutConfigurationThereIsPrimaryInTheDataDirectory) {
  const TempDir dir;
  const auto registry = BucketRegistry::Open({}, dir.path());
  ASSERT_TRUE(registry.ok()) << registry.status().ToString();
  ASSERT_TRUE((*registry)->primary().Put("a/b", "x").ok());
  ASSERT_EQ((*registry)->List().size(), 1U);
  EXPECT_EQ((*registry)->List()[0].location, dir.Join("buckets/primary"));
}

TEST(BucketRegistryTest, BucketWithoutRootLiesInTheDataDirectory) {
  const TempDir dir;
  StorageConfig config;
  config.buckets = {{.name = "primary", .root = dir.Join("p")}, {.name = "spare"}};
  const auto registry = BucketRegistry::Open(config, dir.path());
  ASSERT_TRUE(registry.ok()) << registry.status().ToString();
  ASSERT_TRUE((*registry)->Find(Name("spare")).ok());
  EXPECT_EQ((*registry)->List()[1].location, dir.Join("buckets/spare"));
}

TEST(BucketRegistryTest, UnknownBucketIsRefusedWithTheNamesThereAre) {
  const TempDir dir;
  const auto registry = BucketRegistry::Open({}, dir.path());
  ASSERT_TRUE(registry.ok());
  const auto missing = (*registry)->Find(Name("spare"));
  EXPECT_EQ(missing.status().code(), StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find("primary"), std::string::npos);
}

TEST(BucketRegistryTest, ConfigurationWithoutPrimaryIsRefused) {
  const TempDir dir;
  StorageConfig config;
  config.buckets = {{.name = "spare"}};
  EXPECT_EQ(BucketRegistry::Open(config, dir.path()).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lakehouse::storage
