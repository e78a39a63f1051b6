// The instance metadata service of EC2, version 2: a session token first, then the role's name and
// its credentials. The only code that may speak to a link-local address.
#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/strings.h"
#include "storage/s3/credentials_source.h"

namespace lakehouse::storage {
namespace {

constexpr char kDisabledVariable[] = "AWS_EC2_METADATA_DISABLED";
constexpr char kAddressVariable[] = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
constexpr std::string_view kStandardAddress = "http://169.254.169.254";
constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";
// Elsewhere than on an instance nobody answers: whoever asks in vain must not wait long.
constexpr int64_t kConnectTimeoutMs = 1'000;
constexpr int64_t kTimeoutMs = 3'000;
constexpr size_t kMaxAnswerBytes = 65'536;

// The characters of role names (IAM: letters, digits and +=,.@_-).
bool IsRoleName(std::string_view name) {
  constexpr std::string_view kOthers = "+=,.@_-";
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

std::string TextField(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

class InstanceSource : public CredentialsSource {
 public:
  bool configured() const override {
    return !EqualsIgnoreCase(EnvironmentValue(kDisabledVariable), "true");
  }

  Result<IssuedCredentials> Issue() override {
    if (!configured()) {
      return NotFound("the instance metadata service is switched off by ", kDisabledVariable);
    }
    ASSIGN_OR_RETURN(const std::string service, ServiceAddress(kAddressVariable, kStandardAddress));
    net::HttpClientOptions options;
    options.connect_timeout_ms = kConnectTimeoutMs;
    net::HttpClient client(options);
    ASSIGN_OR_RETURN(const std::string token, OpenSession(client, service));
    ASSIGN_OR_RETURN(const std::string role, RoleName(client, service, token));
    return RoleCredentials(client, service, token, role);
  }

 private:
  static Result<net::ClientResponse> Ask(net::HttpClient& client, net::Method method,
                                         std::string url, std::string_view header,
                                         std::string_view value) {
    net::ClientRequest request;
    request.method = method;
    request.url = std::move(url);
    request.headers.Set(header, value);
    request.timeout_ms = kTimeoutMs;
    request.max_response_bytes = kMaxAnswerBytes;
    Result<net::ClientResponse> response = client.Fetch(std::move(request));
    if (!response.ok()) return response.status().Annotate("instance metadata service");
    return response;
  }

  static Status UnexpectedAnswer(int status, const std::string& service) {
    if (status == 401 || status == 403) {
      return PermissionDenied("the instance metadata service ", service, " refuses: HTTP ", status);
    }
    return Unavailable("the instance metadata service ", service, " answered HTTP ", status,
                       "; expected 200");
  }

  static Result<std::string> OpenSession(net::HttpClient& client, const std::string& service) {
    ASSIGN_OR_RETURN(const net::ClientResponse response,
                     Ask(client, net::Method::kPut, service + "/latest/api/token",
                         "X-aws-ec2-metadata-token-ttl-seconds", "60"));
    if (response.status != 200) return UnexpectedAnswer(response.status, service);
    std::string token(TrimWhitespace(response.body));
    if (token.empty() || !CheckSigningKey(token, "session token").ok()) {
      return Unavailable("expected a session token from the instance metadata service ", service);
    }
    return token;
  }

  static Result<std::string> RoleName(net::HttpClient& client, const std::string& service,
                                      const std::string& token) {
    ASSIGN_OR_RETURN(const net::ClientResponse response,
                     Ask(client, net::Method::kGet, StrCat(service, kRolePath),
                         "X-aws-ec2-metadata-token", token));
    if (response.status == 404) {
      return NotFound("this instance has no role; attach an instance profile, says ", service);
    }
    if (response.status != 200) return UnexpectedAnswer(response.status, service);
    const std::string_view name =
        TrimWhitespace(std::string_view(response.body).substr(0, response.body.find('\n')));
    if (!IsRoleName(name)) {
      return Unavailable("expected a role's name from the instance metadata service ", service);
    }
    return std::string(name);
  }

  static Result<IssuedCredentials> RoleCredentials(net::HttpClient& client,
                                                   const std::string& service,
                                                   const std::string& token,
                                                   const std::string& role) {
    ASSIGN_OR_RETURN(
        const net::ClientResponse response,
        Ask(client, net::Method::kGet, StrCat(service, kRolePath, net::PercentEncode(role)),
            "X-aws-ec2-metadata-token", token));
    if (response.status != 200) return UnexpectedAnswer(response.status, service);
    const Result<Json> answer = ParseJson(response.body);
    if (!answer.ok() || !answer->is_object()) {
      return Unavailable(
          "expected credentials as a JSON object from the instance metadata service ", service);
    }
    if (TextField(*answer, "Code") != "Success") {
      return PermissionDenied(
          "the instance metadata service ", service,
          " has no credentials for the instance's role; check that the role exists and trusts EC2");
    }
    return CheckIssued({TextField(*answer, "AccessKeyId"), TextField(*answer, "SecretAccessKey"),
                        TextField(*answer, "Token"), TextField(*answer, "Expiration")},
                       StrCat("the instance metadata service ", service));
  }
};

}  // namespace

std::unique_ptr<CredentialsSource> NewInstanceSource() {
  return std::make_unique<InstanceSource>();
}

}  // namespace lakehouse::storage
