// STS AssumeRoleWithWebIdentity (API version 2011-06-15): trades a token that the platform keeps
// in a file for temporary credentials of a role.
#include <algorithm>
#include <utility>

#include <pugixml.hpp>

#include "base/byte_source.h"
#include "base/ids.h"
#include "base/settings_file.h"
#include "base/strings.h"
#include "storage/s3/credentials_source.h"

namespace lakehouse::storage {
namespace {

constexpr char kTokenFileVariable[] = "AWS_WEB_IDENTITY_TOKEN_FILE";
constexpr char kRoleVariable[] = "AWS_ROLE_ARN";
constexpr char kSessionVariable[] = "AWS_ROLE_SESSION_NAME";
constexpr char kAddressVariable[] = "AWS_ENDPOINT_URL_STS";
constexpr char kAuthoritiesVariable[] = "AWS_CA_BUNDLE";
constexpr int64_t kTimeoutMs = 10'000;
constexpr size_t kMaxAnswerBytes = 262'144;

// Returns the error code of an answer when it reads like one. Only letters and dots pass: a service
// that sends the token or a key back must not get it into a message.
std::string ErrorCode(const std::string& body) {
  pugi::xml_document document;
  document.load_buffer(body.data(), body.size());
  const std::string code = document.child("ErrorResponse").child("Error").child_value("Code");
  const bool readable =
      !code.empty() && code.size() <= 64 && std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
      });
  return readable ? code : "";
}

// Says what an answer other than 200 means. `service` is the address.
Status Refusal(const net::ClientResponse& response, const std::string& service) {
  const std::string code = ErrorCode(response.body);
  const std::string answer = StrCat("HTTP ", response.status, code.empty() ? "" : " ", code);
  const bool refused = response.status >= 400 && response.status < 500 && response.status != 408 &&
                       response.status != 429 && code != "Throttling" &&
                       code != "ThrottlingException" && code != "IDPCommunicationError";
  if (!refused) {
    return Unavailable("the token service ", service, " answered ", answer, "; expected 200");
  }
  if (code == "ExpiredTokenException" || code == "ExpiredToken") {
    return PermissionDenied("the token service ", service,
                            " calls the web identity token expired; whoever writes the file that ",
                            kTokenFileVariable, " names must renew it: ", answer);
  }
  if (code == "InvalidIdentityToken") {
    return PermissionDenied("the token service ", service,
                            " does not accept the web identity token; check its issuer and the "
                            "file that ",
                            kTokenFileVariable, " names: ", answer);
  }
  return PermissionDenied(
      "the token service ", service,
      " refuses the role; check AWS_ROLE_ARN and the role's trust policy: ", answer);
}

class WebIdentitySource : public CredentialsSource {
 public:
  explicit WebIdentitySource(std::string region) : region_(std::move(region)) {}

  bool configured() const override {
    return !EnvironmentValue(kTokenFileVariable).empty() ||
           !EnvironmentValue(kRoleVariable).empty();
  }

  Result<IssuedCredentials> Issue() override {
    const std::string token_file = EnvironmentValue(kTokenFileVariable);
    const std::string role = EnvironmentValue(kRoleVariable);
    if (token_file.empty()) {
      return NotFound("the environment variable is not set: ", kTokenFileVariable);
    }
    if (role.empty()) return NotFound("the environment variable is not set: ", kRoleVariable);
    // Read every time: the platform replaces the file before its token expires.
    Result<std::string> token = ReadSettingsFile(token_file, FileProtection::kNone);
    if (!token.ok()) return token.status().Annotate("web identity token");
    const std::string_view trimmed = TrimWhitespace(*token);
    if (trimmed.empty()) return NotFound("the web identity token file is empty: ", token_file);
    ASSIGN_OR_RETURN(const std::string service, Service());
    return Ask(service, Form(role, trimmed));
  }

 private:
  Result<std::string> Service() const {
    TRY(CheckId("region", region_));
    const char* domain = region_.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
    return ServiceAddress(kAddressVariable, StrCat("https://sts.", region_, domain));
  }

  static std::string Form(std::string_view role, std::string_view token) {
    std::string session = EnvironmentValue(kSessionVariable);
    if (session.empty()) session = "lakehouse";
    return StrCat("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=",
                  net::PercentEncode(role), "&RoleSessionName=", net::PercentEncode(session),
                  "&WebIdentityToken=", net::PercentEncode(token));
  }

  static Result<IssuedCredentials> Ask(const std::string& service, std::string form) {
    net::HttpClientOptions options;
    options.ca_file = EnvironmentValue(kAuthoritiesVariable);
    options.refuse_link_local = true;
    net::HttpClient client(std::move(options));
    net::ClientRequest request;
    request.method = net::Method::kPost;
    request.url = service + "/";
    request.headers.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    request.body_size = static_cast<int64_t>(form.size());
    request.body = std::make_unique<StringSource>(std::move(form));
    request.timeout_ms = kTimeoutMs;
    request.max_response_bytes = kMaxAnswerBytes;
    Result<net::ClientResponse> response = client.Fetch(std::move(request));
    if (!response.ok()) return response.status().Annotate("token service");
    if (response->status != 200) return Refusal(*response, service);
    return ReadAnswer(response->body, service);
  }

  static Result<IssuedCredentials> ReadAnswer(const std::string& body, const std::string& service) {
    pugi::xml_document document;
    if (!document.load_buffer(body.data(), body.size())) {
      return Unavailable("expected credentials as XML, not this answer of the token service ",
                         service);
    }
    const pugi::xml_node node = document.child("AssumeRoleWithWebIdentityResponse")
                                    .child("AssumeRoleWithWebIdentityResult")
                                    .child("Credentials");
    return CheckIssued({node.child_value("AccessKeyId"), node.child_value("SecretAccessKey"),
                        node.child_value("SessionToken"), node.child_value("Expiration")},
                       StrCat("the token service ", service));
  }

  const std::string region_;
};

}  // namespace

std::unique_ptr<CredentialsSource> NewWebIdentitySource(std::string region) {
  return std::make_unique<WebIdentitySource>(std::move(region));
}

}  // namespace lakehouse::storage
