// Models: embedding, reranking, writing, and which of them are in memory.
#include <algorithm>
#include <numeric>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/codecs.h"
#include "gateway/problem.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

double ElapsedSince(int64_t started_micros) {
  return ElapsedMs(Clock::System().MonotonicMicros() - started_micros);
}

const std::string& NameOr(const std::string& name, const std::string& fallback) {
  return name.empty() ? fallback : name;
}

Status CheckConfigured(const std::string& name, std::string_view setting) {
  if (!name.empty()) return OkStatus();
  return InvalidArgument("model: name one, because ", setting, " is not configured");
}

Answer Embed(const Services& services, const net::Request& request, const Json& body) {
  ASSIGN_OR_RETURN(const EmbedRequest embed, DecodeEmbed(body));
  const int64_t started = Clock::System().MonotonicMicros();
  ASSIGN_OR_RETURN(
      const auto model,
      services.models->Get(NameOr(embed.model, services.models->default_name()), request.cancel));
  ASSIGN_OR_RETURN(const ai::Embeddings embeddings,
                   model->Embed(embed.texts, {.role = embed.role, .cancel = request.cancel}));
  std::string out = "{\"model\":";
  AppendJsonString(out, model->space().model);
  StrAppend(out, ",\"space\":", DumpJson(ai::EmbeddingSpaceToJson(model->space())),
            ",\"dimensions\":", model->space().dimensions, ",\"embeddings\":[");
  for (size_t i = 0; i < embeddings.size(); ++i) {
    StrAppend(out, i == 0 ? "" : ",", "{\"index\":", i, ",");
    if (embeddings[i].ok()) {
      out.append("\"embedding\":");
      AppendFloats(out, *embeddings[i]);
    } else {
      StrAppend(out, "\"error\":", DumpJson(EncodeItemError(embeddings[i].status())));
    }
    out.push_back('}');
  }
  StrAppend(out, "],\"elapsed_ms\":", ElapsedSince(started), "}");
  net::Response response;
  response.headers.Set("Content-Type", "application/json");
  response.body = std::move(out);
  return response;
}

// The best first; what could not be scored last.
std::vector<size_t> OrderOf(const std::vector<Result<float>>& scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    if (scores[a].ok() != scores[b].ok()) return scores[a].ok();
    return scores[a].ok() && *scores[a] > *scores[b];
  });
  return order;
}

Answer Rerank(const Services& services, const net::Request& request, const Json& body) {
  ASSIGN_OR_RETURN(const RerankRequest rerank, DecodeRerank(body));
  const std::string& name = NameOr(rerank.model, services.models->default_reranker());
  TRY(CheckConfigured(name, "ai.rerank_model"));
  const int64_t started = Clock::System().MonotonicMicros();
  ASSIGN_OR_RETURN(const auto reranker, services.models->GetReranker(name, request.cancel));
  ASSIGN_OR_RETURN(const auto scores,
                   reranker->Score(rerank.query, rerank.documents, request.cancel));
  Json results = Json::array();
  for (const size_t i : OrderOf(scores)) {
    if (rerank.top_n > 0 && results.size() == rerank.top_n) break;
    Json item = {{"index", i}};
    if (scores[i].ok()) {
      item["relevance_score"] = *scores[i];
    } else {
      item["error"] = EncodeItemError(scores[i].status());
    }
    if (rerank.return_documents) item["document"] = rerank.documents[i];
    results.push_back(std::move(item));
  }
  return JsonResponse(
      {{"model", name}, {"results", std::move(results)}, {"elapsed_ms", ElapsedSince(started)}});
}

Json EncodeGenerated(const std::string& model, const ai::GenerateAnswer& answer,
                     int64_t started_micros) {
  return {{"model", model},
          {"text", answer.text},
          {"finish_reason", answer.finish_reason},
          {"prompt_tokens", answer.prompt_tokens},
          {"completion_tokens", answer.completion_tokens},
          {"elapsed_ms", ElapsedSince(started_micros)}};
}

std::string Event(std::string_view type, const Json& data) {
  return StrCat("event: ", type, "\ndata: ", DumpJson(data), "\n\n");
}

// Server-sent events (WHATWG HTML section 9.2): "piece" as the text comes, then "done" or "error".
net::Response StreamGenerated(ai::Models& models, const std::string& name,
                              ai::GenerateRequest generate, const net::Request& request) {
  net::Response response;
  response.headers.Set("Content-Type", "text/event-stream");
  response.headers.Set("Cache-Control", "no-store");
  response.stream = [&models, name, generate = std::move(generate),
                     id = request.request_id](const net::BodyWriter& write) -> Status {
    const int64_t started = Clock::System().MonotonicMicros();
    const auto answer = models.Generate(name, generate, [&](std::string_view piece) {
      return write(Event("piece", {{"text", piece}}));
    });
    if (answer.ok()) return write(Event("done", EncodeGenerated(name, *answer, started)));
    if (answer.status().code() == StatusCode::kInternal) {
      LogError("generation failed", {{"request", id}, {"error", answer.status().message()}});
    }
    return write(Event("error", EncodeItemError(answer.status())));
  };
  return response;
}

