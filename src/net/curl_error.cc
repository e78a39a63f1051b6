#include "net/curl_error.h"

#include <cerrno>
#include <string>
#include <system_error>

#include "base/strings.h"

namespace lakehouse::net {
namespace {

// OpenSSL's verification results, as its manual page verify(1) lists them. They are part of its
// interface; the header that names them belongs to another module.
constexpr long kChainIsGood = 0;
constexpr long kChainNotLookedAt = 1;
constexpr long kNotYetValid = 9;
constexpr long kExpired = 10;
constexpr long kSelfSigned = 18;
constexpr long kSelfSignedInChain = 19;
constexpr long kNoIssuer = 2;
constexpr long kNoLocalIssuer = 20;
constexpr long kUnverifiedLeaf = 21;

Status Untrusted(const CurlFailure& failure, const ClientUrl& url) {
  switch (failure.verify_result) {
    case kChainIsGood:
    case kChainNotLookedAt:  // libcurl compares the name first.
      return PermissionDenied("the certificate of ", url.peer,
                              " is for another host: use a host name that it holds");
    case kExpired:
      return PermissionDenied("the certificate of ", url.peer,
                              " has expired: renew it, or check the clock of this machine");
    case kNotYetValid:
      return PermissionDenied("the certificate of ", url.peer,
                              " is not valid yet: check the clock of this machine");
    case kNoIssuer:
    case kSelfSigned:
    case kSelfSignedInChain:
    case kNoLocalIssuer:
    case kUnverifiedLeaf:
      return PermissionDenied("the certificate of ", url.peer, " has an unknown issuer: ",
                              failure.ca_file.empty()
                                  ? "name the issuer's certificate as ca_file"
                                  : "it is not among the certificates of ca_file ",
                              failure.ca_file.empty() ? "" : QuoteForMessage(failure.ca_file));
    default:
      return PermissionDenied("the certificate of ", url.peer,
                              " is not trusted: ", QuoteForMessage(failure.detail),
                              "; another issuer's certificate can be named as ca_file");
  }
}

// Of a transfer that sent nothing of its request.
Status NotConnected(const CurlFailure& failure, const ClientUrl& url) {
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return Unavailable("cannot resolve host ", url.host, ": check the name and the name server");
    case CURLE_PEER_FAILED_VERIFICATION:
      return Untrusted(failure, url);
    case CURLE_SSL_CACERT_BADFILE:
      return InvalidArgument("cannot read the certificates (PEM) of ca_file ",
                             QuoteForMessage(failure.ca_file));
    case CURLE_COULDNT_CONNECT:
      if (failure.address_refused) {
        return PermissionDenied("the address of host ", url.host,
                                failure.loopback_only
                                    ? " is not one of this machine, where the connection must end"
                                    : " is link-local, which may not be connected to from here");
      }
      if (failure.os_error == ECONNREFUSED) {
        return Unavailable("connection refused by ", url.peer, ": is the server running there?");
      }
      return Unavailable("cannot connect to ", url.peer, ": ",
                         std::generic_category().message(static_cast<int>(failure.os_error)));
    default:
      break;
  }
  if (failure.reached == TransferPhase::kTls) {
    return Unavailable("the TLS handshake with ", url.peer,
                       " failed: does the server speak https? ", QuoteForMessage(failure.detail));
  }
  return Unavailable("cannot connect to ", url.peer, ": ", QuoteForMessage(failure.detail));
}

Status TimedOut(const CurlFailure& failure, const ClientUrl& url) {
  if (failure.reached >= TransferPhase::kSend) {
    return DeadlineExceeded("the exchange with ", url.peer, " did not end in time (",
                            failure.timeout_ms, " ms): ", url.printable);
  }
  const std::string_view what = failure.reached == TransferPhase::kResolve ? "resolving host "
                                : failure.reached == TransferPhase::kConnect
                                    ? "connecting to "
                                    : "the TLS handshake with ";
  const bool whole = failure.timeout_ms > 0 && failure.timeout_ms < failure.connect_timeout_ms;
  return DeadlineExceeded(what, url.peer, " did not end in time (",
                          whole ? failure.timeout_ms : failure.connect_timeout_ms, " ms)");
}

}  // namespace

Status DescribeFailure(const CurlFailure& failure, const ClientUrl& url) {
  if (failure.code == CURLE_OPERATION_TIMEDOUT) return TimedOut(failure, url);
  if (failure.reached < TransferPhase::kSend) return NotConnected(failure, url);
  switch (failure.code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return Unavailable("the answer of ", url.peer, " is not HTTP: ", url.printable);
    case CURLE_PARTIAL_FILE:
      return Unavailable("the answer of ", url.peer, " ended early: ", url.printable);
    default:
      return Unavailable("the connection to ", url.peer,
                         failure.reached == TransferPhase::kSend
                             ? " broke before the request was sent: "
                             : " broke before the end of the answer: ",
                         url.printable);
  }
}

}  // namespace lakehouse::net
