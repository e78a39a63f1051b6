// For tests: looks into what a probe found.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "storage/bucket_probe.h"
#include "support/temp_dir.h"

namespace lakehouse::storage::testing {

inline std::vector<std::string> NamesOf(const ProbeReport& report) {
  std::vector<std::string> names;
  for (const ProbeStep& step : report.steps) names.push_back(step.name);
  return names;
}

// The names of the steps that failed.
inline std::vector<std::string> FailuresOf(const ProbeReport& report) {
  std::vector<std::string> names;
  for (const ProbeStep& step : report.steps) {
    if (!step.status.ok()) names.push_back(step.name);
  }
  return names;
}

// Fails the test where there is no such step.
inline ProbeStep StepOf(const ProbeReport& report, std::string_view name) {
  for (const ProbeStep& step : report.steps) {
    if (step.name == name) return step;
  }
  ADD_FAILURE() << "no step " << name;
  return {};
}

// Everything that the report would print.
inline std::string TextOf(const ProbeReport& report) {
  return StrCat(DumpJson(ProbeReportToJson(report)), report.status().ToString());
}

// The secret `keys` with these two values.
inline SecretStore SecretsWith(std::string_view access_key_id, std::string_view secret_access_key) {
  const lakehouse::testing::TempDir directory;
  const std::string path = directory.Join("secrets.toml");
  std::ofstream(path) << "[keys]\naccess_key_id = \"" << access_key_id
                      << "\"\nsecret_access_key = \"" << secret_access_key << "\"\n";
  EXPECT_EQ(chmod(path.c_str(), 0600), 0);
  Result<SecretStore> secrets = SecretStore::Load(path);
  EXPECT_TRUE(secrets.ok()) << secrets.status().ToString();
  return *std::move(secrets);
}

// The bucket s3:lake on a server, with the credentials `keys`.
inline BucketConfig S3BucketAt(const std::string& endpoint, const std::string& bucket) {
  BucketConfig config;
  config.name = "s3:lake";
  config.backend = "s3";
  config.endpoint = endpoint;
  config.bucket = bucket;
  config.prefix = "some/where";
  config.credentials = "keys";
  return config;
}

}  // namespace lakehouse::storage::testing
