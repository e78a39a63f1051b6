#include <algorithm>
#include <memory>

#include "app/bench.h"
#include "app/core.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/strings.h"

namespace lakehouse::app {

namespace {

constexpr int kPuts = 100;
constexpr size_t kPutBytes = 4'096;

// Microseconds, sorted.
Json Percentiles(std::vector<double> micros) {
  std::sort(micros.begin(), micros.end());
  const auto at = [&micros](double share) {
    return micros[static_cast<size_t>(share * static_cast<double>(micros.size() - 1))];
  };
  return {{"count", micros.size()}, {"p50_us", at(0.5)}, {"p99_us", at(0.99)}};
}

class Stopwatch {
 public:
  double Micros() const {
    return static_cast<double>(Clock::System().MonotonicMicros() - started_);
  }

 private:
  int64_t started_ = Clock::System().MonotonicMicros();
};

Result<Json> BenchGets(const storage::ObjectStore& store, const BenchS3Options& options) {
  ASSIGN_OR_RETURN(const std::vector<storage::ObjectInfo> objects, store.List(options.prefix));
  if (objects.empty()) {
    return NotFound("the bucket has no object whose key begins with: ", options.prefix);
  }
  std::vector<double> micros;
  uint64_t bytes = 0;
  double total = 0;
  for (int64_t run = 0; run < options.runs; ++run) {
    for (const storage::ObjectInfo& object : objects) {
      const Stopwatch watch;
      ASSIGN_OR_RETURN(const std::string content, store.Get(object.key));
      micros.push_back(watch.Micros());
      total += micros.back();
      bytes += content.size();
    }
  }
  Json answer = Percentiles(std::move(micros));
  answer["mib_per_second"] = static_cast<double>(bytes) / (1 << 20) / (total / 1e6);
  return answer;
}

Result<Json> BenchPuts(storage::ObjectStore& store) {
  const std::string folder = StrCat("_bench/", NewUuid(Clock::System()), "/");
  const std::string content(kPutBytes, 'x');
  std::vector<double> micros;
  std::vector<std::string> keys;
  Status status;
  for (int i = 0; i < kPuts && status.ok(); ++i) {
    keys.push_back(StrCat(folder, i));
    const Stopwatch watch;
    status = store.Put(keys.back(), content).status();
    micros.push_back(watch.Micros());
  }
  const Status removed = store.DeleteMany(keys);
  TRY(status);
  TRY(removed);
  return Percentiles(std::move(micros));
}

}  // namespace

Result<Json> BenchS3(const BenchS3Options& options) {
  ASSIGN_OR_RETURN(const LoadedConfig loaded, LoadConfig("", options.data_dir));
  ASSIGN_OR_RETURN(const SecretStore secrets,
                   SecretStore::Load(options.data_dir + "/secrets.toml"));
  ASSIGN_OR_RETURN(DataDirectory directory,
                   DataDirectory::Open(options.data_dir, "bench", nullptr));
  ASSIGN_OR_RETURN(const std::unique_ptr<Core> core,
                   Core::Open(std::move(directory),
                              {.config = loaded.config, .secrets = secrets, .run_jobs = false}));
  ASSIGN_OR_RETURN(const BucketName name, BucketName::Parse(options.bucket));
  ASSIGN_OR_RETURN(storage::ObjectStore * store, core->buckets().Find(name));
  Json answer = BenchHeader(0);
  answer["bucket"] = options.bucket;
  ASSIGN_OR_RETURN(answer["get"], BenchGets(*store, options));
  ASSIGN_OR_RETURN(answer["put"], BenchPuts(*store));
  return answer;
}

}  // namespace lakehouse::app
