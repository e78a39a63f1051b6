// How areas register their routes, and what all handlers share.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "gateway/gateway.h"
#include "gateway/query_registry.h"
#include "net/http_message.h"
#include "net/router.h"

namespace lakehouse::gateway {

// What handlers work with. Outlives every request; members are thread-safe.
struct RouteContext {
  Services services;
  QueryRegistry queries;
};

// Names the buckets that were read in place of others that failed.
inline constexpr std::string_view kRescueHeader = "X-Lakehouse-Rescue-Used";

using Answer = Result<net::Response>;
// A handler returns an answer or the error that becomes a problem+json.
using PlainHandler = std::function<Answer(net::Request&)>;
using JsonHandler = std::function<Answer(net::Request&, const Json& body)>;

// Registers `route` with a handler that renders errors.
void AddRoute(net::Router& router, net::Route route, PlainHandler handler);
// As above for a route of BodyKind::kJson: parses the body, at most `max_body_bytes` of it. Every
// error's answer passes through `adorn`, if there is one.
using Adornment = void (*)(net::Response& problem);
void AddJsonRoute(net::Router& router, net::Route route, int64_t max_body_bytes,
                  JsonHandler handler, Adornment adorn = nullptr);

void AddHealthRoutes(RouteContext& context, net::Router& router);
void AddStorageRoutes(RouteContext& context, net::Router& router);
void AddObjectRoutes(RouteContext& context, net::Router& router);
void AddCatalogRoutes(RouteContext& context, net::Router& router);
void AddIngestRoutes(RouteContext& context, net::Router& router);
void AddQueryRoutes(RouteContext& context, net::Router& router);
void AddVectorRoutes(RouteContext& context, net::Router& router);
void AddJobRoutes(RouteContext& context, net::Router& router);
void AddAiRoutes(RouteContext& context, net::Router& router);
void AddOpenAiRoutes(RouteContext& context, net::Router& router);

// Asks every bucket, all at once, whether it answers.
std::map<BucketName, Status> CheckBuckets(const storage::BucketRegistry& buckets);

net::Response JsonResponse(const Json& body, int http_status = 200);
// 202 with the job's id before `fields`.
net::Response JobResponse(const search::JobInfo& job, const Json& fields);
// The media type of a Content-Type header in lower case, without parameters; "" for none.
std::string MediaType(const net::Request& request);

// The query parameters of every list.
std::vector<net::RouteField> PageFields();

// One page of `items`, which stand in the order of their keys: after the key in `cursor`, at most
// `limit` of them. kInvalidArgument for a bad limit.
template <typename T>
Result<Json> PageOf(const net::Request& request, const std::vector<T>& items,
                    const std::function<std::string(const T&)>& key,
                    const std::function<Json(const T&)>& encode, bool descending = false);

// Reads the `limit` of a list request; 100 when absent.
Result<size_t> PageLimit(const net::Request& request);

template <typename T>
Result<Json> PageOf(const net::Request& request, const std::vector<T>& items,
                    const std::function<std::string(const T&)>& key,
                    const std::function<Json(const T&)>& encode, bool descending) {
  ASSIGN_OR_RETURN(const size_t limit, PageLimit(request));
  const std::string cursor = request.QueryParam("cursor").value_or("");
  Json page = Json::array();
  Json next_cursor;
  std::string last;
  for (const T& item : items) {
    const std::string item_key = key(item);
    const bool seen = descending ? item_key >= cursor : item_key <= cursor;
    if (!cursor.empty() && seen) continue;
    if (page.size() == limit) {
      next_cursor = last;
      break;
    }
    page.push_back(encode(item));
    last = item_key;
  }
  return Json{{"items", std::move(page)}, {"next_cursor", std::move(next_cursor)}};
}

}  // namespace lakehouse::gateway
