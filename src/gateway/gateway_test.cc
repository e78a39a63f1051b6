#include "gateway/gateway.h"

#include <algorithm>
#include <latch>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/strings.h"
#include "gateway/fake_services.h"

namespace lakehouse::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GatewayTest : public ::testing::Test {
 protected:
  net::Response Call(net::Method method, std::string_view target, std::string body = "",
                     const net::Headers& headers = {}) {
    net::Request request;
    request.method = method;
    request.headers = headers;
    request.request_id = "request-1";
    request.body = std::make_unique<StringSource>(std::move(body));
    EXPECT_TRUE(net::ParseTarget(target, request).ok()) << target;
    return services_.gateway->Handle(request);
  }
  net::Response Get(std::string_view target) { return Call(net::Method::kGet, target); }
  net::Response Post(std::string_view target, std::string body) {
    return Call(net::Method::kPost, target, std::move(body));
  }
  static Json Parse(const net::Response& response) { return *ParseJson(response.body); }
  static std::string Detail(const net::Response& response) {
    return Parse(response).value("detail", "");
  }

  FakeServices services_;
};

search::JobInfo Job(const std::string& id, search::JobState state) {
  return {.id = *JobId::Parse(id), .kind = "index", .subject = "people_v1", .state = state};
}

TEST_F(GatewayTest, EveryCodeHasItsStatusAndInternalTextStaysInside) {
  const std::vector<std::pair<StatusCode, int>> expected = {
      {StatusCode::kInvalidArgument, 400},    {StatusCode::kNotFound, 404},
      {StatusCode::kConflict, 409},           {StatusCode::kOutOfScope, 403},
      {StatusCode::kUnauthenticated, 401},    {StatusCode::kPermissionDenied, 403},
      {StatusCode::kResourceExhausted, 507},  {StatusCode::kUnavailable, 503},
      {StatusCode::kDeadlineExceeded, 504},   {StatusCode::kCancelled, 499},
      {StatusCode::kCommitStateUnknown, 503}, {StatusCode::kInternal, 500}};
  for (const auto& [code, http_status] : expected) {
    services_.engine.on_query = [code = code](const sql::QueryRequest&) {
      return Status(code, "/data/secret.parquet is damaged");
    };
    const net::Response response = Post("/query/sql", R"({"sql": "select 1"})");
    EXPECT_EQ(response.status, http_status);
    EXPECT_EQ(response.headers.Get("Content-Type"), "application/problem+json");
    EXPECT_EQ(response.headers.Get("Retry-After").has_value(), http_status == 503);
    const Json problem = Parse(response);
    EXPECT_EQ(problem["code"], StatusCodeName(code));
    EXPECT_EQ(problem["status"], http_status);
    EXPECT_EQ(problem["title"], net::ReasonPhrase(http_status));
    EXPECT_EQ(problem["request_id"], "request-1");
    const bool hidden = problem["detail"].get<std::string>().find("secret") == std::string::npos;
    EXPECT_EQ(hidden, code == StatusCode::kInternal);
  }
}

TEST_F(GatewayTest, AHandlerThatThrowsIsAnInternalError) {
  services_.engine.on_query = [](const sql::QueryRequest&) -> Result<sql::QueryResult> {
    throw std::runtime_error("secret");
  };
  const net::Response response = Post("/query/sql", R"({"sql": "select 1"})");
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
}

// The decoders name the fields that they take: those of the route table, from which OpenAPI is
// made.
TEST_F(GatewayTest, EveryJsonRouteTakesExactlyItsFields) {
  int routes = 0;
  for (const auto& route : services_.gateway->router().routes()) {
    if (route->body != net::BodyKind::kJson) continue;
    ++routes;
    Json body = Json::object();
    std::vector<std::string> names;
    for (const net::RouteField& field : route->fields) {
      names.push_back(field.name);
      if (!field.required) continue;
      body[field.name] = "name";
    }
    body["no_such_field"] = 1;
    // One of two fields has to be there.
    if (route->pattern == "/vectors/search") body["query"] = "text";
    if (route->pattern == "/ai/embed") body["text"] = "text";
    if (route->pattern == "/ai/generate") body["prompt"] = "text";
    std::sort(names.begin(), names.end());
    std::string path = route->pattern;
    if (const size_t parameter = path.find("{name}"); parameter != std::string::npos) {
      path.replace(parameter, 6, "name");
    }
    const net::Response response = Call(route->method, path, DumpJson(body));
    EXPECT_EQ(response.status, 400) << route->pattern;
    EXPECT_THAT(Detail(response), HasSubstr("no_such_field")) << route->pattern;
    EXPECT_THAT(Detail(response), HasSubstr(StrCat("one of: ", JoinStrings(names, ", "))));
  }
  EXPECT_EQ(routes, 12);
}

