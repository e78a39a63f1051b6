#include "net/router.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/strings.h"

namespace lakehouse::net {
namespace {

bool IsInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Router::Pattern Router::Compile(const std::string& pattern) {
  CHECK(pattern.starts_with('/'));
  Pattern compiled;
  for (const std::string_view piece : SplitString(std::string_view(pattern).substr(1), '/')) {
    CHECK(compiled.empty() || compiled.back().kind != SegmentKind::kPath);
    if (!piece.starts_with('{')) {
      compiled.push_back({SegmentKind::kLiteral, std::string(piece)});
      continue;
    }
    CHECK(piece.ends_with('}'));
    const std::string_view inner = piece.substr(1, piece.size() - 2);
    const size_t colon = inner.find(':');
    const std::string_view type = colon == std::string_view::npos ? "" : inner.substr(colon + 1);
    CHECK(type.empty() || type == "int" || type == "path");
    const SegmentKind kind = type == "int"    ? SegmentKind::kInt
                             : type == "path" ? SegmentKind::kPath
                                              : SegmentKind::kText;
    compiled.push_back({kind, std::string(inner.substr(0, colon))});
  }
  return compiled;
}

void Router::Add(Route route) {
  for (const auto& other : routes_) {
    CHECK(other->method != route.method || other->pattern != route.pattern);
  }
  patterns_.push_back(Compile(route.pattern));
  routes_.push_back(std::make_unique<Route>(std::move(route)));
}

int Router::Match(const Pattern& pattern, std::string_view path,
                  std::map<std::string, std::string, std::less<>>& params) {
  int literals = 0;
  std::string_view rest = path.substr(1);
  for (size_t i = 0; i < pattern.size(); ++i) {
    const Segment& segment = pattern[i];
    const bool last = i + 1 == pattern.size();
    const size_t slash =
        segment.kind == SegmentKind::kPath ? std::string_view::npos : rest.find('/');
    const std::string_view piece = rest.substr(0, slash);
    if (last != (slash == std::string_view::npos)) return -1;
    if (segment.kind == SegmentKind::kLiteral) {
      if (piece != segment.text) return -1;
      ++literals;
    } else {
      if (piece.empty() || (segment.kind == SegmentKind::kInt && !IsInteger(piece))) return -1;
      params[segment.text] = piece;
    }
    rest = last ? std::string_view() : rest.substr(slash + 1);
  }
  return literals;
}

RouteMatch Router::Find(Request& request) const {
  const Method wanted = request.method == Method::kHead ? Method::kGet : request.method;
  RouteMatch match;
  int best = -1;
  for (size_t i = 0; i < routes_.size(); ++i) {
    std::map<std::string, std::string, std::less<>> params;
    const int literals = Match(patterns_[i], request.path, params);
    if (literals < 0) continue;
    if (routes_[i]->method == wanted && literals > best) {
      best = literals;
      match.route = routes_[i].get();
      request.path_params = std::move(params);
    }
    match.allowed.push_back(routes_[i]->method);
    if (routes_[i]->method == Method::kGet) match.allowed.push_back(Method::kHead);
  }
  if (match.route != nullptr) match.allowed.clear();
  std::sort(match.allowed.begin(), match.allowed.end());
  match.allowed.erase(std::unique(match.allowed.begin(), match.allowed.end()), match.allowed.end());
  return match;
}

}  // namespace lakehouse::net
