// The HTTP API: routes, codecs, OpenAPI. A handler decodes, calls one function, encodes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ai/models.h"
#include "base/config.h"
#include "base/metrics.h"
#include "catalog/catalog.h"
#include "ingest/ingester.h"
#include "net/http_message.h"
#include "net/router.h"
#include "search/search_service.h"
#include "sql/engine.h"
#include "storage/bucket_registry.h"

namespace lakehouse::gateway {

// What the routes call. Every pointer outlives the gateway.
struct Services {
  const Config* config = nullptr;
  MetricsRegistry* metrics = nullptr;
  storage::BucketRegistry* buckets = nullptr;
  catalog::Catalog* catalog = nullptr;
  sql::Engine* engine = nullptr;
  ingest::Ingester* ingester = nullptr;
  search::SearchService* search = nullptr;
  ai::Models* models = nullptr;
  std::function<bool()> draining;  // True from the first SIGTERM on.
};

// Thread-safe. Every answer that is an error is application/problem+json (RFC 9457); the text of an
// internal error goes to the log under the request's id, never to the client.
class Gateway {
 public:
  virtual ~Gateway() = default;
  static std::unique_ptr<Gateway> Create(const Services& services);
  // Answers one request: from the HTTP server, or from the command line in process.
  virtual net::Response Handle(net::Request& request) = 0;
  virtual const net::Router& router() const = 0;
};

// Renders a problem+json answer for errors that are found before a handler runs.
net::Response ProblemResponse(int http_status, std::string_view detail,
                              std::string_view request_id);

// True for requests that must be answered while every worker is busy: liveness, readiness, metrics
// and cancellation. Never blocks.
bool IsUrgent(const net::Request& request);

}  // namespace lakehouse::gateway
