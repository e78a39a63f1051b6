// Maps method and path to a handler. Paths hold typed parameters: `/vectors/indexes/{name}`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/http_message.h"

namespace lakehouse::net {

// Runs on a worker thread, concurrently with others; may block.
using Handler = std::function<Response(Request&)>;

enum class BodyKind {
  kNone,    // A body is refused.
  kJson,    // application/json (also accepted without a content type), limited in size.
  kStream,  // Anything; the handler pulls it.
};

// Everything that is known of a route; OpenAPI is generated from these.
struct Route {
  Method method = Method::kGet;
  std::string pattern;   // "/query/page/{id}/{page:int}"; a parameter is {name}, {name:int} or, last, {name:path}.
  std::string summary;   // One sentence.
  BodyKind body = BodyKind::kNone;
  Handler handler;
};

// The outcome of a look-up. Exactly one of `route` and `allowed` is set; neither: no such path.
struct RouteMatch {
  const Route* route = nullptr;
  std::vector<Method> allowed;  // The path exists, but only for these methods.
};

// Immutable after the last Add; then thread-safe.
class Router {
 public:
  // REQUIRES: a valid pattern that no route of the same method holds.
  void Add(Route route);
  // Fills request.path_params on success. HEAD matches GET routes.
  RouteMatch Find(Request& request) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

}  // namespace lakehouse::net
