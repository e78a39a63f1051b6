#include "gateway/gateway.h"

#include <exception>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/strings.h"
#include "gateway/openapi.h"
#include "gateway/problem.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

// JSON, what `curl -d` calls a form, or nothing said. A foreign page cannot abuse the middle one:
// the server refuses its Origin.
bool IsJsonMediaType(std::string_view media_type) {
  return media_type.empty() || media_type == "application/json" || media_type.ends_with("+json") ||
         media_type == "application/x-www-form-urlencoded";
}

Status CheckQueryParameters(const net::Route& route, const net::Request& request) {
  for (auto it = request.query.begin(); it != request.query.end(); ++it) {
    bool known = false;
    for (const net::RouteField& field : route.query) known = known || field.name == it->first;
    if (!known) {
      return InvalidArgument("unknown query parameter ", QuoteForMessage(it->first), ": ",
                             route.pattern,
                             route.query.empty() ? " takes none" : " does not take it");
    }
    if (request.query.count(it->first) > 1) {
      return InvalidArgument("query parameter ", QuoteForMessage(it->first), " is given twice");
    }
  }
  return OkStatus();
}

Status CheckNoBody(net::Request& request) {
  char first = 0;
  ASSIGN_OR_RETURN(const size_t count, request.body->Read({&first, 1}));
  return count == 0 ? OkStatus() : InvalidArgument("this call takes no body");
}

class GatewayImpl : public Gateway {
 public:
  explicit GatewayImpl(const Services& services) : context_{.services = services, .queries = {}} {
    AddHealthRoutes(context_, router_);
    AddStorageRoutes(context_, router_);
    AddObjectRoutes(context_, router_);
    AddCatalogRoutes(context_, router_);
    AddIngestRoutes(context_, router_);
    AddQueryRoutes(context_, router_);
    AddVectorRoutes(context_, router_);
    AddJobRoutes(context_, router_);
    AddAiRoutes(context_, router_);
    AddOpenAiRoutes(context_, router_);
    AddRoute(router_,
             {.method = net::Method::kGet,
              .pattern = "/openapi.json",
              .summary = "Describes this API as OpenAPI 3.1."},
             [this](net::Request&) -> Answer { return JsonResponse(OpenApiDocument(router_)); });
  }

  net::Response Handle(net::Request& request) override {
    const int64_t started = Clock::System().MonotonicMicros();
    if (request.request_id.empty()) request.request_id = NewUuid(Clock::System());
    if (request.body == nullptr) request.body = std::make_unique<StringSource>("");
    const net::RouteMatch match = router_.Find(request);
    net::Response response = Dispatch(match, request);
    response.headers.Set("Cache-Control", "no-store");
    response.headers.Set("X-Content-Type-Options", "nosniff");
    const std::string route = match.route == nullptr ? "none" : match.route->pattern;
    Count(route, request.method, response.status, Clock::System().MonotonicMicros() - started);
    return response;
  }

  const net::Router& router() const override { return router_; }

 private:
  net::Response Dispatch(const net::RouteMatch& match, net::Request& request) {
    if (match.route == nullptr) return Unroutable(match, request);
    const net::Route& route = *match.route;
    const std::string_view id = request.request_id;
    if (const auto coding = request.headers.Get("Content-Encoding"); coding.has_value()) {
      // Nothing is decompressed here, so no small body can become a large one.
      return ProblemResponse(415, "send the body without Content-Encoding", id);
    }
    if (const Status status = CheckQueryParameters(route, request); !status.ok()) {
      return ProblemFromStatus(status, id);
    }
    if (route.body == net::BodyKind::kJson && !IsJsonMediaType(MediaType(request))) {
      return ProblemResponse(415,
                             StrCat("send the content type application/json, not ",
                                    QuoteForMessage(MediaType(request))),
                             id);
    }
    if (route.body == net::BodyKind::kNone) {
      if (const Status status = CheckNoBody(request); !status.ok()) {
        return ProblemFromStatus(status, id);
      }
    }
    try {
      return route.handler(request);
    } catch (const std::exception& error) {
      return ProblemFromStatus(Internal("a handler threw: ", error.what()), id);
    }
  }

  net::Response Unroutable(const net::RouteMatch& match, const net::Request& request) const {
    if (match.allowed.empty()) {
      return ProblemResponse(404, "no such path; /openapi.json lists all of them",
                             request.request_id);
    }
    std::vector<std::string> names;
    for (const net::Method method : match.allowed) names.emplace_back(net::MethodName(method));
    const std::string allowed = JoinStrings(names, ", ");
    net::Response response = ProblemResponse(
        405, StrCat("this path does not take the method; it takes ", allowed), request.request_id);
    response.headers.Set("Allow", allowed);
    return response;
  }

  void Count(const std::string& route, net::Method method, int status, int64_t micros) {
    MetricsRegistry& metrics = *context_.services.metrics;
    metrics
        .GetCounter("lakehouse_api_requests_total", "API requests answered.",
                    {{"route", route},
                     {"method", std::string(net::MethodName(method))},
                     {"status", StrCat(status)}})
        .Add();
    metrics
        .GetHistogram("lakehouse_api_request_seconds", "Time that handlers took.",
                      {{"route", route}})
        .Observe(static_cast<double>(micros) / 1e6);
  }

  RouteContext context_;
  net::Router router_;
};

}  // namespace

std::unique_ptr<Gateway> Gateway::Create(const Services& services) {
  return std::make_unique<GatewayImpl>(services);
}

bool IsUrgent(const net::Request& request) {
  if (request.method == net::Method::kDelete) {
    return request.path.starts_with("/query/") || request.path.starts_with("/vectors/jobs/");
  }
  return request.path == "/livez" || request.path == "/readyz" || request.path == "/metrics";
}

}  // namespace lakehouse::gateway
