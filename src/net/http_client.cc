#include "net/http_client.h"

#include <utility>

#include "base/check.h"
#include "net/curl_pool.h"
#include "net/curl_transfer.h"
#include "net/curl_url.h"

namespace lakehouse::net {

HttpClient::HttpClient(HttpClientOptions options)
    : options_(std::move(options)),
      pool_(std::make_unique<CurlPool>(options_.max_idle_connections)) {}

HttpClient::~HttpClient() = default;

Result<ClientResponse> HttpClient::Fetch(ClientRequest request, const BodySink& sink,
                                         TransferPhase* reached) {
  if (reached != nullptr) *reached = TransferPhase::kResolve;
  CHECK(request.method != Method::kOther);
  TRY(request.cancel.Check());
  ASSIGN_OR_RETURN(const ClientUrl url, ParseClientUrl(request.url));
  CurlSlot slot = pool_->Take(url.origin);
  CurlTransfer transfer(options_, url, request, sink, slot);
  const Status status = transfer.Run();
  pool_->Give(std::move(slot));
  if (reached != nullptr) *reached = transfer.reached();
  TRY(status);
  return transfer.TakeResponse();
}

}  // namespace lakehouse::net
