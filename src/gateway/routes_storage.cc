// Buckets, their health and the journal of what went wrong with them.
#include <algorithm>
#include <charconv>
#include <future>
#include <map>
#include <utility>

#include "base/log.h"
#include "gateway/codecs.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

constexpr size_t kMaxErrors = 1'000;

Result<BucketName> BucketOf(const net::Request& request) {
  return BucketName::Parse(request.path_params.at("name"));
}

// What lies in every bucket, by what the catalog knows.
std::map<BucketName, BucketState> CountContents(const Services& services) {
  std::map<BucketName, BucketState> states;
  for (const catalog::DatasetPtr& dataset : services.catalog->List()) {
    BucketState& state = states[dataset->bucket];
    ++state.datasets;
    state.data_bytes += dataset->size_bytes();
  }
  for (const search::IndexInfo& index : services.search->ListIndexes()) {
    ++states[index.bucket].indexes;
  }
  return states;
}

Json DescribeBuckets(const Services& services, const std::vector<storage::BucketInfo>& buckets) {
  std::map<BucketName, BucketState> states = CountContents(services);
  const std::map<BucketName, Status> reachable = CheckBuckets(*services.buckets);
  Json list = Json::array();
  for (const storage::BucketInfo& bucket : buckets) {
    BucketState& state = states[bucket.name];
    if (const auto found = reachable.find(bucket.name); found != reachable.end()) {
      state.reachable = found->second;
    }
    list.push_back(EncodeBucket(bucket, state));
  }
  return list;
}

Answer ListBuckets(const Services& services, const net::Request& request) {
  const Json described = DescribeBuckets(services, services.buckets->List());
  const std::vector<Json> items(described.begin(), described.end());
  ASSIGN_OR_RETURN(
      const Json page,
      PageOf<Json>(
          request, items, [](const Json& bucket) { return bucket["name"].get<std::string>(); },
          [](const Json& bucket) { return bucket; }));
  return JsonResponse(page);
}

Answer GetBucket(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const BucketName name, BucketOf(request));
  ASSIGN_OR_RETURN(const storage::BucketInfo bucket, services.buckets->Describe(name));
  return JsonResponse(DescribeBuckets(services, {bucket})[0]);
}

Answer AddBucket(const Services& services, const Json& body) {
  ASSIGN_OR_RETURN(const BucketConfig config, DecodeBucket(body));
  ASSIGN_OR_RETURN(const storage::BucketInfo bucket, services.buckets->Add(config));
  // A bucket may bring datasets along. What cannot be read now is read later.
  if (const Status loaded = services.search->LoadBucket(bucket.name); !loaded.ok()) {
    LogWarning("a new bucket is not read yet",
               {{"bucket", bucket.name}, {"error", loaded.message()}});
  }
  net::Response response = JsonResponse(DescribeBuckets(services, {bucket})[0], 201);
  response.headers.Set("Location",
                       StrCat("/storage/buckets/", net::PercentEncode(bucket.name.str())));
  return response;
}

Answer RemoveBucket(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const BucketName name, BucketOf(request));
  TRY(services.buckets->Remove(
      name, [&services](const BucketName& bucket) { return services.search->UsersOf(bucket); }));
  services.search->ForgetBucket(name);
  return JsonResponse({{"name", name.str()}, {"deleted", true}});
}

Answer ProbeOne(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const BucketName name, BucketOf(request));
  ASSIGN_OR_RETURN(const storage::ProbeReport report, services.buckets->Probe(name, false));
  Json answer = {{"bucket", name.str()}, {"ok", report.status().ok()}};
  answer.update(storage::ProbeReportToJson(report));
  return JsonResponse(answer);
}

Answer BucketHealth(const Services& services) {
  Json items = Json::array();
  bool healthy = true;
  for (const auto& [name, status] : CheckBuckets(*services.buckets)) {
    healthy = healthy && status.ok();
    items.push_back({{"bucket", name.str()},
                     {"status", status.ok() ? "ok" : "failing"},
                     {"code", StatusCodeName(status.code())},
                     {"detail", status.message()}});
  }
  Json answer = {{"status", healthy ? "ok" : "degraded"}, {"items", std::move(items)}};
  if (const storage::BlockCache* cache = services.buckets->cache()) {
    const storage::BlockCacheStats stats = cache->stats();
    answer["cache"] = {{"bytes", stats.bytes},         {"capacity_bytes", stats.capacity_bytes},
                       {"hits", stats.hits},           {"misses", stats.misses},
                       {"evictions", stats.evictions}, {"damaged", stats.damaged}};
  }
  return JsonResponse(answer);
}

