#include "base/metrics.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse {
namespace {

bool IsName(std::string_view text, bool colon_allowed) {
  const auto is_letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c == ':' && colon_allowed);
  };
  if (text.empty() || !is_letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// Escapes what the exposition format reserves; bytes that are not UTF-8 become U+FFFD.
std::string Escape(std::string_view text, bool quote_too) {
  std::string out;
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) {
      out.append("\xEF\xBF\xBD");
    } else if (text[0] == '\\' || (text[0] == '"' && quote_too)) {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (text[0] == '\n') {
      out.append("\\n");
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

// The labels as they stand between the braces; also the identity of a series in its family.
std::string LabelText(MetricLabels labels) {
  std::sort(labels.begin(), labels.end());
  std::string out;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto& [name, value] = labels[i];
    CHECK(IsName(name, false) && name != "le");
    CHECK(i == 0 || labels[i - 1].first != name);
    StrAppend(out, i == 0 ? "" : ",", name, "=\"", Escape(value, true), '"');
  }
  return out;
}

template <typename Value>
void AppendSample(std::string& out, std::string_view name, std::string_view suffix,
                  std::string_view labels, Value value) {
  StrAppend(out, name, suffix);
  if (!labels.empty()) StrAppend(out, '{', labels, '}');
  StrAppend(out, ' ', value, '\n');
}

}  // namespace

// Only the map of the family's own type is filled. Nodes of a map never move, so references stay.
struct MetricsRegistry::Family {
  Type type;
  std::string help;
  std::map<std::string, Counter> counters;
  std::map<std::string, Gauge> gauges;
  std::map<std::string, Histogram> histograms;
};

const std::vector<double>& Histogram::BucketBounds() {
  static const std::vector<double> bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                             0.5,   1,      2.5,   5,    10,    30,   60};
  return bounds;
}

Histogram::Histogram() : buckets_(BucketBounds().size() + 1) {}

void Histogram::Observe(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) seconds = 0;
  const std::vector<double>& bounds = BucketBounds();
  const auto bound = std::lower_bound(bounds.begin(), bounds.end(), seconds);
  buckets_[static_cast<size_t>(bound - bounds.begin())].fetch_add(1, std::memory_order_relaxed);
  // Keeps the conversion in range; a year is beyond every duration that is measured.
  constexpr double kMaxSeconds = 366.0 * 86'400;
  const double micros = std::round(std::min(seconds, kMaxSeconds) * 1e6);
  sum_micros_.fetch_add(static_cast<uint64_t>(micros), std::memory_order_relaxed);
}

MetricsRegistry::MetricsRegistry() = default;
MetricsRegistry::~MetricsRegistry() = default;

MetricsRegistry::Family& MetricsRegistry::GetFamily(std::string_view name, std::string_view help,
                                                    Type type) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    CHECK(IsName(name, true));
    auto family = std::make_unique<Family>();
    family->type = type;
    family->help = help;
    found = families_.emplace(name, std::move(family)).first;
  }
  CHECK(found->second->type == type && found->second->help == help);
  return *found->second;
}

Counter& MetricsRegistry::GetCounter(std::string_view name, std::string_view help,
                                     const MetricLabels& labels) {
  MutexLock lock(mutex_);
  return GetFamily(name, help, Type::kCounter).counters[LabelText(labels)];
}

Gauge& MetricsRegistry::GetGauge(std::string_view name, std::string_view help,
                                 const MetricLabels& labels) {
  MutexLock lock(mutex_);
  return GetFamily(name, help, Type::kGauge).gauges[LabelText(labels)];
}

Histogram& MetricsRegistry::GetHistogram(std::string_view name, std::string_view help,
                                         const MetricLabels& labels) {
  MutexLock lock(mutex_);
  return GetFamily(name, help, Type::kHistogram).histograms[LabelText(labels)];
}

void MetricsRegistry::AppendHistogram(std::string& out, std::string_view name,
                                      std::string_view labels, const Histogram& histogram) {
  const std::vector<double>& bounds = Histogram::BucketBounds();
  uint64_t cumulative = 0;
  for (size_t i = 0; i <= bounds.size(); ++i) {
    cumulative += histogram.buckets_[i].load(std::memory_order_relaxed);
    const std::string bound = i < bounds.size() ? StrCat(bounds[i]) : "+Inf";
    const std::string bucket_labels =
        StrCat(labels, labels.empty() ? "" : ",", "le=\"", bound, '"');
    AppendSample(out, name, "_bucket", bucket_labels, cumulative);
  }
  const auto sum_micros =
      static_cast<double>(histogram.sum_micros_.load(std::memory_order_relaxed));
  AppendSample(out, name, "_sum", labels, sum_micros / 1e6);
  AppendSample(out, name, "_count", labels, cumulative);
}

std::string MetricsRegistry::PrometheusText() const {
  static constexpr const char* kTypeNames[] = {"counter", "gauge", "histogram"};
  std::string out;
  MutexLock lock(mutex_);
  for (const auto& [name, family] : families_) {
    StrAppend(out, "# HELP ", name, ' ', Escape(family->help, false), '\n');
    StrAppend(out, "# TYPE ", name, ' ', kTypeNames[static_cast<size_t>(family->type)], '\n');
    for (const auto& [labels, counter] : family->counters) {
      AppendSample(out, name, "", labels, counter.value());
    }
    for (const auto& [labels, gauge] : family->gauges) {
      AppendSample(out, name, "", labels, gauge.value());
    }
    for (const auto& [labels, histogram] : family->histograms) {
      AppendHistogram(out, name, labels, histogram);
    }
  }
  return out;
}

}  // namespace lakehouse
