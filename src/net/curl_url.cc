#include "net/curl_url.h"

#include <algorithm>
#include <memory>

#include <curl/curl.h>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::net {
namespace {

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(char* text) const { curl_free(text); }
};

// "" for a part that the URL does not have.
std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  const std::unique_ptr<char, UrlDeleter> owner(text);
  return text;
}

Status NoUrl(std::string_view url) {
  // Whatever stands before an @ may be a password, wherever a broken URL has it.
  url = url.substr(0, url.find_first_of("?#"));
  const size_t at = url.rfind('@');
  if (at != std::string_view::npos) url.remove_prefix(at + 1);
  return InvalidArgument("expected an http or https URL, percent-encoded, not ",
                         QuoteForMessage(url));
}

}  // namespace

Result<ClientUrl> ParseClientUrl(const std::string& url) {
  // libcurl would encode these, and so send another URL than the one that was signed.
  const bool encoded =
      std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!encoded) return NoUrl(url);
  const std::unique_ptr<CURLU, UrlDeleter> parsed(curl_url());
  CHECK(parsed != nullptr);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_PATH_AS_IS) != CURLUE_OK) {
    return NoUrl(url);
  }
  const std::string scheme = Part(parsed.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return NoUrl(url);
  ClientUrl parts;
  parts.host = Part(parsed.get(), CURLUPART_HOST);
  parts.peer = StrCat(parts.host, ":", Part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  parts.origin = StrCat(scheme, "://", parts.peer);
  const std::string port = Part(parsed.get(), CURLUPART_PORT);
  parts.printable = QuoteForMessage(StrCat(scheme, "://", parts.host, port.empty() ? "" : ":", port,
                                           Part(parsed.get(), CURLUPART_PATH)));
  return parts;
}

}  // namespace lakehouse::net
