// What went wrong in a transfer, in words for people.
#pragma once

#include <cstdint>
#include <string_view>

#include <curl/curl.h>

#include "base/status.h"
#include "net/curl_url.h"
#include "net/http_client.h"

namespace lakehouse::net {

// What is known of a transfer that libcurl ended with an error.
struct CurlFailure {
  CURLcode code = CURLE_OK;
  TransferPhase reached = TransferPhase::kResolve;
  long os_error = 0;             // errno of the last connection attempt.
  long verify_result = 0;        // OpenSSL's, of the server's certificate.
  std::string_view detail;       // libcurl's own words.
  bool address_refused = false;  // By refuse_link_local or loopback_only.
  bool loopback_only = false;
  int64_t connect_timeout_ms = 0;
  int64_t timeout_ms = 0;
  std::string_view ca_file;
};

// Never ok. The messages name host, port and path, never a user or a query.
Status DescribeFailure(const CurlFailure& failure, const ClientUrl& url);

}  // namespace lakehouse::net
