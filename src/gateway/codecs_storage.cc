#include <utility>

#include "base/clock.h"
#include "gateway/codecs.h"

namespace lakehouse::gateway {

Json EncodeBucket(const storage::BucketInfo& bucket, const BucketState& state) {
  const std::string_view role = storage::BucketRoleName(bucket.role);
  Json json = {{"name", bucket.name.str()},         {"backend", bucket.backend},
               {"location", bucket.location},       {"role", role.empty() ? Json() : Json(role)},
               {"from_config", bucket.from_config}, {"reachable", state.reachable.ok()}};
  if (!state.reachable.ok()) {
    json["error"] = {{"code", StatusCodeName(state.reachable.code())},
                     {"detail", state.reachable.message()}};
  }
  json["datasets"] = state.datasets;
  json["indexes"] = state.indexes;
  json["bytes"] = state.data_bytes;
  return json;
}

Json EncodeObject(const storage::ObjectInfo& object) {
  return {{"key", object.key},
          {"bytes", object.size_bytes},
          {"version", object.version},
          {"modified", FormatTimestamp(object.modified)}};
}

Result<BucketConfig> DecodeBucket(const Json& body) {
  ObjectReader reader(body, "request");
  BucketConfig bucket;
  bucket.name = reader.String("name");
  bucket.backend = reader.String("backend", "");
  bucket.root = reader.String("root", "");
  bucket.bucket = reader.String("bucket", "");
  bucket.prefix = reader.String("prefix", "");
  bucket.endpoint = reader.String("endpoint", "");
  bucket.region = reader.String("region", bucket.region);
  const auto flag = [&reader](std::string_view name) -> std::optional<bool> {
    const Json* value = reader.Raw(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_boolean()) {
      reader.Fail(name, "must be true or false");
      return std::nullopt;
    }
    return value->get<bool>();
  };
  bucket.path_style = flag("path_style");
  bucket.allow_http = flag("allow_http");
  bucket.credentials = reader.String("credentials", "");
  bucket.ca_file = reader.String("ca_file", "");
  TRY(reader.Finish());
  // The name says it where the request does not.
  if (bucket.backend.empty()) bucket.backend = bucket.name.starts_with("s3:") ? "s3" : "local";
  return bucket;
}

Result<BucketName> DecodeMove(const Json& body) {
  ObjectReader reader(body, "request");
  const std::string bucket = reader.String("bucket");
  TRY(reader.Finish());
  return BucketName::Parse(bucket);
}

}  // namespace lakehouse::gateway
