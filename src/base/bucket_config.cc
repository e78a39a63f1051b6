#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/config.h"
#include "base/strings.h"

namespace lakehouse {
namespace {

constexpr std::string_view kS3Prefix = "s3:";
constexpr std::string_view kProfilePrefix = "profile:";

struct NamedText {
  const char* setting;
  std::string BucketConfig::*member;
};

constexpr std::array<NamedText, 6> kS3Texts = {{{"bucket", &BucketConfig::bucket},
                                                {"prefix", &BucketConfig::prefix},
                                                {"endpoint", &BucketConfig::endpoint},
                                                {"region", &BucketConfig::region},
                                                {"credentials", &BucketConfig::credentials},
                                                {"ca_file", &BucketConfig::ca_file}}};

std::optional<BucketMistake> FindLocalMistake(const BucketConfig& bucket) {
  if (bucket.name.starts_with(kS3Prefix)) {
    return BucketMistake{"name", StrCat("the prefix s3: is not for a local bucket: ", bucket.name)};
  }
  const bool of_profile = bucket.name.starts_with(kProfilePrefix);
  if (!of_profile && bucket.name.find(':') != std::string::npos) {
    return BucketMistake{
        "name",
        StrCat("the prefix of a bucket name is s3: or profile:, not that of ", bucket.name)};
  }
  if (of_profile && !bucket.root.empty()) {
    return BucketMistake{"root", StrCat("the bucket of a profile lies below storage.profile_root "
                                        "and takes no root of its own: ",
                                        bucket.name)};
  }
  static const BucketConfig kDefaults;
  const auto of_s3 = [&](const char* setting) {
    return BucketMistake{
        setting, StrCat("a local bucket takes no ", setting, "; write backend = \"s3\", or leave ",
                        setting, " out of ", bucket.name)};
  };
  for (const auto& [setting, member] : kS3Texts) {
    if (bucket.*member != kDefaults.*member) return of_s3(setting);
  }
  if (bucket.path_style.has_value()) return of_s3("path_style");
  if (bucket.allow_http.has_value()) return of_s3("allow_http");
  return std::nullopt;
}

std::optional<BucketMistake> FindS3Mistake(const BucketConfig& bucket) {
  if (!bucket.name.starts_with(kS3Prefix) && bucket.name != "primary" && bucket.name != "rescue") {
    return BucketMistake{
        "name", StrCat("an S3 bucket is named s3:<id>, primary or rescue, not ", bucket.name)};
  }
  if (!bucket.root.empty()) {
    return BucketMistake{"root", StrCat("an S3 bucket takes no root; write bucket and, for a part "
                                        "of it, prefix: ",
                                        bucket.name)};
  }
  if (bucket.bucket.empty()) {
    return BucketMistake{
        "bucket", StrCat("an S3 bucket needs bucket, its name on the server: ", bucket.name)};
  }
  if (bucket.credentials.empty()) {
    return BucketMistake{
        "credentials",
        StrCat("an S3 bucket needs credentials: the name of a secret, aws:environment, "
               "aws:web-identity, aws:instance, aws:chain or anonymous: ",
               bucket.name)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<BucketMistake> FindMistake(const BucketConfig& bucket) {
  if (bucket.backend == "local") return FindLocalMistake(bucket);
  if (bucket.backend == "s3") return FindS3Mistake(bucket);
  return BucketMistake{"backend",
                       StrCat("the backend of a bucket is local or s3, not ", bucket.backend)};
}

}  // namespace lakehouse
