// Maps method and path to a handler. Paths hold typed parameters: `/vectors/indexes/{name}`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace lakehouse::net {

// Runs on a worker thread, concurrently with others; may block.
using Handler = std::function<Response(Request&)>;

enum class BodyKind {
  kNone,    // A body is refused.
  kJson,    // JSON, limited in size; see the application for the media types it takes.
  kStream,  // Anything; the handler pulls it.
};

// One query parameter, body field or header that a route takes. `type` is a JSON schema type, or
// two with | between them.
struct RouteField {
  std::string name;
  std::string type = "string";
  bool required = false;
  std::string summary;
};

// Everything that is known of a route; OpenAPI is generated from these.
struct Route {
  Method method = Method::kGet;
  // "/query/page/{id}/{page:int}"; a parameter is {name}, {name:int} or, last, {name:path}, which
  // also takes slashes.
  std::string pattern;
  std::string summary;          // One sentence.
  std::string success = "200";  // The HTTP status of a good answer.
  BodyKind body = BodyKind::kNone;
  std::vector<RouteField> query;    // Any other query parameter is refused.
  std::vector<RouteField> fields;   // Of the body. The type "file" stands for an upload.
  std::vector<RouteField> headers;  // Beside those of HTTP itself.
  Handler handler;
};

// The outcome of a look-up. At most one of `route` and `allowed` is set; neither: no such path.
struct RouteMatch {
  const Route* route = nullptr;
  std::vector<Method> allowed;  // The path exists, but only for these methods.
};

// Immutable after the last Add; then thread-safe.
class Router {
 public:
  // REQUIRES: a valid pattern that no route of the same method holds.
  void Add(Route route);
  // Fills request.path_params on success. HEAD matches GET routes. Of several patterns that match,
  // the one with the most literal segments wins.
  RouteMatch Find(Request& request) const;
  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

 private:
  enum class SegmentKind { kLiteral, kText, kInt, kPath };
  struct Segment {
    SegmentKind kind = SegmentKind::kLiteral;
    std::string text;  // The literal, or the parameter's name.
  };
  using Pattern = std::vector<Segment>;

  static Pattern Compile(const std::string& pattern);
  // Returns the number of literal segments, or -1 when `path` does not match.
  static int Match(const Pattern& pattern, std::string_view path,
                   std::map<std::string, std::string, std::less<>>& params);

  std::vector<std::unique_ptr<Route>> routes_;  // Addresses are stable: matches point at them.
  std::vector<Pattern> patterns_;               // One per route.
};

}  // namespace lakehouse::net
