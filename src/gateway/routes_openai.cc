// The part of OpenAI's API that embedding clients use.
#include <utility>

#include "base/log.h"
#include "gateway/codecs.h"
#include "gateway/problem.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

// What is told of every model: OpenAI's clients want a number.
constexpr int64_t kCreated = 0;

// Makes a problem an error of OpenAI's too.
void AddOpenAiError(net::Response& response) {
  Json problem = *ParseJson(response.body);
  const bool is_missing = problem["code"] == StatusCodeName(StatusCode::kNotFound);
  problem["error"] = {{"message", problem["detail"]},
                      {"type", response.status < 500 ? "invalid_request_error" : "server_error"},
                      {"param", is_missing ? Json("model") : Json()},
                      {"code", is_missing ? Json("model_not_found") : problem["code"]}};
  response.body = DumpJson(problem);
}

Status CheckDimensions(const ai::EmbeddingSpace& space, int64_t asked) {
  if (asked == 0 || asked == space.dimensions) return OkStatus();
  return InvalidArgument("dimensions: model ", space.model, " gives ", space.dimensions,
                         "; configure another [[ai.models]] table for ", asked);
}

Answer Embed(const Services& services, const net::Request& request, const Json& body) {
  ASSIGN_OR_RETURN(const OpenAiEmbedRequest call, DecodeOpenAiEmbed(body));
  ASSIGN_OR_RETURN(const auto model, services.models->Get(call.embed.model, request.cancel));
  TRY(CheckDimensions(model->space(), call.dimensions));
  ASSIGN_OR_RETURN(
      const ai::Embeddings embeddings,
      model->Embed(call.embed.texts, {.role = call.embed.role, .cancel = request.cancel}));
  std::string out = "{\"object\":\"list\",\"data\":[";
  for (size_t i = 0; i < embeddings.size(); ++i) {
    if (!embeddings[i].ok()) return embeddings[i].status().Annotate(StrCat("input[", i, "]"));
    StrAppend(out, i == 0 ? "" : ",", "{\"object\":\"embedding\",\"index\":", i, ",\"embedding\":");
    if (call.base64) {
      StrAppend(out, '"', EncodeBase64Floats(*embeddings[i]), '"');
    } else {
      AppendFloats(out, *embeddings[i]);
    }
    out.push_back('}');
  }
  size_t tokens = 0;
  for (const std::string& text : call.embed.texts) tokens += model->CountTokens(text);
  out.append("],\"model\":");
  AppendJsonString(out, call.embed.model);
  StrAppend(out, ",\"usage\":{\"prompt_tokens\":", tokens, ",\"total_tokens\":", tokens, "}}");
  net::Response response;
  response.headers.Set("Content-Type", "application/json");
  response.body = std::move(out);
  return response;
}

Json EncodeOpenAiModel(const ai::ModelInfo& model) {
  return {
      {"id", model.name}, {"object", "model"}, {"created", kCreated}, {"owned_by", model.provider}};
}

Answer ListModels(const Services& services, const net::Request& request) {
  Json data = Json::array();
  for (const ai::ModelInfo& model : services.models->ListModels(request.cancel)) {
    data.push_back(EncodeOpenAiModel(model));
  }
  return JsonResponse({{"object", "list"}, {"data", std::move(data)}});
}

Answer GetModel(const Services& services, const net::Request& request) {
  const std::string& name = request.path_params.at("model");
  TRY(services.models->Check(name, ""));
  for (const ai::ModelInfo& model : services.models->ListModels(request.cancel)) {
    if (model.name == name) return JsonResponse(EncodeOpenAiModel(model));
  }
  return NotFound("model: ", name);
}

}  // namespace

void AddOpenAiRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddJsonRoute(
      router,
      {.method = net::Method::kPost,
       .pattern = "/v1/embeddings",
       .summary = "As OpenAI's: turns texts into vectors.",
       .fields = {{"model", "string", true, "Its name in the configuration."},
                  {"input", "string|array", true, "A text, or a list of them."},
                  {"encoding_format", "string", false, "float (the default) or base64."},
                  {"dimensions", "integer", false, "Must be what the model gives."},
                  {"input_type", "string", false, "document (the default) or query."},
                  {"user", "string", false, "Taken and not used."}}},
      services.config->server.max_request_bytes,
      [&services](net::Request& request, const Json& body) {
        return Embed(services, request, body);
      },
      AddOpenAiError);
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/v1/models",
            .summary = "As OpenAI's: lists the configured models."},
           [&services](net::Request& request) { return ListModels(services, request); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/v1/models/{model:path}",
            .summary = "As OpenAI's: shows a configured model."},
           [&services](net::Request& request) -> Answer {
             Answer answer = GetModel(services, request);
             if (answer.ok()) return answer;
             net::Response problem = ProblemFromStatus(answer.status(), request.request_id);
             AddOpenAiError(problem);
             return problem;
           });
}

}  // namespace lakehouse::gateway