Answer Generate(const Services& services, const net::Request& request, const Json& body) {
  ASSIGN_OR_RETURN(GenerateCall call, DecodeGenerate(body));
  const std::string& name = NameOr(call.model, services.models->default_generator());
  TRY(CheckConfigured(name, "ai.generate_model"));
  TRY(services.models->Check(name, "generate"));
  call.request.cancel = request.cancel;
  if (call.stream) {
    return StreamGenerated(*services.models, name, std::move(call.request), request);
  }
  const int64_t started = Clock::System().MonotonicMicros();
  ASSIGN_OR_RETURN(const ai::GenerateAnswer answer,
                   services.models->Generate(name, call.request, {}));
  return JsonResponse(EncodeGenerated(name, answer, started));
}

Answer ListModels(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(Json page,
                   PageOf<ai::ModelInfo>(
                       request, services.models->ListModels(request.cancel),
                       [](const ai::ModelInfo& model) { return model.name; }, EncodeModel));
  Json providers = Json::array();
  for (const ai::ProviderInfo& provider : services.models->ListProviders(request.cancel)) {
    providers.push_back(EncodeProvider(provider));
  }
  page["providers"] = std::move(providers);
  return JsonResponse(page);
}

Answer ChangeResidence(const Services& services, const net::Request& request, const Json& body,
                       bool load) {
  ASSIGN_OR_RETURN(const std::string name, DecodeModelName(body));
  const int64_t started = Clock::System().MonotonicMicros();
  TRY(load ? services.models->Preload(name, request.cancel)
           : services.models->Unload(name, request.cancel));
  return JsonResponse({{"model", name}, {"loaded", load}, {"elapsed_ms", ElapsedSince(started)}});
}

void AddResidenceRoutes(const Services& services, net::Router& router) {
  AddJsonRoute(router,
               {.method = net::Method::kPost,
                .pattern = "/admin/preload",
                .summary = "Brings a model into memory and answers when it is ready.",
                .fields = {{"model", "string", true, "Its name in the configuration."}}},
               services.config->server.max_request_bytes,
               [&services](net::Request& request, const Json& body) {
                 return ChangeResidence(services, request, body, true);
               });
  AddJsonRoute(router,
               {.method = net::Method::kPost,
                .pattern = "/admin/unload",
                .summary = "Takes a model out of memory; the next request loads it again.",
                .fields = {{"model", "string", true, "Its name in the configuration."}}},
               services.config->server.max_request_bytes,
               [&services](net::Request& request, const Json& body) {
                 return ChangeResidence(services, request, body, false);
               });
}

void AddEmbedRoute(const Services& services, net::Router& router) {
  AddJsonRoute(router,
               {.method = net::Method::kPost,
                .pattern = "/ai/embed",
                .summary = "Turns texts into vectors; a text that fails has an error in its place.",
                .fields = {{"model", "string", false, "Default: ai.model."},
                           {"text", "string", false, "One text; or give texts."},
                           {"texts", "array", false, "Up to 10,000 texts."},
                           {"role", "string", false,
                            "document (the default) or query: chooses the prefix."}}},
               services.config->server.max_request_bytes,
               [&services](net::Request& request, const Json& body) {
                 return Embed(services, request, body);
               });
}

void AddRerankRoute(const Services& services, net::Router& router) {
  AddJsonRoute(
      router,
      {.method = net::Method::kPost,
       .pattern = "/ai/rerank",
       .summary = "Orders documents by how well they answer a query.",
       .fields = {{"model", "string", false, "Default: ai.rerank_model."},
                  {"query", "string", true, "The question."},
                  {"documents", "array", true, "Up to 10,000 texts."},
                  {"top_n", "integer", false, "How many to answer; all by default."},
                  {"return_documents", "boolean", false, "Whether the texts are answered too."}}},
      services.config->server.max_request_bytes,
      [&services](net::Request& request, const Json& body) {
        return Rerank(services, request, body);
      });
}

void AddGenerateRoute(const Services& services, net::Router& router) {
  AddJsonRoute(
      router,
      {.method = net::Method::kPost,
       .pattern = "/ai/generate",
       .summary = "Lets a language model write; as server-sent events when stream is true.",
       .fields = {{"model", "string", false, "Default: ai.generate_model."},
                  {"prompt", "string", false, "What to answer; or give messages."},
                  {"messages", "array", false, "A conversation: [{role, content}]."},
                  {"system", "string", false, "Put before everything else."},
                  {"max_tokens", "integer", false, "Tokens of the answer at most."},
                  {"temperature", "number", false, "0 to 2."},
                  {"seed", "integer", false, "For answers that can be repeated."},
                  {"stop", "array", false, "Texts at which the answer ends."},
                  {"stream", "boolean", false, "Events piece, then done or error."}}},
      services.config->server.max_request_bytes,
      [&services](net::Request& request, const Json& body) {
        return Generate(services, request, body);
      });
}

}  // namespace

void AddAiRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddEmbedRoute(services, router);
  AddRerankRoute(services, router);
  AddGenerateRoute(services, router);
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/ai/models",
            .summary = "Lists the configured models, their providers and what is in memory.",
            .query = PageFields()},
           [&services](net::Request& request) { return ListModels(services, request); });
  AddResidenceRoutes(services, router);
}

}  // namespace lakehouse::gateway