TEST_F(GatewayTest, OpenApiHoldsEveryRoute) {
  const Json document = Parse(Get("/openapi.json"));
  size_t operations = 0;
  for (const Json& path : document["paths"]) operations += path.size();
  EXPECT_EQ(operations, services_.gateway->router().routes().size());
  const Json& search = document["paths"]["/vectors/search"]["post"];
  const Json& schema = search["requestBody"]["content"]["application/json"]["schema"];
  EXPECT_EQ(schema["required"], Json({"index_name"}));
  EXPECT_EQ(schema["properties"]["top_k"]["type"], "integer");
  EXPECT_EQ(schema["additionalProperties"], false);
  const Json& doc = document["paths"]["/vectors/doc/{index}/{doc_id}"]["get"]["parameters"];
  EXPECT_EQ(doc.size(), 2u);
  EXPECT_EQ(document["paths"]["/vectors/index"]["post"]["responses"].count("202"), 1u);
}

TEST_F(GatewayTest, MissesTellWhatThereIs) {
  EXPECT_EQ(Get("/nothing").status, 404);
  const net::Response wrong = Call(net::Method::kPut, "/catalog/datasets/a");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.Get("Allow"), "GET, HEAD, PATCH, DELETE");
  EXPECT_EQ(Call(net::Method::kHead, "/livez").status, 200);
}

