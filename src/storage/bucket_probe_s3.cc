#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/settings_file.h"
#include "base/strings.h"
#include "storage/bucket_probe_contact.h"
#include "storage/bucket_probe_steps.h"
#include "storage/bucket_probe_uploads.h"
#include "storage/s3/s3_client.h"
#include "storage/s3/s3_xml.h"

namespace lakehouse::storage {
namespace {

constexpr int64_t kConnectTimeoutMs = 3'000;
constexpr int64_t kOperationTimeoutMs = 6'000;

// What the first signed request, a listing of one object, says.
struct FirstAnswer {
  S3Outcome outcome;
  int64_t micros = 0;
};

bool IsOneOf(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool IsWrongSignature(const S3Error& error) {
  return error.http_status == 401 ||
         IsOneOf(error.code, {"SignatureDoesNotMatch", "InvalidSecurity", "AuthFailure"});
}
bool IsWrongRegion(const S3Error& error) {
  return (error.http_status >= 300 && error.http_status < 400) ||
         IsOneOf(error.code,
                 {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
                  "IllegalLocationConstraintException"});
}
// The server is not at fault, and neither is the way in which it was addressed.
bool IsRefusal(const S3Error& error) {
  return IsUnknownAccessKey(error) || IsExpiredCredentials(error) ||
         IsOneOf(error.code, {"RequestTimeTooSkewed", "AccessDenied"});
}

std::string_view StyleName(bool path_style) {
  return path_style ? "path style (http://host/bucket)" : "virtual host style (http://bucket.host)";
}

// The probe of one bucket on an S3 server.
class S3Probe {
 public:
  S3Probe(const BucketConfig& config, const SecretStore& secrets, const Clock& clock,
          ProbeSteps& steps)
      : config_(config), secrets_(secrets), steps_(steps) {
    options_.clock = &clock;
  }

  void Run(bool read_only) {
    if (!steps_.Try("settings", [&] { return CheckSettings(); })) return;
    if (!steps_.Try("credentials", [&] { return CheckCredentials(); })) return;
    if (!Reach()) return;
    const FirstAnswer first = AskFirst(options_);
    if (!first.outcome.ok() && OtherStyleWorks(first)) return;
    if (!JudgeFirst(first)) return;
    const Result<std::unique_ptr<S3Store>> store = S3Store::Open(options_);
    if (!store.ok()) {
      steps_.Add("settings", Failed(store.status(), "correct the bucket's settings"));
      return;
    }
    if (read_only) {
      ReadMissing(**store);
    } else {
      Write(**store);
    }
  }

 private:
  Finding CheckSettings() {
    Finding finding = CheckBucketSettings(config_);
    if (!finding.status.ok()) return finding;
    Result<S3Location> location = S3Location::FromConfig(config_);
    if (!location.ok()) return Failed(location.status(), "correct the bucket's settings");
    options_.location = *std::move(location);
    if (!config_.ca_file.empty()) {
      const Result<std::string> certificates =
          ReadSettingsFile(config_.ca_file, FileProtection::kNone);
      if (!certificates.ok()) {
        return Failed(certificates.status().Annotate("ca_file"), "correct ca_file");
      }
      if (certificates->find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
        return Failed(InvalidArgument("ca_file holds no certificate in PEM: ", config_.ca_file),
                      "name a file with -----BEGIN CERTIFICATE----- in it");
      }
    }
    options_.http.ca_file = config_.ca_file;
    options_.http.connect_timeout_ms = kConnectTimeoutMs;
    options_.http.stall_timeout_ms = kOperationTimeoutMs;
    options_.retry.max_retries = 1;
    options_.retry.operation_timeout_ms = kOperationTimeoutMs;
    return Passed();
  }

  Finding CheckCredentials() {
    CredentialsOptions options;
    options.region = options_.location.region;
    options.bucket_url = StrCat("s3://", options_.location.bucket);
    options.clock = options_.clock;
    Result<std::unique_ptr<CredentialsProvider>> provider =
        OpenCredentials(config_.credentials, secrets_, options);
    if (!provider.ok()) {
      return Failed(provider.status(), "correct the setting credentials or the secret");
    }
    options_.credentials = *std::move(provider);
    const Status status = options_.credentials->Get().status();
    if (status.ok()) return Passed();
    return Failed(status, StrCat("mend what ", config_.credentials, " needs, or name a secret"));
  }

  // "http://127.0.0.1:9000", with the bucket in front of the host in virtual host style.
  static std::string BaseUrl(const S3Location& location) {
    const std::string_view scheme = location.endpoint.starts_with("https") ? "https://" : "http://";
    return StrCat(scheme, TargetOf(location, "").host);
  }

  // The steps from resolve to clock.
  bool Reach() {
    const std::string url = BaseUrl(options_.location);
    const Contact contact = MakeContact(url, config_.ca_file);
    const bool host_fails = !contact.status.ok() && contact.reached <= net::TransferPhase::kTls;
    // A host of its own for every bucket needs names and certificates that few servers have.
    if (host_fails && !options_.location.path_style &&
        OtherStyleWorks({S3Outcome{.status = contact.status}, contact.micros})) {
      return false;
    }
    return JudgeContact(contact, url, config_.ca_file, *options_.clock, steps_);
  }

  static FirstAnswer AskFirst(const S3StoreOptions& options) {
    S3Client client(options);
    S3Request request;
    request.operation = S3Operation::kListObjects;
    request.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", options.location.prefix}};
    request.check = [](const net::ClientResponse& answer) {
      return ParseListObjects(answer.body).status();
    };
    const int64_t begin = Clock::System().MonotonicMicros();
    FirstAnswer first;
    first.outcome = client.Send(std::move(request));
    first.micros = Clock::System().MonotonicMicros() - begin;
    return first;
  }

  // After a failure: adds the failed step path_style when the other style gets a listing.
  bool OtherStyleWorks(const FirstAnswer& first) {
    if (IsRefusal(first.outcome.error)) return false;
    const bool style = options_.location.path_style;
    BucketConfig other = config_;
    other.path_style = !style;
    const Result<S3Location> location = S3Location::FromConfig(other);
    if (!location.ok()) return false;
    S3StoreOptions options = options_;
    options.location = *location;
    options.retry.max_retries = 0;
    const FirstAnswer second = AskFirst(options);
    if (!second.outcome.ok()) return false;
    steps_.Add(
        "path_style",
        Failed(InvalidArgument("the server does not answer to ", StyleName(style), " but to ",
                               StyleName(!style), ": ", first.outcome.status.message()),
               StrCat("set path_style = ", !style)),
        first.micros + second.micros);
    return true;
  }

  // The steps from path_style to list. False when the rest cannot be tried.
  bool JudgeFirst(const FirstAnswer& first) {
    const S3Error& error = first.outcome.error;
    const auto fail = [&](std::string_view name, std::string mend,
                          std::optional<StatusCode> code = std::nullopt) {
      const Status& status = first.outcome.status;
      steps_.Add(name, Failed({code.value_or(status.code()), status.message()}, std::move(mend)),
                 first.micros);
      return false;
    };
    if (first.outcome.ok() || error.code == "AccessDenied") steps_.Add("path_style", Passed());
    if (IsUnknownAccessKey(error)) {
      return fail("signature", StrCat("correct access_key_id in ", CredentialsPlace()));
    }
    if (IsWrongSignature(error)) {
      return fail("signature", StrCat("correct secret_access_key in ", CredentialsPlace()));
    }
    if (IsExpiredCredentials(error)) {
      return fail("signature", StrCat("renew session_token in ", CredentialsPlace()));
    }
    if (error.code == "RequestTimeTooSkewed") {
      return fail("signature", "set the clock that is wrong, best by NTP");
    }
    if (error.http_status >= 500) return fail("answer", "look into the server's log");
    // An answer that is no listing came from something else than S3.
    if (error.http_status == 0 && !first.outcome.ok()) {
      return fail("answer", "check that the endpoint is that of an S3 server");
    }
    steps_.Add("signature", Passed());
    if (IsWrongRegion(error)) {
      const bool named = !error.region.empty() && error.region != options_.location.region;
      return fail("region",
                  named ? StrCat("set region = \"", error.region, "\"")
                        : "set endpoint to the address that serves the bucket; redirects are not "
                          "followed",
                  StatusCode::kInvalidArgument);
    }
    steps_.Add("region", Passed());
    if (error.code == "NoSuchBucket" || error.http_status == 404) {
      return fail(
          "bucket",
          StrCat("create the bucket ", options_.location.bucket, ", or correct the setting bucket"),
          StatusCode::kNotFound);
    }
    if (first.outcome.ok() || error.http_status == 403) steps_.Add("bucket", Passed());
    if (first.outcome.ok()) {
      steps_.Add("list", Passed(), first.micros);
      return true;
    }
    can_list_ = false;
    fail("list", error.http_status == 403 ? Allow("s3:ListBucket", false)
                                          : "look at what the server says, and into its log");
    // Who may not list may still write.
    return error.http_status == 403;
  }

  std::string CredentialsPlace() const {
    return config_.credentials.starts_with("aws:") ? config_.credentials
                                                   : StrCat("the secret ", config_.credentials);
  }

  std::string Allow(std::string_view action, bool objects) const {
    const S3Location& location = options_.location;
    return StrCat("allow ", action, " on ", location.bucket,
                  objects ? StrCat("/", location.prefix, "*") : "", " to these credentials");
  }

  // Whoever may list is told that a key is missing; whoever may not read is refused. Without the
  // right to list the two answers are the same, and nothing can be said.
  void ReadMissing(const ObjectStore& store) {
    if (!can_list_) return;
    steps_.Try("get", [&] {
      const Status status = store.Get(NewProbePrefix() + "missing").status();
      if (status.ok() || status.code() == StatusCode::kNotFound) return Passed();
      return Failed(status, Allow("s3:GetObject", true));
    });
  }

  void Write(ObjectStore& store) {
    ProbeWritePlan plan;
    plan.prefix = NewProbePrefix();
    plan.can_list = can_list_;
    plan.mend_list = Allow("s3:ListBucket", false);
    plan.mend_put = Allow("s3:PutObject", true);
    plan.mend_get = Allow("s3:GetObject", true);
    plan.mend_delete =
        StrCat(Allow("s3:DeleteObject", true), ", then remove what is below _probe/");
    plan.mend_conditions =
        "use a server that keeps If-None-Match and If-Match on writes, as AWS, MinIO and versitygw "
        "do: without them two writers overwrite each other";
    if (!ProbeWrites(store, plan, steps_)) return;
    const std::string checksum = plan.prefix + "checksum";
    const std::string multipart = plan.prefix + "multipart";
    S3Client client(options_);
    const std::string& prefix = options_.location.prefix;
    steps_.Try("checksum", [&] { return ProbeChecksum(client, prefix + checksum, plan); });
    steps_.Try("multipart", [&] {
      return ProbeMultipart(client, prefix + multipart, plan, steps_.remaining_ms());
    });
    ProbeDelete(store, plan, {checksum, multipart}, steps_);
  }

  const BucketConfig& config_;
  const SecretStore& secrets_;
  ProbeSteps& steps_;
  S3StoreOptions options_;
  bool can_list_ = true;
};

}  // namespace

void ProbeS3Bucket(const BucketConfig& config, const SecretStore& secrets, bool read_only,
                   const Clock& clock, ProbeSteps& steps) {
  S3Probe(config, secrets, clock, steps).Run(read_only);
}

}  // namespace lakehouse::storage
