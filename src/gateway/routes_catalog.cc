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
}

}  // namespace lakehouse::gateway
