#include "gateway/routes.h"

#include <charconv>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "gateway/problem.h"

namespace lakehouse::gateway {
namespace {

constexpr size_t kDefaultPage = 100;
constexpr size_t kMaxPage = 1'000;

net::Response Render(Answer answer, const net::Request& request) {
  return answer.ok() ? *std::move(answer) : ProblemFromStatus(answer.status(), request.request_id);
}

}  // namespace

void AddRoute(net::Router& router, net::Route route, PlainHandler handler) {
  route.handler = [handler = std::move(handler)](net::Request& request) {
    return Render(handler(request), request);
  };
  router.Add(std::move(route));
}

void AddJsonRoute(net::Router& router, net::Route route, int64_t max_body_bytes,
                  JsonHandler handler, Adornment adorn) {
  CHECK(max_body_bytes > 0);
  route.body = net::BodyKind::kJson;
  const auto answer = [handler = std::move(handler), max_body_bytes](net::Request& request) {
    const auto text = ReadAll(*request.body, static_cast<size_t>(max_body_bytes));
    if (text.status().code() == StatusCode::kResourceExhausted) {
      return TooLarge(text.status().message(), request.request_id);
    }
    if (!text.ok()) return ProblemFromStatus(text.status(), request.request_id);
    const auto body = ParseJson(*text);
    if (!body.ok()) {
      return ProblemFromStatus(body.status().Annotate("the request body is not JSON"),
                               request.request_id);
    }
    return Render(handler(request, *body), request);
  };
  route.handler = [answer, adorn](net::Request& request) {
    net::Response response = answer(request);
    if (adorn != nullptr && response.status >= 400) adorn(response);
    return response;
  };
  router.Add(std::move(route));
}

net::Response JsonResponse(const Json& body, int http_status) {
  net::Response response;
  response.status = http_status;
  response.headers.Set("Content-Type", "application/json");
  response.body = DumpJson(body);
  return response;
}

net::Response JobResponse(const search::JobInfo& job, const Json& fields) {
  Json body = {{"job_id", job.id.str()}};
  body.update(fields);
  net::Response response = JsonResponse(body, 202);
  response.headers.Set("Location", StrCat("/vectors/jobs/", job.id.str()));
  return response;
}

std::string MediaType(const net::Request& request) {
  const std::string_view value = request.headers.Get("Content-Type").value_or("");
  return ToLowerAscii(TrimWhitespace(value.substr(0, value.find(';'))));
}

std::vector<net::RouteField> PageFields() {
  return {{"limit", "integer", false, "At most this many items, 1 to 1000; 100 by default."},
          {"cursor", "string", false, "The next_cursor of the page before."}};
}

Result<size_t> PageLimit(const net::Request& request) {
  const auto text = request.QueryParam("limit");
  if (!text.has_value()) return kDefaultPage;
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > kMaxPage) {
    return InvalidArgument("query parameter 'limit' must be 1 to ", kMaxPage);
  }
  return limit;
}

}  // namespace lakehouse::gateway