Answer ListErrors(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const size_t limit, PageLimit(request));
  uint64_t before = 0;
  if (const auto cursor = request.QueryParam("cursor"); cursor.has_value()) {
    const char* end = cursor->data() + cursor->size();
    const auto [stop, error] = std::from_chars(cursor->data(), end, before);
    if (error != std::errc() || stop != end || before == 0) {
      return InvalidArgument("query parameter 'cursor' must be the next_cursor of a page before");
    }
  }
  ASSIGN_OR_RETURN(const std::vector<storage::StorageError> errors,
                   services.buckets->errors().List(before, std::min(limit, kMaxErrors)));
  Json items = Json::array();
  for (const storage::StorageError& error : errors) items.push_back(StorageErrorToJson(error));
  const bool more = errors.size() == limit && errors.back().number > 1;
  const Json next = more ? Json(StrCat(errors.back().number)) : Json();
  return JsonResponse({{"items", std::move(items)}, {"next_cursor", next}});
}

Answer JournalState(const Services& services) {
  const storage::AppendLogStats stats = services.buckets->errors().stats();
  return JsonResponse({{"records", stats.records},
                       {"segments", stats.segments},
                       {"bytes", stats.bytes},
                       {"buffered_records", stats.buffered_records},
                       {"quarantined_segments", stats.quarantined_segments}});
}

void AddBucketRoutes(const Services& services, net::Router& router) {
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/storage/buckets",
            .summary = "Lists the buckets, where they are, and whether they answer.",
            .query = PageFields()},
           [&services](net::Request& request) { return ListBuckets(services, request); });
  AddJsonRoute(
      router,
      {.method = net::Method::kPost,
       .pattern = "/storage/buckets",
       .summary = "Provisions a bucket; it is probed first, and what is wrong is named.",
       .success = "201",
       .fields = {{"name", "string", true,
                   "An id; s3:ID for S3, profile:ID for a profile's bucket."},
                  {"backend", "string", false, "local or s3; default: what the name says."},
                  {"root", "string", false, "Directory of a local bucket; created."},
                  {"bucket", "string", false, "S3: the server's name of the bucket."},
                  {"prefix", "string", false, "S3: every key begins with it."},
                  {"endpoint", "string", false, "S3: http(s)://host[:port]; default: AWS."},
                  {"region", "string", false, "S3: default us-east-1."},
                  {"path_style", "boolean", false, "S3: default: everywhere but on AWS."},
                  {"allow_http", "boolean", false, "S3: default: only to this machine."},
                  {"credentials", "string", false,
                   "S3: the name of a secret, or aws:chain and the like."},
                  {"ca_file", "string", false,
                   "S3: certificates to trust, on the server's disk."}}},
      services.config->server.max_request_bytes,
      [&services](net::Request&, const Json& body) { return AddBucket(services, body); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/storage/buckets/{name}",
            .summary = "Shows a bucket."},
           [&services](net::Request& request) { return GetBucket(services, request); });
  AddRoute(router,
           {.method = net::Method::kDelete,
            .pattern = "/storage/buckets/{name}",
            .summary = "Forgets a bucket that holds no dataset and no index; its objects stay."},
           [&services](net::Request& request) { return RemoveBucket(services, request); });
  AddRoute(router,
           {.method = net::Method::kPost,
            .pattern = "/storage/buckets/{name}/probe",
            .summary = "Tries everything that a bucket must be able to do, step by step."},
           [&services](net::Request& request) { return ProbeOne(services, request); });
}

}  // namespace

std::map<BucketName, Status> CheckBuckets(const storage::BucketRegistry& buckets) {
  // One bucket that takes its time does not make the others wait.
  std::map<BucketName, std::future<Status>> checks;
  for (const storage::BucketInfo& bucket : buckets.List()) {
    checks.emplace(bucket.name, std::async(std::launch::async, [&buckets, name = bucket.name] {
                     return buckets.CheckReachable(name);
                   }));
  }
  std::map<BucketName, Status> outcome;
  for (auto& [name, check] : checks) outcome.emplace(name, check.get());
  return outcome;
}

void AddStorageRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddBucketRoutes(services, router);
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/storage/bucket-health",
            .summary = "Asks every bucket whether it answers; shows the cache of remote blocks."},
           [&services](net::Request&) { return BucketHealth(services); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/storage/errors",
            .summary = "Lists what went wrong with the buckets, newest first.",
            .query = PageFields()},
           [&services](net::Request& request) { return ListErrors(services, request); });
  AddRoute(router,
           {.method = net::Method::kPost,
            .pattern = "/storage/errors/flush",
            .summary = "Makes the journal of storage errors durable now."},
           [&services](net::Request&) -> Answer {
             TRY(services.buckets->errors().Flush());
             return JournalState(services);
           });
  AddRoute(router,
           {.method = net::Method::kPost,
            .pattern = "/storage/errors/compact",
            .summary = "Merges the journal's segments and drops what is old."},
           [&services](net::Request&) -> Answer {
             TRY(services.buckets->errors().Compact());
             return JournalState(services);
           });
}

}  // namespace lakehouse::gateway
