#include "app/bench_query_latency.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "app/bench.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace lakehouse::app {

namespace {

constexpr size_t kQueryTokens = 12;
constexpr size_t kQueries = 64;  // Different ones.
constexpr auto kPeriod = std::chrono::milliseconds(200);
constexpr size_t kQueriesWhileIdle = 50;
constexpr size_t kQueriesARound = 35;
constexpr int kRounds = 2;
// As many as a job of an index embeds at once.
constexpr size_t kTextsPerCall = 256;

// The words of `text` that make a query, or "".
std::string QueryFrom(const ai::EmbeddingModel& model, const std::string& text) {
  for (size_t end = text.find(' '); end != std::string::npos; end = text.find(' ', end + 1)) {
    const std::string words = text.substr(0, end);
    const size_t tokens = model.CountTokens(words);
    if (tokens == kQueryTokens) return words;
    if (tokens > kQueryTokens) break;
  }
  return "";
}

Result<std::vector<std::string>> MakeQueries(const ai::EmbeddingModel& model,
                                             std::span<const std::string> texts) {
  std::vector<std::string> queries;
  for (const std::string& text : texts) {
    std::string query = QueryFrom(model, text);
    if (!query.empty()) queries.push_back(std::move(query));
    if (queries.size() == kQueries) break;
  }
  if (queries.empty()) {
    return InvalidArgument("no text begins with words of ", kQueryTokens,
                           " tokens: queries are made of them");
  }
  return queries;
}

// Asks `count` queries, one a period; appends the microseconds that each took.
Status Ask(ai::EmbeddingModel& model, std::span<const std::string> queries, size_t count,
           std::vector<double>& micros) {
  for (size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_for(kPeriod);
    const int64_t asked = Clock::System().MonotonicMicros();
    ASSIGN_OR_RETURN(const auto results, model.Embed(queries.subspan(i % queries.size(), 1),
                                                     {.role = ai::Role::kQuery}));
    TRY(results[0].status());
    micros.push_back(static_cast<double>(Clock::System().MonotonicMicros() - asked));
  }
  return OkStatus();
}

// Embeds documents over and over on a thread of its own, from construction to destruction.
class EndlessJob {
 public:
  EndlessJob(ai::EmbeddingModel& model, std::span<const std::string> texts)
      : model_(model), texts_(texts), thread_([this] { Run(); }) {}
  EndlessJob(const EndlessJob&) = delete;
  EndlessJob& operator=(const EndlessJob&) = delete;
  ~EndlessJob() {
    cancel_.Cancel();
    thread_.join();
  }

  // Texts a second while `meanwhile` runs, counted from the end of a call to the end of a call.
  Result<double> RateDuring(const std::function<Status()>& meanwhile) {
    const Progress before = AwaitEndOfCall();
    TRY(meanwhile());
    const Progress after = AwaitEndOfCall();
    if (after.failed) return Internal("the documents could not be embedded");
    return static_cast<double>(after.texts - before.texts) * 1e6 /
           static_cast<double>(after.at_micros - before.at_micros);
  }

 private:
  struct Progress {
    size_t texts = 0;
    int64_t at_micros = 0;
    bool failed = false;
  };

  void Run() {
    for (size_t begin = 0;; begin += kTextsPerCall) {
      if (begin >= texts_.size()) begin = 0;
      const auto call = texts_.subspan(begin, std::min(kTextsPerCall, texts_.size() - begin));
      const bool failed = !model_.Embed(call, {.cancel = cancel_}).ok();
      const MutexLock lock(mutex_);
      progress_.texts += call.size();
      progress_.at_micros = Clock::System().MonotonicMicros();
      progress_.failed = failed;
      changed_.NotifyAll();
      if (failed) return;
    }
  }

  Progress AwaitEndOfCall() {
    const MutexLock lock(mutex_);
    const size_t texts = progress_.texts;
    while (progress_.texts == texts && !progress_.failed) changed_.Wait(mutex_);
    return progress_;
  }

  ai::EmbeddingModel& model_;
  const std::span<const std::string> texts_;
  CancelToken cancel_;
  Mutex mutex_;
  CondVar changed_;
  Progress progress_ GUARDED_BY(mutex_);
  std::thread thread_;  // Last: it uses the others.
};

Json Latency(std::vector<double> micros) {
  std::sort(micros.begin(), micros.end());
  return {{"queries", micros.size()},
          {"median_us", Median(micros)},
          {"p99_us", micros[(micros.size() * 99 + 99) / 100 - 1]}};
}

}  // namespace

Result<Json> MeasureQueryLatency(ai::EmbeddingModel& model, std::span<const std::string> texts) {
  ASSIGN_OR_RETURN(const std::vector<std::string> queries, MakeQueries(model, texts));
  std::vector<double> idle;
  TRY(Ask(model, queries, kQueriesWhileIdle, idle));
  std::vector<double> busy;
  double rate_alone = 0;
  double rate_with_queries = 0;
  EndlessJob job(model, texts);
  for (int round = 0; round < kRounds; ++round) {
    ASSIGN_OR_RETURN(const double alone, job.RateDuring([] {
      std::this_thread::sleep_for(kPeriod * kQueriesARound);
      return OkStatus();
    }));
    ASSIGN_OR_RETURN(const double with_queries,
                     job.RateDuring([&] { return Ask(model, queries, kQueriesARound, busy); }));
    rate_alone += alone / kRounds;
    rate_with_queries += with_queries / kRounds;
  }
  return Json{{"query_tokens", kQueryTokens},
              {"queries_per_second", std::chrono::seconds(1) / kPeriod},
              {"idle", Latency(std::move(idle))},
              {"busy", Latency(std::move(busy))},
              {"documents_per_second_alone", rate_alone},
              {"documents_per_second_with_queries", rate_with_queries}};
}

}  // namespace lakehouse::app
