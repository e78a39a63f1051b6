#include "storage/s3/sigv4.h"

#include <map>

#include "base/hash.h"
#include "base/strings.h"
#include "storage/s3/s3_time.h"

namespace lakehouse::storage {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// Trims, and makes one space of every run of them.
std::string CanonicalValue(std::string_view value) {
  std::string out;
  for (const char c : TrimWhitespace(value)) {
    if (c == ' ' && !out.empty() && out.back() == ' ') continue;
    out.push_back(c);
  }
  return out;
}

}  // namespace

void SignRequest(const SigningInput& input, const SigningScope& scope,
                 const S3Credentials& credentials, net::Headers& headers) {
  if (credentials.access_key_id.empty()) return;
  const std::string time = FormatAmzTime(scope.time);
  const std::string date = time.substr(0, 8);
  headers.Set("x-amz-date", time);
  if (!credentials.session_token.empty()) {
    headers.Set("x-amz-security-token", credentials.session_token.Reveal());
  }

  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : headers.all()) {
    sorted.emplace(ToLowerAscii(name), CanonicalValue(value));
  }
  std::string canonical_headers;
  std::string names;
  for (const auto& [name, value] : sorted) {
    StrAppend(canonical_headers, name, ":", value, "\n");
    StrAppend(names, names.empty() ? "" : ";", name);
  }
  const std::string canonical_request =
      StrCat(input.method, "\n", input.path, "\n", input.query, "\n", canonical_headers, "\n",
             names, "\n", input.payload_hash);
  const std::string credential_scope =
      StrCat(date, "/", scope.region, "/", scope.service, "/aws4_request");
  const std::string text_to_sign =
      StrCat(kAlgorithm, "\n", time, "\n", credential_scope, "\n", Sha256Hex(canonical_request));

  std::string key = HmacSha256(StrCat("AWS4", credentials.secret_access_key.Reveal()), date);
  key = HmacSha256(key, scope.region);
  key = HmacSha256(key, scope.service);
  key = HmacSha256(key, "aws4_request");
  headers.Set("authorization", StrCat(kAlgorithm, " Credential=", credentials.access_key_id, "/",
                                      credential_scope, ", SignedHeaders=", names,
                                      ", Signature=", HexEncode(HmacSha256(key, text_to_sign))));
}

}  // namespace lakehouse::storage
