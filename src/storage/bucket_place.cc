#include "storage/bucket_place.h"

#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/strings.h"

namespace lakehouse::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAws = "AWS";
constexpr std::string_view kAnonymous = "anonymous";
constexpr std::string_view kEnvironmentPrefix = "aws:";
constexpr std::string_view kProfilePrefix = "profile:";

// The directories of the data directory that no bucket may share.
constexpr std::array<const char*, 4> kWorkingDirectories = {"temp", "staging", "cache", "state"};

std::string Absolute(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return (error ? fs::path(path) : absolute).lexically_normal().string();
}

// The directory with its links resolved as far as it exists, with one "/" at its end.
std::string Resolved(const std::string& directory) {
  std::error_code error;
  fs::path path = fs::weakly_canonical(directory, error);
  if (error) path = Absolute(directory);
  std::string text = path.string();
  while (text.ends_with('/')) text.pop_back();
  return text + '/';
}

bool LiesIn(const std::string& inner, const std::string& outer) { return inner.starts_with(outer); }

bool IsAwsHost(std::string_view endpoint) {
  constexpr std::string_view kScheme = "https://";
  if (!endpoint.starts_with(kScheme)) return false;
  std::string_view host = endpoint.substr(kScheme.size());
  host = host.substr(0, host.find(':'));
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

std::string LocalDirectory(const BucketConfig& bucket, const PlaceRoots& roots) {
  if (!bucket.root.empty()) return bucket.root;
  if (!bucket.name.starts_with(kProfilePrefix)) {
    return StrCat(roots.data_dir, "/buckets/", bucket.name);
  }
  const fs::path profiles = fs::path(roots.data_dir) / roots.profile_root;
  return (profiles / bucket.name.substr(kProfilePrefix.size())).string();
}

}  // namespace

std::string BucketPlace::ToString() const { return s3.has_value() ? s3->ToString() : directory; }

std::string BucketPlace::Identity() const {
  if (!s3.has_value()) return Resolved(directory);
  return StrCat(SigningServer(*s3), "/", s3->bucket, "/", s3->prefix);
}

Result<BucketPlace> FindPlace(const BucketConfig& bucket, const PlaceRoots& roots) {
  if (const auto mistake = FindMistake(bucket)) return InvalidArgument(mistake->problem);
  BucketPlace place;
  if (bucket.backend == "local") {
    place.directory = Absolute(LocalDirectory(bucket, roots));
    return place;
  }
  auto location = S3Location::FromConfig(bucket);
  TRY(location.status().Annotate(StrCat("bucket ", bucket.name)));
  place.s3 = *std::move(location);
  return place;
}

bool Overlap(const BucketPlace& a, const BucketPlace& b) {
  if (a.s3.has_value() != b.s3.has_value()) return false;
  if (!a.s3.has_value()) {
    const std::string first = Resolved(a.directory);
    const std::string second = Resolved(b.directory);
    return LiesIn(first, second) || LiesIn(second, first);
  }
  return SigningServer(*a.s3) == SigningServer(*b.s3) && a.s3->bucket == b.s3->bucket &&
         (a.s3->prefix.starts_with(b.s3->prefix) || b.s3->prefix.starts_with(a.s3->prefix));
}

Status CheckOutsideOfDataDirectory(const BucketPlace& place, const std::string& data_dir) {
  if (place.s3.has_value()) return OkStatus();
  const std::string root = Resolved(place.directory);
  if (LiesIn(Resolved(data_dir), root)) {
    return InvalidArgument("a bucket may not hold the data directory: ", place.directory);
  }
  for (const char* name : kWorkingDirectories) {
    if (LiesIn(root, Resolved(StrCat(data_dir, "/", name)))) {
      return InvalidArgument("a bucket may not lie in a working directory of the server: ",
                             place.directory);
    }
  }
  return OkStatus();
}

std::string SigningServer(const S3Location& location) {
  return IsAwsHost(location.endpoint) ? std::string(kAws) : location.endpoint;
}

std::string SigningIdentity(const std::string& credentials) {
  if (credentials == kAnonymous) return "";
  return credentials.starts_with(kEnvironmentPrefix) ? std::string(kEnvironmentPrefix)
                                                     : credentials;
}

Status CheckSecretEndpoint(const BucketConfig& bucket, const S3Location& location,
                           const SecretStore& secrets) {
  const std::string identity = SigningIdentity(bucket.credentials);
  if (identity.empty() || identity == kEnvironmentPrefix) return OkStatus();
  const Result<Secret> endpoint = secrets.Get(identity, "endpoint");
  if (endpoint.status().code() == StatusCode::kNotFound) return OkStatus();
  TRY(endpoint.status().Annotate(StrCat("bucket ", bucket.name, ": credentials")));
  BucketConfig there = bucket;
  there.endpoint = endpoint->Reveal();
  there.path_style = std::nullopt;
  there.allow_http = true;
  // The address itself is not repeated: what stands among the secrets is never shown.
  const Result<S3Location> allowed = S3Location::FromConfig(there);
  if (allowed.ok() && SigningServer(*allowed) == SigningServer(location)) return OkStatus();
  return InvalidArgument("bucket ", bucket.name, ": the secret ", identity,
                         " signs for the server of its key endpoint only, not for ",
                         location.endpoint);
}

}  // namespace lakehouse::storage
