#include "gateway/openapi.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "base/version.h"

namespace lakehouse::gateway {
namespace {

// One parameter of a pattern: its name and JSON type.
struct PathParameter {
  std::string name;
  std::string type;
};

// "/a/{n:int}" -> "/a/{n}", and the parameters in order.
std::string PlainPath(const std::string& pattern, std::vector<PathParameter>& parameters) {
  std::string path;
  for (const std::string_view piece : SplitString(std::string_view(pattern).substr(1), '/')) {
    path.push_back('/');
    if (!piece.starts_with('{')) {
      path.append(piece);
      continue;
    }
    const std::string_view inner = piece.substr(1, piece.size() - 2);
    const std::string name(inner.substr(0, inner.find(':')));
    parameters.push_back({name, inner.ends_with(":int") ? "integer" : "string"});
    StrAppend(path, "{", name, "}");
  }
  return path;
}

// "get_catalog_datasets_name"
std::string OperationId(const net::Route& route, const std::string& path) {
  std::string id = ToLowerAscii(net::MethodName(route.method));
  for (const char c : path) {
    if (c == '/' || c == '.' || c == '-') {
      id.push_back('_');
    } else if (c != '{' && c != '}') {
      id.push_back(c);
    }
  }
  return id;
}

Json FieldSchema(const net::RouteField& field) {
  if (field.type == "file") {
    return {{"type", "string"},
            {"contentMediaType", "application/octet-stream"},
            {"description", field.summary}};
  }
  Json schema = {{"type", field.type}};
  if (const size_t bar = field.type.find('|'); bar != std::string::npos) {
    schema["type"] = {field.type.substr(0, bar), field.type.substr(bar + 1)};
  }
  if (field.type.ends_with("array")) schema["items"] = Json::object();
  schema["description"] = field.summary;
  return schema;
}

Json Parameter(const net::RouteField& field, std::string_view place) {
  return {{"name", field.name},
          {"in", place},
          {"required", field.required},
          {"description", field.summary},
          {"schema", {{"type", field.type}}}};
}

Json Parameters(const net::Route& route, const std::vector<PathParameter>& path_parameters) {
  Json list = Json::array();
  for (const PathParameter& parameter : path_parameters) {
    list.push_back({{"name", parameter.name},
                    {"in", "path"},
                    {"required", true},
                    {"schema", {{"type", parameter.type}}}});
  }
  for (const net::RouteField& field : route.query) list.push_back(Parameter(field, "query"));
  for (const net::RouteField& field : route.headers) list.push_back(Parameter(field, "header"));
  return list;
}

Json RequestBody(const net::Route& route) {
  if (route.body == net::BodyKind::kStream && route.fields.empty()) {
    return {{"required", true},
            {"content", {{"application/octet-stream", {{"schema", Json::object()}}}}}};
  }
  Json properties = Json::object();
  Json required = Json::array();
  for (const net::RouteField& field : route.fields) {
    properties[field.name] = FieldSchema(field);
    if (field.required) required.push_back(field.name);
  }
  Json schema = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  const std::string media_type =
      route.body == net::BodyKind::kJson ? "application/json" : "multipart/form-data";
  return {{"required", true}, {"content", {{media_type, {{"schema", std::move(schema)}}}}}};
}

Json Operation(const net::Route& route, const std::string& path,
               const std::vector<PathParameter>& path_parameters) {
  Json operation = {{"operationId", OperationId(route, path)}, {"summary", route.summary}};
  Json parameters = Parameters(route, path_parameters);
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  if (route.body != net::BodyKind::kNone) operation["requestBody"] = RequestBody(route);
  const Json problem = {
      {"description", "An error."},
      {"content",
       {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
  operation["responses"] = {{route.success, {{"description", "Success."}}}, {"default", problem}};
  return operation;
}

Json ProblemSchema() {
  const Json text = {{"type", "string"}};
  return {{"type", "object"},
          {"required", {"type", "title", "status", "detail", "code", "request_id"}},
          {"properties",
           {{"type", text},
            {"title", text},
            {"status", {{"type", "integer"}}},
            {"detail", text},
            {"code", text},
            {"request_id", text}}}};
}

}  // namespace

Json OpenApiDocument(const net::Router& router) {
  Json paths = Json::object();
  for (const auto& route : router.routes()) {
    std::vector<PathParameter> parameters;
    const std::string path = PlainPath(route->pattern, parameters);
    const std::string method = ToLowerAscii(net::MethodName(route->method));
    paths[path][method] = Operation(*route, path, parameters);
  }
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Lakehouse"}, {"version", kVersion}}},
          {"paths", std::move(paths)},
          {"components", {{"schemas", {{"Problem", ProblemSchema()}}}}}};
}

}  // namespace lakehouse::gateway
