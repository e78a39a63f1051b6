#include "storage/bucket_probe_contact.h"

#include <cstdlib>
#include <utility>

#include "base/strings.h"
#include "storage/s3/s3_time.h"

namespace lakehouse::storage {
namespace {

using net::TransferPhase;

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr int64_t kTimeoutMs = 5'000;
constexpr int64_t kMicrosPerSecond = 1'000'000;
// S3 servers refuse requests that are signed with a time further away than this.
constexpr int64_t kMaxSkewSeconds = 15 * 60;
constexpr int64_t kNotableSkewSeconds = 60;

bool IsTls(std::string_view url) { return url.starts_with(kHttps); }

std::string_view AuthorityOf(std::string_view url) {
  return url.substr(IsTls(url) ? kHttps.size() : kHttp.size());
}

// "7 seconds", "1 hour 3 minutes".
std::string DescribeSeconds(int64_t seconds) {
  const auto count = [](int64_t number, std::string_view unit) {
    return StrCat(number, " ", unit, number == 1 ? "" : "s");
  };
  if (seconds < 120) return count(seconds, "second");
  if (seconds < 7'200) return count(seconds / 60, "minute");
  if (seconds < 172'800) {
    return StrCat(count(seconds / 3'600, "hour"), " ", count(seconds / 60 % 60, "minute"));
  }
  return count(seconds / 86'400, "day");
}

Finding CheckClock(Timestamp server_time, const Clock& clock) {
  if (server_time.micros == 0) return Passed("the server does not tell its time");
  const int64_t ahead = (clock.Now().micros - server_time.micros) / kMicrosPerSecond;
  const std::string apart = StrCat(DescribeSeconds(std::abs(ahead)),
                                   ahead > 0 ? " ahead of" : " behind", " the server's");
  if (std::abs(ahead) > kMaxSkewSeconds) {
    return Failed(PermissionDenied("this machine's clock is ", apart,
                                   "; signed requests may differ by 15 minutes at most"),
                  "set the clock that is wrong, best by NTP");
  }
  if (std::abs(ahead) > kNotableSkewSeconds) return Passed(StrCat("the clock is ", apart));
  return Passed();
}

// The server speaks the other one of http and https.
Finding OtherScheme(std::string_view base_url) {
  const bool tls = IsTls(base_url);
  const std::string_view there = tls ? kHttp : kHttps;
  return Failed(
      InvalidArgument("the endpoint says ", tls ? "https" : "http", ", but the server speaks ",
                      tls ? "http" : "https", " at ", AuthorityOf(base_url)),
      StrCat("set endpoint = \"", there, AuthorityOf(base_url), "\"",
             tls ? " and, unless it is this machine, allow_http = true" : ""));
}

bool SpeaksOtherScheme(const Contact& contact, const std::string& base_url,
                       const std::string& ca_file) {
  const bool tls = IsTls(base_url);
  // A server of TLS closes the connection, or answers 400 to what is not TLS.
  const bool suspicious = tls ? contact.reached == TransferPhase::kTls &&
                                    contact.status.code() != StatusCode::kPermissionDenied
                              : contact.reached >= TransferPhase::kSend &&
                                    (!contact.status.ok() || contact.http_status == 400);
  if (!suspicious) return false;
  const Contact other = MakeContact(StrCat(tls ? kHttp : kHttps, AuthorityOf(base_url)), ca_file);
  if (other.status.ok()) return true;
  return !tls && other.reached >= TransferPhase::kTls &&
         other.status.code() == StatusCode::kPermissionDenied;
}

Finding TlsFailure(const Contact& contact, std::string_view base_url, const std::string& ca_file) {
  if (contact.status.code() != StatusCode::kPermissionDenied) {
    return Failed(contact.status, "check that the server speaks TLS 1.2 or later");
  }
  const std::string& message = contact.status.message();
  if (message.find("for another host") != std::string::npos) {
    return Failed(contact.status, StrCat("use the name that stands in the certificate as endpoint, "
                                         "or give the server a certificate for ",
                                         AuthorityOf(base_url)));
  }
  if (message.find("expired") != std::string::npos ||
      message.find("not valid yet") != std::string::npos) {
    return Failed(contact.status, "renew the server's certificate, or set this machine's clock");
  }
  return Failed(contact.status,
                ca_file.empty()
                    ? "set ca_file to the certificate (PEM) of the authority that signed it"
                    : StrCat("put the certificate of the authority that signed it into ", ca_file));
}

}  // namespace

Contact MakeContact(const std::string& base_url, const std::string& ca_file) {
  net::HttpClientOptions options;
  options.ca_file = ca_file;
  options.connect_timeout_ms = kTimeoutMs;
  options.refuse_link_local = true;
  net::HttpClient client(std::move(options));
  net::ClientRequest request;
  request.method = net::Method::kHead;
  request.url = base_url + "/";
  request.timeout_ms = 2 * kTimeoutMs;
  Contact contact;
  const int64_t begin = Clock::System().MonotonicMicros();
  const Result<net::ClientResponse> response =
      client.Fetch(std::move(request), {}, &contact.reached);
  contact.micros = Clock::System().MonotonicMicros() - begin;
  contact.status = response.status();
  if (response.ok()) {
    contact.http_status = response->status;
    contact.server_time =
        ParseHttpDate(response->headers.Get("Date").value_or("")).value_or(Timestamp());
  }
  return contact;
}

bool JudgeContact(const Contact& contact, const std::string& base_url, const std::string& ca_file,
                  const Clock& clock, ProbeSteps& steps) {
  const TransferPhase reached = contact.reached;
  if (!contact.status.ok() && reached == TransferPhase::kResolve) {
    steps.Add("resolve",
              Failed(contact.status,
                     "correct the host in endpoint, or this machine's name service (DNS)"),
              contact.micros);
    return false;
  }
  steps.Add("resolve", Passed());
  if (!contact.status.ok() && reached == TransferPhase::kConnect) {
    const bool refused = contact.status.code() == StatusCode::kPermissionDenied;
    steps.Add("connect",
              Failed(contact.status,
                     refused ? "name an endpoint that is no link-local address"
                             : "start the server, correct the port in endpoint, or open the "
                               "firewall in between"),
              contact.micros);
    return false;
  }
  steps.Add("connect", Passed(), contact.micros);
  if (SpeaksOtherScheme(contact, base_url, ca_file)) {
    steps.Add("tls", OtherScheme(base_url));
    return false;
  }
  if (IsTls(base_url)) {
    const bool failed = !contact.status.ok() && reached == TransferPhase::kTls;
    steps.Add("tls", failed ? TlsFailure(contact, base_url, ca_file) : Passed());
    if (failed) return false;
  }
  if (!contact.status.ok()) {
    steps.Add("answer", Failed(contact.status,
                               "check that an S3 server, and no other program, listens there"));
    return false;
  }
  steps.Add("clock", CheckClock(contact.server_time, clock));
  return steps.report().steps.back().status.ok();
}

}  // namespace lakehouse::storage
