// Health, metrics and version.
#include <utility>

#include "base/cancel.h"
#include "base/version.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

constexpr int64_t kProbeTimeoutMs = 2'000;

Json Component(std::string_view name, const Status& status, Json details) {
  Json component = {{"name", name}, {"status", status.ok() ? "ok" : "failing"}};
  // The text may name paths of the server; the code does not.
  if (!status.ok()) component["code"] = StatusCodeName(status.code());
  component["details"] = std::move(details);
  return component;
}

Json StorageComponent(const Services& services) {
  Json buckets = Json::array();
  Status worst;
  for (const auto& [name, status] : CheckBuckets(*services.buckets)) {
    if (!status.ok()) worst = status;
    buckets.push_back({{"name", name.str()}, {"reachable", status.ok()}});
  }
  return Component("storage", worst, {{"buckets", std::move(buckets)}});
}

Json SqlComponent(const Services& services, const CancelToken& cancel) {
  sql::QueryRequest probe;
  probe.sql = "SELECT 1";
  probe.cancel = cancel.Child(kProbeTimeoutMs);
  return Component("sql", services.engine->Query(probe).status(), Json::object());
}

// The default model; one that nobody has needed yet is not opened for this.
Json EmbeddingComponent(const Services& services) {
  const std::string& name = services.models->default_name();
  const auto model = services.models->FindOpened(name);
  if (model == nullptr) {
    const Status unopened = services.models->LastError(name);
    return Component("embedding", unopened, {{"model", name}, {"opened", false}});
  }
  const ai::EmbeddingSpace& space = model->space();
  return Component("embedding", OkStatus(),
                   {{"model", space.model},
                    {"opened", true},
                    {"provider", space.provider},
                    {"dimensions", space.dimensions},
                    {"precision", space.precision}});
}

Answer Health(const Services& services, const net::Request& request) {
  Json components = Json::array();
  components.push_back(StorageComponent(services));
  components.push_back(
      Component("catalog", OkStatus(), {{"datasets", services.catalog->List().size()}}));
  components.push_back(SqlComponent(services, request.cancel));
  components.push_back(EmbeddingComponent(services));
  bool healthy = true;
  for (const Json& component : components) healthy = healthy && component["status"] == "ok";
  return JsonResponse(
      {{"status", healthy ? "ok" : "degraded"}, {"components", std::move(components)}});
}

Answer Ready(const Services& services) {
  if (services.draining && services.draining()) return Unavailable("the server is stopping");
  return JsonResponse({{"status", "ready"}});
}

}  // namespace

void AddHealthRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/livez",
            .summary = "Says that the process answers."},
           [](net::Request&) -> Answer {
             return JsonResponse({{"status", "alive"}});
           });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/readyz",
            .summary = "Says whether new work should be sent here; 503 while the server stops."},
           [&services](net::Request&) { return Ready(services); });
  AddRoute(
      router,
      {.method = net::Method::kGet, .pattern = "/health", .summary = "Probes every component."},
      [&services](net::Request& request) { return Health(services, request); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/metrics",
            .summary = "Reports metrics as Prometheus text."},
           [&services](net::Request&) -> Answer {
             net::Response response;
             response.headers.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
             response.body = services.metrics->PrometheusText();
             return response;
           });
  AddRoute(router,
           {.method = net::Method::kGet, .pattern = "/version", .summary = "Names this build."},
           [](net::Request&) -> Answer {
             return JsonResponse({{"name", "lakehouse"}, {"version", kVersion}});
           });
}

}  // namespace lakehouse::gateway
