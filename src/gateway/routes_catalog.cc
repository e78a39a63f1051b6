// Datasets.
#include "gateway/codecs.h"
#include "gateway/routes.h"

namespace lakehouse::gateway {
namespace {

Answer ListDatasets(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const Json page,
                   PageOf<catalog::DatasetPtr>(
                       request, services.catalog->List(),
                       [](const catalog::DatasetPtr& dataset) { return dataset->name.str(); },
                       [](const catalog::DatasetPtr& dataset) { return EncodeDataset(*dataset); }));
  return JsonResponse(page);
}

Answer GetDataset(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const DatasetName name, DatasetName::Parse(request.path_params.at("name")));
  ASSIGN_OR_RETURN(const catalog::DatasetPtr dataset, services.catalog->Get(name));
  return JsonResponse(EncodeDataset(*dataset));
}

Answer DropDataset(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const DatasetName name, DatasetName::Parse(request.path_params.at("name")));
  TRY(services.catalog->Drop(name));
  return JsonResponse({{"name", name.str()}, {"deleted", true}});
}

Answer MoveDataset(const Services& services, const net::Request& request, const Json& body) {
  ASSIGN_OR_RETURN(const DatasetName name, DatasetName::Parse(request.path_params.at("name")));
  ASSIGN_OR_RETURN(const BucketName bucket, DecodeMove(body));
  ASSIGN_OR_RETURN(const search::JobInfo job, services.search->StartMoveDataset(name, bucket));
  return JobResponse(job, {{"name", name.str()}});
}

}  // namespace

void AddCatalogRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/catalog/datasets",
            .summary = "Lists the datasets by name.",
            .query = PageFields()},
           [&services](net::Request& request) { return ListDatasets(services, request); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/catalog/datasets/{name}",
            .summary = "Shows a dataset: columns, size, lineage, embedding state."},
           [&services](net::Request& request) { return GetDataset(services, request); });
  AddRoute(router,
           {.method = net::Method::kDelete,
            .pattern = "/catalog/datasets/{name}",
            .summary = "Removes a dataset."},
           [&services](net::Request& request) { return DropDataset(services, request); });
  AddJsonRoute(
      router,
      {.method = net::Method::kPatch,
       .pattern = "/catalog/datasets/{name}",
       .summary = "Moves a dataset to another bucket in a background job; it stays in use.",
       .success = "202",
       .fields = {{"bucket", "string", true, "The bucket that it moves to."}}},
      services.config->server.max_request_bytes,
      [&services](net::Request& request, const Json& body) {
        return MoveDataset(services, request, body);
      });
}

}  // namespace lakehouse::gateway
