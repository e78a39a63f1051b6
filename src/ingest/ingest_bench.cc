// How fast uploads are read before SQL sees them. Bytes per second of the file.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "base/strings.h"
#include "ingest/csv_staging.h"
#include "ingest/encoding.h"
#include "ingest/json_staging.h"

namespace lakehouse::ingest {
namespace {

constexpr int kRows = 100'000;

std::string MakeCsv() {
  std::string csv = "id,name,email,state,zip,salary,start,updated,active,bio\n";
  for (int i = 0; i < kRows; ++i) {
    StrAppend(csv, i, ",Person ", i * 7 % 99991, ",p", i, "@example.com,IL,0", 1000 + i % 9000, ",",
              i % 100000, ".", 10 + i % 90, ",2015-03-1", i % 10, ",2024-01-02T03:04:", 10 + i % 50,
              "Z,", i % 2 == 0 ? "true" : "false", ",\"likes, ", i % 10000, " things\"\n");
  }
  return csv;
}

std::string MakeNdjson() {
  std::string json;
  for (int i = 0; i < kRows; ++i) {
    StrAppend(json, "{\"id\":", i, ",\"name\":\"Person ", i * 7 % 99991,
              "\",\"place\":{\"state\":\"IL\",\"zip\":\"0", 1000 + i % 9000,
              "\"},\"tags\":[1,2],\"pay\":", i % 100000, ".5}\n");
  }
  return json;
}

// Makes a working directory for one benchmark.
struct Workplace {
  Workplace() : directory(*WorkDirectory::Open(path, 0)) {}
  ~Workplace() { std::filesystem::remove_all(path); }

  const std::string path = std::filesystem::temp_directory_path() / "lakehouse_ingest_bench";
  std::unique_ptr<WorkDirectory> directory;
  IngestConfig config;
  StagingContext context{config, *directory, {}};
};

void BM_DetectEncoding(benchmark::State& state) {
  const std::string csv = MakeCsv();
  for (auto _ : state) benchmark::DoNotOptimize(DetectEncoding(csv, {}));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * csv.size()));
}
BENCHMARK(BM_DetectEncoding);

void BM_ReadCsv(benchmark::State& state) {
  const std::string csv = MakeCsv();
  for (auto _ : state) {
    CsvReader reader(csv, {}, 1 << 20);
    size_t fields = 0;
    while (reader.Next()) fields += reader.fields().size();
    benchmark::DoNotOptimize(fields);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * csv.size()));
}
BENCHMARK(BM_ReadCsv);

void BM_StageCsv(benchmark::State& state) {
  const std::string csv = MakeCsv();
  const CsvSniff sniff = SniffCsv(std::string_view(csv).substr(0, 1 << 16));
  Workplace workplace;
  for (auto _ : state) {
    Rejects rejects;
    benchmark::DoNotOptimize(StageCsv(csv, "path", sniff, workplace.context, rejects));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * csv.size()));
}
BENCHMARK(BM_StageCsv);

void BM_StageNdjson(benchmark::State& state) {
  const std::string json = MakeNdjson();
  Workplace workplace;
  for (auto _ : state) {
    Rejects rejects;
    benchmark::DoNotOptimize(StageJson(json, JsonLayout::kLines, workplace.context, rejects));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * json.size()));
}
BENCHMARK(BM_StageNdjson);

}  // namespace
}  // namespace lakehouse::ingest
