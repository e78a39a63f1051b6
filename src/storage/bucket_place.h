// Where a bucket lies, and for which server its credentials are.
#pragma once

#include <optional>
#include <string>

#include "base/config.h"
#include "base/secrets.h"
#include "base/status.h"
#include "storage/s3/s3_store.h"

namespace lakehouse::storage {

struct BucketPlace {
  std::string directory;         // Of a local bucket: absolute.
  std::optional<S3Location> s3;  // Of an S3 bucket.

  // For people and the API; without secrets.
  std::string ToString() const;
  // What tells buckets apart whatever they are named.
  std::string Identity() const;
};

// The directories that buckets are placed by.
struct PlaceRoots {
  std::string data_dir;
  std::string profile_root;  // Relative to `data_dir`, or absolute.
};

// Checks a bucket's settings (FindMistake, S3Location) and finds its place. kInvalidArgument names
// the setting to mend.
Result<BucketPlace> FindPlace(const BucketConfig& bucket, const PlaceRoots& roots);

// True when an object of one bucket could be one of the other: one directory is the other or lies
// in it, through symbolic links too as far as they exist, or the same bucket of a server with one
// prefix at the front of the other. All endpoints of AWS are one server.
bool Overlap(const BucketPlace& a, const BucketPlace& b);

// Refuses a local bucket whose directory would take in, or lie in, what the data directory keeps
// for itself: the secrets, the lock, working files, the cache.
Status CheckOutsideOfDataDirectory(const BucketPlace& place, const std::string& data_dir);

// The one server that signed requests go to: its endpoint, or "AWS" for all of AWS.
std::string SigningServer(const S3Location& location);
// What two buckets share when they sign as the same one: the name of a secret, "aws:" for whatever
// the environment gives, "" when nothing is signed.
std::string SigningIdentity(const std::string& credentials);
// Refuses a secret whose own key `endpoint` names another server than the bucket's.
Status CheckSecretEndpoint(const BucketConfig& bucket, const S3Location& location,
                           const SecretStore& secrets);

}  // namespace lakehouse::storage
