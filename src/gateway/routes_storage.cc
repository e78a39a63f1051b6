// Buckets.
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

constexpr std::string_view kProbeKey = "_probe";

Json BucketToJson(const storage::BucketRegistry& buckets, const storage::BucketInfo& bucket) {
  return {{"name", bucket.name.str()},
          {"backend", bucket.backend},
          {"location", bucket.location},
          {"role", bucket.name.str() == "primary" ? Json("primary") : Json()},
          {"reachable", ProbeBucket(buckets, bucket.name).ok()}};
}

}  // namespace

Status ProbeBucket(const storage::BucketRegistry& buckets, const BucketName& name) {
  ASSIGN_OR_RETURN(const storage::ObjectStore* store, buckets.Find(name));
  const Status status = store->Head(kProbeKey).status();
  return status.code() == StatusCode::kNotFound ? OkStatus() : status;
}

void AddStorageRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/storage/buckets",
            .summary = "Lists the buckets.",
            .query = PageFields()},
           [&services](net::Request& request) -> Answer {
             ASSIGN_OR_RETURN(const Json page, PageOf<storage::BucketInfo>(
                                                   request, services.buckets->List(),
                                                   [](const storage::BucketInfo& bucket) {
                                                     return bucket.name.str();
                                                   },
                                                   [&services](const storage::BucketInfo& bucket) {
                                                     return BucketToJson(*services.buckets, bucket);
                                                   }));
             return JsonResponse(page);
           });
}

}  // namespace lakehouse::gateway
