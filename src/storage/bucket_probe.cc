#include "storage/bucket_probe.h"

#include <utility>

#include "base/ids.h"
#include "base/rng.h"
#include "base/strings.h"
#include "storage/bucket_probe_steps.h"

namespace lakehouse::storage {
namespace {

// Cleaning up may take as long again as one step.
constexpr int64_t kLimitMs = 25'000;

}  // namespace

Status ProbeReport::status() const {
  for (const ProbeStep& step : steps) {
    if (step.status.ok()) continue;
    const std::string mend = step.mend.empty() ? "" : StrCat("; ", step.mend);
    return {step.status.code(), StrCat(step.name, ": ", step.status.message(), mend)};
  }
  return OkStatus();
}

Json ProbeReportToJson(const ProbeReport& report) {
  Json steps = Json::array();
  for (const ProbeStep& step : report.steps) {
    Json entry = {
        {"name", step.name}, {"ok", step.status.ok()}, {"milliseconds", step.milliseconds}};
    if (!step.status.ok()) {
      entry["code"] = StatusCodeName(step.status.code());
      entry["detail"] = step.status.message();
      entry["mend"] = step.mend;
    }
    if (!step.note.empty()) entry["note"] = step.note;
    steps.push_back(std::move(entry));
  }
  return {{"steps", std::move(steps)}};
}

ProbeReport ProbeBucket(const BucketConfig& config, const SecretStore& secrets,
                        const std::string& data_dir, bool read_only) {
  ProbeSteps steps(kLimitMs);
  if (config.backend == "s3") {
    ProbeS3Bucket(config, secrets, read_only, Clock::System(), steps);
  } else {
    ProbeLocalBucket(config, data_dir, read_only, steps);
  }
  return steps.report();
}

Finding CheckBucketSettings(const BucketConfig& config) {
  if (const Status name = CheckBucketName(config.name); !name.ok()) {
    return Failed(name, "give the bucket another name");
  }
  BucketConfig as_written = config;
  // Where the bucket of a profile lies is not written down; the caller may have filled it in.
  if (config.name.starts_with("profile:")) as_written.root.clear();
  const std::optional<BucketMistake> mistake = FindMistake(as_written);
  if (!mistake.has_value()) return Passed();
  return Failed(InvalidArgument(mistake->problem), StrCat("correct ", mistake->setting));
}

bool ProbeSteps::Try(std::string_view name, const std::function<Finding()>& step) {
  const int64_t begin = NowMicros();
  if (remaining_ms() > 0) {
    Finding finding = step();
    Add(name, std::move(finding), NowMicros() - begin);
    return report_.steps.back().status.ok();
  }
  if (!ended_) {
    Add(name, Failed(DeadlineExceeded("the probe took more than ", limit_ms_ / 1'000,
                                      " s, so this and what follows was not tried"),
                     "find out why the steps before took so long"));
    ended_ = true;
  }
  return false;
}

void ProbeSteps::Add(std::string_view name, Finding finding, int64_t micros) {
  report_.steps.push_back({std::string(name), std::move(finding.status), std::move(finding.mend),
                           std::move(finding.note), static_cast<double>(micros) / 1'000.0});
}

std::string NewProbePrefix() { return StrCat("_probe/", NewUuid(Clock::System()), "-"); }

}  // namespace lakehouse::storage
