#include "base/metrics.h"

#include <limits>
#include <thread>

#include <gtest/gtest.h>

namespace lakehouse {
namespace {

TEST(MetricsRegistryTest, WritesFamiliesSortedByName) {
  MetricsRegistry registry;
  registry.GetGauge("b_open", "Open things.").Set(-2);
  registry.GetCounter("a_total", "All things.", {{"kind", "x"}}).Add(3);
  registry.GetCounter("a_total", "All things.", {{"kind", "a"}}).Add();
  EXPECT_EQ(registry.PrometheusText(),
            "# HELP a_total All things.\n"
            "# TYPE a_total counter\n"
            "a_total{kind=\"a\"} 1\n"
            "a_total{kind=\"x\"} 3\n"
            "# HELP b_open Open things.\n"
            "# TYPE b_open gauge\n"
            "b_open -2\n");
}

TEST(MetricsRegistryTest, EscapesHelpAndLabelValues) {
  MetricsRegistry registry;
  registry.GetCounter("a", "Say \"x\" \\ and\nmore.", {{"l", "say \"x\" \\ and\nmore é \xFF"}});
  EXPECT_EQ(registry.PrometheusText(),
            "# HELP a Say \"x\" \\\\ and\\nmore.\n"
            "# TYPE a counter\n"
            "a{l=\"say \\\"x\\\" \\\\ and\\nmore é \uFFFD\"} 0\n");
}

TEST(MetricsRegistryTest, SameNameAndLabelsAreTheSameMetric) {
  MetricsRegistry registry;
  Counter& first = registry.GetCounter("a", "A.", {{"x", "1"}, {"y", "2"}});
  EXPECT_EQ(&registry.GetCounter("a", "A.", {{"y", "2"}, {"x", "1"}}), &first);
  EXPECT_NE(&registry.GetCounter("a", "A.", {{"x", "1"}}), &first);
}

TEST(MetricsRegistryTest, HistogramIsCumulativeAndEndsWithInfinity) {
  MetricsRegistry registry;
  Histogram& histogram = registry.GetHistogram("t_seconds", "Time.", {{"route", "/x"}});
  for (const double seconds : {0.0005, 0.001, 0.0011, 0.3, 61.0}) histogram.Observe(seconds);
  EXPECT_EQ(registry.PrometheusText(),
            "# HELP t_seconds Time.\n"
            "# TYPE t_seconds histogram\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.001\"} 2\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.0025\"} 3\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.005\"} 3\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.01\"} 3\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.025\"} 3\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.05\"} 3\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.1\"} 3\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.25\"} 3\n"
            "t_seconds_bucket{route=\"/x\",le=\"0.5\"} 4\n"
            "t_seconds_bucket{route=\"/x\",le=\"1\"} 4\n"
            "t_seconds_bucket{route=\"/x\",le=\"2.5\"} 4\n"
            "t_seconds_bucket{route=\"/x\",le=\"5\"} 4\n"
            "t_seconds_bucket{route=\"/x\",le=\"10\"} 4\n"
            "t_seconds_bucket{route=\"/x\",le=\"30\"} 4\n"
            "t_seconds_bucket{route=\"/x\",le=\"60\"} 4\n"
            "t_seconds_bucket{route=\"/x\",le=\"+Inf\"} 5\n"
            "t_seconds_sum{route=\"/x\"} 61.3026\n"
            "t_seconds_count{route=\"/x\"} 5\n");
}

TEST(MetricsRegistryTest, HistogramWithoutLabelsTakesOddDurationsAsZero) {
  MetricsRegistry registry;
  Histogram& histogram = registry.GetHistogram("t", "Time.");
  for (const double seconds :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    histogram.Observe(seconds);
  }
  const std::string text = registry.PrometheusText();
  EXPECT_NE(text.find("\nt_bucket{le=\"0.001\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nt_sum 0\nt_count 3\n"), std::string::npos) << text;
}

TEST(MetricsRegistryTest, CountsFromEveryThread) {
  MetricsRegistry registry;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&registry] {
      for (int i = 0; i < 5'000; ++i) {
        registry.GetCounter("n", "N.").Add();
        registry.GetGauge("g", "G.").Add(i % 2 == 0 ? 1 : -1);
        registry.GetHistogram("h", "H.").Observe(0.002);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.GetCounter("n", "N.").value(), 20'000u);
  EXPECT_EQ(registry.GetGauge("g", "G.").value(), 0);
  EXPECT_NE(registry.PrometheusText().find("\nh_sum 40\nh_count 20000\n"), std::string::npos);
}

TEST(MetricsRegistryDeathTest, RefusesWhatNoScraperCanRead) {
  MetricsRegistry registry;
  registry.GetCounter("a", "A.");
  EXPECT_DEATH(registry.GetGauge("a", "A."), "CHECK failed");
  EXPECT_DEATH(registry.GetCounter("a", "Other help."), "CHECK failed");
  EXPECT_DEATH(registry.GetCounter("1a", "A."), "CHECK failed");
  EXPECT_DEATH(registry.GetCounter("b", "B.", {{"x-y", "1"}}), "CHECK failed");
  EXPECT_DEATH(registry.GetCounter("b", "B.", {{"x", "1"}, {"x", "2"}}), "CHECK failed");
  EXPECT_DEATH(registry.GetHistogram("b", "B.", {{"le", "1"}}), "CHECK failed");
}

}  // namespace
}  // namespace lakehouse
