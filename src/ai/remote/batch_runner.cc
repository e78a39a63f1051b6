#include "ai/remote/batch_runner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "ai/remote/text_measure.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

using Vector = std::vector<float>;
using Ids = std::span<const size_t>;

// So many texts failed alone, one after the other, before the server itself is doubted.
constexpr int kFailuresToDoubt = 3;
// A text that is too long for a server that counts otherwise loses a quarter, so often.
constexpr int kMaxCuts = 6;

// The bytes of a text as a JSON string.
size_t JsonBytes(std::string_view text) {
  size_t bytes = 3;  // Quotes and a comma.
  for (const char c : text) {
    bytes += c == '"' || c == '\\' ? 2 : static_cast<unsigned char>(c) < 0x20 ? 6 : 1;
  }
  return bytes;
}

// Cuts texts, the longest first, into batches: servers that pad do so least among equals.
std::vector<std::vector<size_t>> PlanBatches(std::span<const std::string> texts,
                                             const BatchLimits& limits) {
  std::vector<size_t> order(texts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](size_t i) { return texts[i].size(); });
  std::vector<std::vector<size_t>> batches;
  size_t bytes = 0;
  for (const size_t i : order) {
    const size_t more = JsonBytes(texts[i]);
    if (batches.empty() || batches.back().size() == limits.max_texts ||
        bytes + more > limits.max_bytes) {
      batches.emplace_back();
      bytes = 0;
    }
    batches.back().push_back(i);
    bytes += more;
  }
  return batches;
}

// The width that every vector has, when it is one; else 0.
size_t SharedWidth(const std::vector<Result<Vector>>& vectors) {
  size_t width = 0;
  for (const Result<Vector>& vector : vectors) {
    if (!vector.ok() || vector->empty() || (width != 0 && vector->size() != width)) return 0;
    width = vector->size();
  }
  return width;
}

}  // namespace

Status FinishVector(const VectorRule& rule, Vector& vector) {
  if (vector.size() != rule.width) {
    return InvalidArgument("the server gave ", vector.size(), " numbers for this text, expected ",
                           rule.width);
  }
  if (!std::ranges::all_of(vector, [](float x) { return std::isfinite(x); })) {
    return InvalidArgument("the server gave numbers that are not finite for this text");
  }
  if (!rule.normalize) return OkStatus();
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  const double length = std::sqrt(squares);
  // Also catches a length that is 0 in all but its last bits.
  if (!(length > 1e-30)) return InvalidArgument("the server gave zeros for this text");
  for (float& x : vector) x = static_cast<float>(x / length);
  return OkStatus();
}

// The texts of one call on their way through the server.
class BatchRunner::Call {
 public:
  Call(BatchRunner& runner, std::span<const std::string> texts, const SendBatch& send)
      : runner_(runner), texts_(texts), send_(send), results_(texts.size()) {
    BatchLimits limits = runner.limits_;
    limits.max_texts = runner.max_texts_;
    batches_ = PlanBatches(texts, limits);
  }

  Result<std::vector<Result<Vector>>> Run() {
    std::vector<std::thread> threads;
    const size_t count = std::min(runner_.limits_.max_parallel, batches_.size());
    for (size_t i = 1; i < count; ++i) threads.emplace_back([this] { Work(); });
    Work();
    for (std::thread& thread : threads) thread.join();
    const MutexLock lock(mutex_);
    TRY(stopped_);
    std::vector<Result<Vector>> results;
    results.reserve(results_.size());
    for (std::optional<Result<Vector>>& result : results_) results.push_back(*std::move(result));
    return results;
  }

 private:
  void Work() {
    while (true) {
      const size_t next = next_batch_.fetch_add(1);
      if (next >= batches_.size()) return;
      Ids rest = batches_[next];
      while (!rest.empty()) {
        const Ids batch = rest.first(std::min<size_t>(rest.size(), runner_.max_texts_));
        if (!Process(batch, /*whole=*/true)) return;
        rest = rest.subspan(batch.size());
      }
    }
  }

  // Finds a result for each of these texts; false when the call has stopped. `whole`: not a part of
  // a batch that failed.
  bool Process(Ids ids, bool whole) {
    if (HasStopped()) return false;
    ServerFailure failure = Ask(ids);
    // A crash may have been another request's fault.
    if (whole && ids.size() > 1 && !failure.ok() && failure.blame == Blame::kModel) {
      failure = Ask(ids);
    }
    if (failure.ok()) return !HasStopped();
    if (failure.blame == Blame::kServer) return Stop(failure.status);
    if (ids.size() == 1) return Isolate(ids.front(), failure);
    const size_t half = (ids.size() + 1) / 2;
    const size_t failed_before = failed_texts_;
    if (!Process(ids.first(half), /*whole=*/false)) return false;
    if (!Process(ids.subspan(half), /*whole=*/false)) return false;
    if (failure.blame == Blame::kSize && failed_texts_ == failed_before) Learn(half);
    return true;
  }

