#include "ai/remote/server_address.h"

#include <string_view>

#include "base/strings.h"
#include "net/curl_url.h"
#include "net/loopback.h"

namespace lakehouse::ai {

Result<ServerAddress> CheckServerAddress(const AiProviderConfig& config) {
  std::string url = config.url;
  while (url.ends_with('/')) url.pop_back();
  const Result<net::ClientUrl> parsed = net::ParseClientUrl(url);
  const std::string provider = StrCat("the url of provider ", config.name);
  if (!parsed.ok()) return parsed.status().Annotate(provider);
  if (url.find('@') != std::string::npos) {
    return InvalidArgument(
        "a url holds no user or password; name a secret in `credentials` instead: ", provider);
  }
  if (url.find_first_of("?#") != std::string::npos) {
    return InvalidArgument(provider, " must end with its path, without ? and #");
  }
  for (const std::string_view ending : {"/v1", "/api"}) {
    if (url.ends_with(ending)) {
      return InvalidArgument(provider, " must be given without ", ending, ", which requests add");
    }
  }
  ServerAddress address;
  address.base_url = url;
  address.is_local = net::IsThisMachine(parsed->host);
  const bool in_clear_text = !parsed->origin.starts_with("https://");
  const bool has_key = !config.credentials.empty();
  address.loopback_only = !config.allow_remote || (in_clear_text && has_key);
  if (address.is_local || !address.loopback_only) return address;
  if (!config.allow_remote) {
    return PermissionDenied(
        "texts may not leave this machine; set allow_remote = true for the provider to send them "
        "to another: ",
        provider, " names ", parsed->peer);
  }
  return PermissionDenied("an API key may not go to another machine in clear text; use https: ",
                          provider, " names ", parsed->origin);
}

}  // namespace lakehouse::ai