TEST_F(GatewayTest, LimitsJsonBodies) {
  const net::Response response = Post("/query/sql", std::string(1'001, ' '));
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(Parse(response)["code"], "resource_exhausted");
}

TEST_F(GatewayTest, IsNotReadyWhileItDrains) {
  EXPECT_EQ(Get("/readyz").status, 200);
  services_.draining = true;
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_EQ(Get("/livez").status, 200);
}

TEST_F(GatewayTest, HealthNamesWhatFails) {
  services_.engine.on_query = [](const sql::QueryRequest&) { return Internal("/secret/path"); };
  services_.models.last_error = Unavailable("/secret/model is gone");
  const net::Response response = Get("/health");
  EXPECT_EQ(response.status, 200);
  const Json health = Parse(response);
  EXPECT_EQ(health["status"], "degraded");
  EXPECT_EQ(health["components"][0]["status"], "ok");
  EXPECT_EQ(health["components"][2]["code"], "internal");
  EXPECT_EQ(health["components"][3]["code"], "unavailable");
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
}

TEST_F(GatewayTest, DecodesAQueryAndSplicesItsRows) {
  services_.engine.on_query = [](const sql::QueryRequest& query) -> Result<sql::QueryResult> {
    EXPECT_EQ(query.sql, "select ?");
    EXPECT_EQ(query.params, std::vector<Json>({Json("it's"), Json(nullptr)}));
    EXPECT_EQ(query.row_limit, 5);
    EXPECT_FALSE(query.cancel.stopped());
    return sql::QueryResult{.columns = {{"a\"b", "VARCHAR"}},
                            .rows_json = "[[ 1 ]]",
                            .row_count = 1,
                            .truncated = true};
  };
  const net::Response response =
      Post("/query/sql",
           R"({"sql": "select ?", "params": ["it's", null], "limit": 5, "query_id": "q"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("\"rows\":[[ 1 ]],"));
  const Json answer = Parse(response);
  EXPECT_EQ(answer["columns"][0]["name"], "a\"b");
  EXPECT_EQ(answer["query_id"], "q");
  EXPECT_EQ(answer["truncated"], true);
}

TEST_F(GatewayTest, CancelsARunningQueryByItsId) {
  std::latch running(1);
  services_.engine.on_query = [&](const sql::QueryRequest& query) -> Result<sql::QueryResult> {
    running.count_down();
    while (!query.cancel.stopped()) std::this_thread::yield();
    return query.cancel.Check();
  };
  net::Response cancelled;
  std::thread client(
      [&] { cancelled = Post("/query/sql", R"({"sql": "select 1", "query_id": "q1"})"); });
  running.wait();
  EXPECT_EQ(Post("/query/sql", R"({"sql": "select 1", "query_id": "q1"})").status, 409);
  EXPECT_EQ(Call(net::Method::kDelete, "/query/q1").status, 200);
  client.join();
  EXPECT_EQ(cancelled.status, 499);
  EXPECT_EQ(Parse(cancelled)["code"], "cancelled");
  EXPECT_EQ(Call(net::Method::kDelete, "/query/q1").status, 404);
}

TEST_F(GatewayTest, StopsAQueryAtItsTimeout) {
  services_.engine.on_query = [&](const sql::QueryRequest& query) -> Result<sql::QueryResult> {
    while (!query.cancel.stopped()) std::this_thread::yield();
    return query.cancel.Check();
  };
  EXPECT_EQ(Post("/query/sql", R"({"sql": "select 1", "timeout_ms": 1})").status, 504);
}

TEST_F(GatewayTest, PassesAnUploadOnWhateverTheOrderOfItsParts) {
  constexpr std::string_view kForm =
      "--X\r\nContent-Disposition: form-data; name=file; filename=\"C:\\dir\\a.csv\"\r\n\r\n1,2\r\n"
      "--X\r\nContent-Disposition: form-data; name=mode\r\n\r\nappend\r\n"
      "--X\r\nContent-Disposition: form-data; name=dataset\r\n\r\npeople\r\n--X--\r\n";
  services_.ingester.on_ingest =
      [&](const ingest::IngestRequest& request) -> Result<ingest::IngestAnswer> {
    EXPECT_EQ(services_.ingester.received, "1,2");
    EXPECT_EQ(request.file_name, "a.csv");
    EXPECT_EQ(request.dataset->str(), "people");
    EXPECT_EQ(request.mode, catalog::CommitMode::kAppend);
    EXPECT_EQ(request.bucket->str(), "primary");
    return Conflict("somebody else was first");
  };
  net::Headers headers;
  headers.Set("Content-Type", "multipart/form-data; boundary=X");
  headers.Set("X-Lakehouse-Bucket", "primary");
  const net::Response response =
      Call(net::Method::kPost, "/ingest/file", std::string(kForm), headers);
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(Detail(response), "somebody else was first");
}

TEST_F(GatewayTest, PagesJobsNewestFirst) {
  for (const char* id : {"a", "c", "b"}) {
    services_.search.jobs.push_back(Job(id, search::JobState::kDone));
  }
  const Json first = Parse(Get("/vectors/jobs?limit=2"));
  EXPECT_EQ(first["items"][0]["id"], "c");
  EXPECT_EQ(first["items"][1]["id"], "b");
  EXPECT_EQ(first["next_cursor"], "b");
  const Json second = Parse(Get("/vectors/jobs?limit=2&cursor=b"));
  EXPECT_EQ(second["items"].size(), 1u);
  EXPECT_EQ(second["items"][0]["id"], "a");
  EXPECT_TRUE(second["next_cursor"].is_null());
}

TEST_F(GatewayTest, StreamsEventsUntilTheJobEnds) {
  int polls = 0;
  services_.search.on_get_job = [&](const JobId& id) {
    return Job(id.str(), ++polls < 3 ? search::JobState::kRunning : search::JobState::kDone);
  };
  const net::Response response = Get("/vectors/jobs/j1/events");
  EXPECT_EQ(response.headers.Get("Content-Type"), "text/event-stream");
  std::string text;
  ASSERT_TRUE(response
                  .stream([&](std::string_view bytes) {
                    text.append(bytes);
                    return OkStatus();
                  })
                  .ok());
  EXPECT_THAT(text, HasSubstr("event: progress\ndata: {"));
  EXPECT_THAT(text, HasSubstr("event: end\ndata: {"));
  EXPECT_LT(text.find("event: progress"), text.find("event: end"));
}

TEST_F(GatewayTest, EventStreamsLeaveWorkersFree) {
  services_.search.on_get_job = [&](const JobId& id) {
    return Job(id.str(), search::JobState::kRunning);
  };
  {
    const net::Response first = Get("/vectors/jobs/j1/events");
    const net::Response second = Get("/vectors/jobs/j1/events");
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(Get("/vectors/jobs/j1/events").status, 503);
  }
  EXPECT_EQ(Get("/vectors/jobs/j1/events").status, 200);
}

TEST_F(GatewayTest, ADocumentIdMayHoldSlashes) {
  const Json answer = Parse(Get("/vectors/doc/people_v1/a%2Fb%20c"));
  EXPECT_EQ(answer["doc_id"], "a/b c");
}

TEST_F(GatewayTest, CountsRequestsByRoute) {
  Get("/catalog/datasets/a");
  Get("/catalog/datasets/b");
  EXPECT_THAT(services_.metrics.PrometheusText(),
              HasSubstr("lakehouse_api_requests_total{method=\"GET\",route=\"/catalog/datasets/"
                        "{name}\",status=\"404\"} 2\n"));
}

TEST(IsUrgentTest, NamesWhatMustAlwaysAnswer) {
  const auto is_urgent = [](net::Method method, const std::string& path) {
    net::Request request;
    request.method = method;
    request.path = path;
    return IsUrgent(request);
  };
  EXPECT_TRUE(is_urgent(net::Method::kGet, "/livez"));
  EXPECT_TRUE(is_urgent(net::Method::kHead, "/readyz"));
  EXPECT_TRUE(is_urgent(net::Method::kGet, "/metrics"));
  EXPECT_TRUE(is_urgent(net::Method::kDelete, "/query/q1"));
  EXPECT_TRUE(is_urgent(net::Method::kDelete, "/vectors/jobs/j1"));
  EXPECT_FALSE(is_urgent(net::Method::kPost, "/query/sql"));
  EXPECT_FALSE(is_urgent(net::Method::kDelete, "/catalog/datasets/a"));
}

TEST(ProblemResponseTest, RendersErrorsOfTheServerItself) {
  for (const int status : {400, 403, 408, 413, 431, 500, 503, 505}) {
    const net::Response response = ProblemResponse(status, "detail", "r1");
    EXPECT_EQ(response.status, status);
    const Json problem = *ParseJson(response.body);
    EXPECT_EQ(problem["status"], status);
    EXPECT_EQ(problem["detail"] == "detail", status != 500);
  }
}

}  // namespace
}  // namespace lakehouse::gateway