  // Sends a batch and accepts what is good of the answer; each vector that is not is asked for
  // alone.
  ServerFailure Ask(Ids ids) {
    std::vector<std::string> texts;
    texts.reserve(ids.size());
    for (const size_t id : ids) texts.push_back(texts_[id]);
    BatchAnswer answer = send_(texts);
    if (!answer.failure.ok()) return answer.failure;
    if (answer.vectors.size() != ids.size()) return WrongCount(answer.vectors.size(), ids.size());
    const size_t width = SharedWidth(answer.vectors);
    if (width != 0 && width != runner_.rule_.width) {
      return {.status = Conflict("the model behind the name has changed: it gives ", width,
                                 " numbers for a text, not ", runner_.rule_.width,
                                 " any more; build the index anew with it")};
    }
    std::vector<std::pair<size_t, Status>> bad;
    for (size_t i = 0; i < ids.size(); ++i) {
      const Status status = Accept(ids[i], std::move(answer.vectors[i]));
      if (!status.ok()) bad.emplace_back(ids[i], status);
    }
    for (const auto& [id, status] : bad) {
      if (!Isolate(id, {.status = status, .blame = Blame::kModel})) break;
    }
    return {};
  }

  static ServerFailure WrongCount(size_t count, size_t expected) {
    return {.status = InvalidArgument("the server gave ", count, " vectors for ", expected,
                                      expected == 1 ? " text" : " texts"),
            .blame = Blame::kTexts};
  }

  // Sends one text alone, as it is now.
  ServerFailure AskAlone(size_t id, const std::string& text) {
    BatchAnswer answer = send_({&text, 1});
    if (!answer.failure.ok()) return answer.failure;
    if (answer.vectors.size() != 1) return WrongCount(answer.vectors.size(), 1);
    return {.status = Accept(id, std::move(answer.vectors.front())), .blame = Blame::kModel};
  }

  // Does for a text that failed what may help: asks once more, and once with a blank behind it,
  // which runs through the model as other numbers; cuts what is too long. Then gives it up.
  bool Isolate(size_t id, ServerFailure failure) {
    std::string text = texts_[id];
    int model_failures = 0;
    int cuts = 0;
    while (!failure.ok()) {
      if (failure.blame == Blame::kServer) return Stop(failure.status);
      if (failure.blame == Blame::kModel && model_failures < 2) {
        if (++model_failures == 2) text += ' ';
      } else if (failure.blame == Blame::kLength && cuts < kMaxCuts && text.size() > 1) {
        ++cuts;
        text.resize(CodePointBoundary(text, text.size() - (text.size() + 3) / 4));
      } else {
        return GiveUp(id, failure.status);
      }
      if (HasStopped()) return false;
      failure = AskAlone(id, text);
    }
    return true;
  }

  Status Accept(size_t id, Result<Vector> vector) {
    TRY(vector.status());
    TRY(FinishVector(runner_.rule_, *vector));
    results_[id] = *std::move(vector);
    const MutexLock lock(mutex_);
    failures_in_a_row_ = 0;
    return OkStatus();
  }

  bool GiveUp(size_t id, const Status& why) {
    results_[id] = why;
    ++failed_texts_;
    {
      const MutexLock lock(mutex_);
      if (++failures_in_a_row_ < kFailuresToDoubt) return true;
      failures_in_a_row_ = 0;
    }
    BatchAnswer answer = send_({&runner_.probe_text_, 1});
    Status status = answer.failure.status;
    if (status.ok() && answer.vectors.size() != 1)
      status = WrongCount(answer.vectors.size(), 1).status;
    if (status.ok()) status = answer.vectors.front().status();
    if (status.ok()) status = FinishVector(runner_.rule_, *answer.vectors.front());
    if (status.ok()) return true;
    if (answer.failure.blame == Blame::kServer && !answer.failure.ok()) return Stop(status);
    return Stop(Unavailable("the server fails for every text, also for one that it took before: ",
                            status.message()));
  }

  void Learn(size_t max_texts) {
    size_t known = runner_.max_texts_;
    while (max_texts < known && !runner_.max_texts_.compare_exchange_weak(known, max_texts)) {
    }
  }

  bool HasStopped() {
    const MutexLock lock(mutex_);
    return !stopped_.ok();
  }
  // Returns false for its callers to pass on.
  bool Stop(const Status& why) {
    const MutexLock lock(mutex_);
    if (stopped_.ok()) stopped_ = why;
    return false;
  }

  BatchRunner& runner_;
  const std::span<const std::string> texts_;
  const SendBatch& send_;
  std::vector<std::vector<size_t>> batches_;
  std::atomic<size_t> next_batch_{0};
  // Each is written by the one thread that has its batch, and read after all have ended.
  std::vector<std::optional<Result<Vector>>> results_;
  std::atomic<size_t> failed_texts_{0};
  Mutex mutex_;
  int failures_in_a_row_ GUARDED_BY(mutex_) = 0;
  Status stopped_ GUARDED_BY(mutex_);
};

BatchRunner::BatchRunner(const BatchLimits& limits, const VectorRule& rule, std::string probe_text)
    : limits_(limits),
      rule_(rule),
      probe_text_(std::move(probe_text)),
      max_texts_(limits.max_texts) {
  CHECK(limits.max_texts > 0 && limits.max_bytes > 0 && limits.max_parallel > 0);
  CHECK(rule.width > 0);
}

Result<std::vector<Result<Vector>>> BatchRunner::Run(std::span<const std::string> texts,
                                                     const SendBatch& send) {
  return Call(*this, texts, send).Run();
}

}  // namespace lakehouse::ai
