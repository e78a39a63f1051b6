// SQL.
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "gateway/codecs.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

constexpr int64_t kMaxRowLimit = 10'000'000;
constexpr int64_t kMaxTimeoutMs = 86'400'000;

struct DecodedQuery {
  sql::QueryRequest query;
  int64_t timeout_ms = 0;
  std::string id;
};

Result<DecodedQuery> DecodeQuery(const Json& body, const SqlConfig& config,
                                 const std::string& request_id) {
  ObjectReader reader(body, "request");
  DecodedQuery decoded;
  decoded.query.sql = reader.String("sql");
  decoded.query.row_limit = reader.Int("limit", config.default_row_limit, 0, kMaxRowLimit);
  decoded.query.max_result_bytes = config.max_result_bytes;
  decoded.timeout_ms = reader.Int("timeout_ms", config.default_timeout_ms, 1, kMaxTimeoutMs);
  decoded.id = reader.String("query_id", request_id);
  const Json* params = reader.Raw("params");
  if (params != nullptr && !params->is_null()) {
    if (params->is_array()) {
      decoded.query.params.assign(params->begin(), params->end());
    } else {
      reader.Fail("params", "must be an array");
    }
    for (const Json& param : decoded.query.params) {
      if (param.is_structured()) reader.Fail("params", "must hold only scalars");
    }
  }
  TRY(reader.Finish());
  return decoded;
}

// The rows come as JSON text already; parsing them again only to print them would double the cost
// of a large answer.
std::string EncodeResult(const std::string& query_id, const sql::QueryResult& result,
                         int64_t elapsed_micros) {
  Json columns = Json::array();
  for (const sql::ResultColumn& column : result.columns) {
    columns.push_back({{"name", column.name}, {"type", column.type}});
  }
  const std::string columns_json = DumpJson(columns);
  std::string out;
  out.reserve(result.rows_json.size() + columns_json.size() + 256);
  out.append("{\"query_id\":");
  AppendJsonString(out, query_id);
  StrAppend(out, ",\"columns\":", columns_json, ",\"rows\":", result.rows_json,
            ",\"row_count\":", result.row_count, ",\"truncated\":", result.truncated,
            ",\"elapsed_ms\":", ElapsedMs(elapsed_micros), "}");
  return out;
}

Answer RunQuery(RouteContext& context, const net::Request& request, const Json& body) {
  const Services& services = context.services;
  ASSIGN_OR_RETURN(DecodedQuery decoded,
                   DecodeQuery(body, services.config->sql, request.request_id));
  decoded.query.cancel = request.cancel.Child(decoded.timeout_ms);
  ASSIGN_OR_RETURN(const auto registration, context.queries.Add(decoded.id, decoded.query.cancel));
  const int64_t started = Clock::System().MonotonicMicros();
  ASSIGN_OR_RETURN(const sql::QueryResult result, services.engine->Query(decoded.query));
  net::Response response;
  response.headers.Set("Content-Type", "application/json");
  if (!result.rescue_used.empty()) response.headers.Set(kRescueHeader, result.rescue_used);
  response.body = EncodeResult(decoded.id, result, Clock::System().MonotonicMicros() - started);
  return response;
}

}  // namespace

void AddQueryRoutes(RouteContext& context, net::Router& router) {
  AddJsonRoute(router,
               {.method = net::Method::kPost,
                .pattern = "/query/sql",
                .summary = "Runs one read-only SQL statement over the datasets.",
                .fields = {{"sql", "string", true, "The statement."},
                           {"params", "array", false, "Scalars for ? or $1 in order."},
                           {"limit", "integer", false, "Rows beyond are cut; the answer says so."},
                           {"timeout_ms", "integer", false, "Stops the query after this time."},
                           {"query_id", "string", false,
                            "A name of 1 to 64 letters, digits, - or _ to cancel it by."}}},
               context.services.config->server.max_request_bytes,
               [&context](net::Request& request, const Json& body) {
                 return RunQuery(context, request, body);
               });
  AddRoute(router,
           {.method = net::Method::kDelete,
            .pattern = "/query/{id}",
            .summary = "Cancels the running query of that query_id."},
           [&context](net::Request& request) -> Answer {
             const std::string& id = request.path_params.at("id");
             TRY(context.queries.Cancel(id));
             return JsonResponse({{"query_id", id}, {"cancelled", true}});
           });
}

}  // namespace lakehouse::gateway
