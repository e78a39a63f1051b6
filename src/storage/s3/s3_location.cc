#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

#include "base/strings.h"
#include "storage/object_store.h"
#include "storage/s3/s3_store.h"

namespace lakehouse::storage {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

struct Endpoint {
  bool tls = true;
  std::string host;  // Lower case; an IPv6 address in brackets.
  int port = 0;      // 0: the scheme's own.
};

Status BadEndpoint(std::string_view endpoint, std::string_view wrong) {
  return InvalidArgument("endpoint ", wrong,
                         "; expected http(s)://host[:port], not: ", QuoteForMessage(endpoint));
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= 253 && host.front() != '.' && host.front() != '-' &&
         host.find("..") == std::string_view::npos &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

bool IsIpv4(const std::string& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

// One address has one text, so that two buckets can be told apart by theirs.
Result<std::string> NormalIpv6(std::string_view endpoint, std::string_view host) {
  in6_addr address{};
  if (host.size() < 4 || host.back() != ']' ||
      inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &address) != 1) {
    return BadEndpoint(endpoint, "has no valid IPv6 address");
  }
  char text[INET6_ADDRSTRLEN];
  return StrCat("[", inet_ntop(AF_INET6, &address, text, sizeof(text)), "]");
}

// Splits "host:port" and checks both.
Status ParseAuthority(std::string_view text, std::string_view authority, Endpoint& endpoint) {
  size_t host_end = authority.find(':');
  if (authority.starts_with('[')) {
    host_end = authority.find("]:");
    if (host_end != std::string_view::npos) ++host_end;
  }
  if (authority.starts_with('[')) {
    ASSIGN_OR_RETURN(endpoint.host, NormalIpv6(text, authority.substr(0, host_end)));
  } else {
    endpoint.host = ToLowerAscii(authority.substr(0, host_end));
    if (!IsHostName(endpoint.host)) return BadEndpoint(text, "has no valid host");
  }
  if (host_end == std::string_view::npos) return OkStatus();
  const std::string_view digits = authority.substr(host_end + 1);
  const char* end = digits.data() + digits.size();
  const auto [last, error] = std::from_chars(digits.data(), end, endpoint.port);
  if (error != std::errc() || last != end || endpoint.port < 1 || endpoint.port > 65'535) {
    return BadEndpoint(text, "has no valid port");
  }
  if (endpoint.port == (endpoint.tls ? 443 : 80)) endpoint.port = 0;
  return OkStatus();
}

Result<Endpoint> ParseEndpoint(std::string_view text) {
  const std::string lower = ToLowerAscii(text);
  Endpoint endpoint;
  endpoint.tls = lower.starts_with(kHttps);
  if (!endpoint.tls && !lower.starts_with(kHttp)) return BadEndpoint(text, "has no http(s)://");
  std::string_view rest = text.substr(endpoint.tls ? kHttps.size() : kHttp.size());
  while (rest.ends_with('/')) rest.remove_suffix(1);
  // A user would be sent as another way to authenticate; its text is not repeated.
  if (rest.find('@') != std::string_view::npos) {
    return InvalidArgument("endpoint must not name a user or a password; use credentials");
  }
  if (rest.find_first_of("/?#\\ ") != std::string_view::npos) {
    return BadEndpoint(text, "must not have a path or a query: those are bucket and prefix");
  }
  TRY(ParseAuthority(text, rest, endpoint));
  return endpoint;
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" ||
         (IsIpv4(host) && host.starts_with("127."));
}

bool IsLinkLocal(const std::string& host) {
  if (host.starts_with('[')) {
    in6_addr address{};
    inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address);
    if (IN6_IS_ADDR_LINKLOCAL(&address)) return true;
    return IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 169 &&
           address.s6_addr[13] == 254;
  }
  return IsIpv4(host) && host.starts_with("169.254.");
}

bool IsAwsHost(std::string_view host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

Status CheckBucket(std::string_view bucket) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  if (bucket.size() < 3 || bucket.size() > 63 ||
      !std::all_of(bucket.begin(), bucket.end(), allowed) || bucket.front() == '.' ||
      bucket.front() == '-' || bucket.find("..") != std::string_view::npos) {
    return InvalidArgument("bucket must be 3 to 63 letters, digits, '-' or '.', not: ",
                           QuoteForMessage(bucket));
  }
  return OkStatus();
}

// A host name has no upper case and no underscore, and the certificate of *.s3.amazonaws.com
// covers no further dot.
bool FitsHostName(std::string_view bucket) {
  return IsHostName(bucket) && bucket.find('.') == std::string_view::npos;
}

Status CheckRegion(std::string_view region) {
  const bool valid =
      !region.empty() && region.size() <= 63 &&
      std::all_of(region.begin(), region.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      });
  if (!valid)
    return InvalidArgument("region must be a name like us-east-1, not: ", QuoteForMessage(region));
  return OkStatus();
}

Result<std::string> NormalPrefix(std::string_view prefix) {
  while (prefix.starts_with('/')) prefix.remove_prefix(1);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (prefix.empty()) return std::string();
  TRY(CheckKey(prefix).Annotate("prefix"));
  return StrCat(prefix, "/");
}

}  // namespace

Result<S3Location> S3Location::FromConfig(const BucketConfig& config) {
  S3Location location;
  TRY(CheckBucket(config.bucket));
  TRY(CheckRegion(config.region));
  location.bucket = config.bucket;
  location.region = config.region;
  ASSIGN_OR_RETURN(location.prefix, NormalPrefix(config.prefix));
  const std::string_view domain =
      config.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
  ASSIGN_OR_RETURN(
      const Endpoint endpoint,
      ParseEndpoint(config.endpoint.empty() ? StrCat(kHttps, "s3.", config.region, domain)
                                            : config.endpoint));
  if (IsLinkLocal(endpoint.host)) {
    return InvalidArgument("endpoint must not be a link-local address: ", endpoint.host);
  }
  if (!endpoint.tls && !config.allow_http.value_or(IsLoopback(endpoint.host))) {
    return InvalidArgument(
        "endpoint is http, which anybody on the way can read; use https, or set allow_http = "
        "true: ",
        config.endpoint);
  }
  location.endpoint = StrCat(endpoint.tls ? kHttps : kHttp, endpoint.host);
  if (endpoint.port != 0) StrAppend(location.endpoint, ":", endpoint.port);

  const bool has_name = !endpoint.host.starts_with('[') && !IsIpv4(endpoint.host);
  const bool default_style = !IsAwsHost(endpoint.host) || !FitsHostName(config.bucket);
  location.path_style = config.path_style.value_or(default_style);
  if (!location.path_style && (!has_name || !IsHostName(config.bucket))) {
    return InvalidArgument(
        "path_style = false needs a bucket and an endpoint that make one host name; set it to "
        "true: ",
        config.bucket, " at ", location.endpoint);
  }
  return location;
}

std::string S3Location::ToString() const {
  std::string out = StrCat("s3://", bucket);
  if (!prefix.empty()) StrAppend(out, "/", std::string_view(prefix).substr(0, prefix.size() - 1));
  return StrCat(out, " at ", endpoint);
}

}  // namespace lakehouse::storage
