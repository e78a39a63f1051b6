// Indexes and search.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "gateway/codecs.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

Result<IndexName> IndexOf(const net::Request& request, std::string_view parameter) {
  return IndexName::Parse(request.path_params.find(parameter)->second);
}

Answer CreateIndex(const Services& services, const Json& body) {
  ASSIGN_OR_RETURN(const search::CreateIndexRequest request,
                   DecodeCreateIndex(body, services.config->search));
  ASSIGN_OR_RETURN(const search::JobInfo job, services.search->CreateIndex(request));
  return JobResponse(job, {{"index_name", job.subject}});
}

Answer MoveIndex(const Services& services, const net::Request& request, const Json& body) {
  ASSIGN_OR_RETURN(const IndexName name, IndexOf(request, "name"));
  ASSIGN_OR_RETURN(const BucketName bucket, DecodeMove(body));
  ASSIGN_OR_RETURN(const search::JobInfo job, services.search->StartMoveIndex(name, bucket));
  return JobResponse(job, {{"index_name", name.str()}});
}

Answer ListIndexes(const Services& services, const net::Request& request) {
  const auto source = request.QueryParam("source");
  const auto model = request.QueryParam("model");
  if (source.has_value()) TRY(DatasetName::Parse(*source).status());
  std::vector<search::IndexInfo> indexes = services.search->ListIndexes();
  std::erase_if(indexes, [&](const search::IndexInfo& index) {
    return (source.has_value() && index.source.str() != *source) ||
           (model.has_value() && index.space.model != *model);
  });
  std::sort(indexes.begin(), indexes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  ASSIGN_OR_RETURN(
      const Json page,
      PageOf<search::IndexInfo>(
          request, indexes, [](const search::IndexInfo& index) { return index.name.str(); },
          EncodeIndex));
  return JsonResponse(page);
}

Answer GetIndex(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const IndexName name, IndexOf(request, "name"));
  ASSIGN_OR_RETURN(const search::IndexInfo index, services.search->GetIndex(name));
  return JsonResponse(EncodeIndex(index));
}

Answer DropIndex(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const IndexName name, IndexOf(request, "name"));
  TRY(services.search->DropIndex(name));
  return JsonResponse({{"name", name.str()}, {"deleted", true}});
}

Answer Search(const Services& services, const net::Request& request, const Json& body) {
  ASSIGN_OR_RETURN(search::SearchRequest search, DecodeSearch(body));
  search.cancel = request.cancel;
  const int64_t started = Clock::System().MonotonicMicros();
  ASSIGN_OR_RETURN(const search::SearchAnswer answer, services.search->Search(search));
  return JsonResponse(EncodeSearchAnswer(answer, Clock::System().MonotonicMicros() - started));
}

Answer GetDocument(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const IndexName index, IndexOf(request, "index"));
  const std::string& doc_id = request.path_params.at("doc_id");
  ASSIGN_OR_RETURN(const std::vector<search::SearchHit> chunks,
                   services.search->GetDocument(index, doc_id));
  Json list = Json::array();
  for (const search::SearchHit& chunk : chunks) list.push_back(EncodeChunk(chunk));
  return JsonResponse(
      {{"index_name", index.str()}, {"doc_id", doc_id}, {"chunks", std::move(list)}});
}

void AddIndexRoutes(const Services& services, net::Router& router) {
  AddJsonRoute(
      router,
      {.method = net::Method::kPost,
       .pattern = "/vectors/index",
       .summary = "Embeds a dataset's text column and builds an index in a background job.",
       .success = "202",
       .fields = {{"index_name", "string", false, "Default: {source}_v{n}."},
                  {"source", "string", true, "The dataset."},
                  {"id_column", "string", true, "Its unique column without NULL."},
                  {"text_column", "string", true, "Its column to embed."},
                  {"model", "string", false, "Default: the configured model."},
                  {"chunk_size", "integer", false, "Tokens of a chunk at most."},
                  {"overlap", "integer", false, "Tokens that neighbouring chunks share."}}},
      services.config->server.max_request_bytes,
      [&services](net::Request&, const Json& body) { return CreateIndex(services, body); });
  std::vector<net::RouteField> list_query = PageFields();
  list_query.push_back({"source", "string", false, "Only indexes of this dataset."});
  list_query.push_back({"model", "string", false, "Only indexes of this model."});
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/vectors/indexes",
            .summary = "Lists the indexes by name.",
            .query = std::move(list_query)},
           [&services](net::Request& request) { return ListIndexes(services, request); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/vectors/indexes/{name}",
            .summary = "Shows an index: source, model, size, coverage."},
           [&services](net::Request& request) { return GetIndex(services, request); });
  AddRoute(router,
           {.method = net::Method::kDelete,
            .pattern = "/vectors/indexes/{name}",
            .summary = "Cancels an index's job, if any, and removes the index."},
           [&services](net::Request& request) { return DropIndex(services, request); });
  AddJsonRoute(router,
               {.method = net::Method::kPatch,
                .pattern = "/vectors/indexes/{name}",
                .summary = "Moves an index to another bucket in a background job; it stays in use.",
                .success = "202",
                .fields = {{"bucket", "string", true, "The bucket that it moves to."}}},
               services.config->server.max_request_bytes,
               [&services](net::Request& request, const Json& body) {
                 return MoveIndex(services, request, body);
               });
}

}  // namespace

void AddVectorRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddIndexRoutes(services, router);
  AddJsonRoute(
      router,
      {.method = net::Method::kPost,
       .pattern = "/vectors/search",
       .summary = "Finds the chunks that are nearest to a text or a vector.",
       .fields = {{"index_name", "string", true, "The index."},
                  {"query", "string", false, "A text; or give a vector."},
                  {"vector", "array", false, "A vector of the index's width."},
                  {"top_k", "integer", false, "How many chunks, 1 to 10000; 10 by default."}}},
      services.config->server.max_request_bytes,
      [&services](net::Request& request, const Json& body) {
        return Search(services, request, body);
      });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/vectors/doc/{index}/{doc_id:path}",
            .summary = "Shows the chunks of one document in order."},
           [&services](net::Request& request) { return GetDocument(services, request); });
}

}  // namespace lakehouse::gateway
