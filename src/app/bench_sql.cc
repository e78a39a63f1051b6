#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "app/bench.h"
#include "app/core.h"
#include "base/clock.h"
#include "base/strings.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "sql/plain_duckdb.h"

namespace lakehouse::app {

namespace {

constexpr int64_t kRowLimit = 10'000'000;
constexpr size_t kCopyBytes = 8 << 20;
// Sums of floating-point numbers depend on the order in which threads add them.
constexpr double kRelativeTolerance = 1e-9;

// One statement run by both.
struct Answer {
  double milliseconds = 0;
  Json rows;
};

Result<std::vector<std::string>> ReadStatements(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound("the file of statements cannot be read: ", path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::string> statements;
  std::string current;
  bool quoted = false;
  for (const char c : text) {
    if (c == '\'') quoted = !quoted;
    if (c != ';' || quoted) {
      current.push_back(c);
      continue;
    }
    if (!TrimWhitespace(current).empty()) statements.emplace_back(TrimWhitespace(current));
    current.clear();
  }
  if (!TrimWhitespace(current).empty()) statements.emplace_back(TrimWhitespace(current));
  if (statements.empty()) return InvalidArgument("the file holds no statement: ", path);
  return statements;
}

bool ValuesEqual(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    const double x = a.get<double>();
    const double y = b.get<double>();
    return x == y || std::abs(x - y) <= kRelativeTolerance * std::max(std::abs(x), std::abs(y));
  }
  if (!a.is_array() || !b.is_array()) return a == b;
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), ValuesEqual);
}

// Compares without regard to the order of rows, which SQL leaves open.
bool RowsEqual(const Json& a, const Json& b) {
  const auto sorted = [](const Json& rows) {
    std::vector<Json> list(rows.begin(), rows.end());
    std::sort(list.begin(), list.end(),
              [](const Json& x, const Json& y) { return x.dump() < y.dump(); });
    return list;
  };
  const std::vector<Json> left = sorted(a);
  const std::vector<Json> right = sorted(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), ValuesEqual);
}

// A lakehouse with its own HTTP server, and plain DuckDB on its files.
class SqlBench {
 public:
  ~SqlBench() {
    std::error_code ignored;
    if (!copies_.empty()) std::filesystem::remove_all(copies_, ignored);
  }

  Status Open(const BenchSqlOptions& options) {
    ASSIGN_OR_RETURN(const LoadedConfig loaded, LoadConfig("", options.data_dir));
    ASSIGN_OR_RETURN(DataDirectory directory,
                     DataDirectory::Open(options.data_dir, "bench", nullptr));
    ASSIGN_OR_RETURN(const SecretStore secrets,
                     SecretStore::Load(options.data_dir + "/secrets.toml"));
    ASSIGN_OR_RETURN(core_,
                     Core::Open(std::move(directory),
                                {.config = loaded.config, .secrets = secrets, .run_jobs = false}));
    ASSIGN_OR_RETURN(
        server_, net::HttpServer::Start(
                     {}, [this](net::Request& request) { return core_->gateway().Handle(request); },
                     gateway::ProblemResponse));
    std::map<std::string, std::vector<std::string>> views;
    for (const catalog::DatasetPtr& dataset : core_->catalog().List()) {
      ASSIGN_OR_RETURN(const storage::ObjectStore* store, core_->buckets().Find(dataset->bucket));
      std::vector<std::string>& paths = views[dataset->name.str()];
      for (const catalog::DataFile& file : dataset->files) {
        const std::optional<std::string> path = store->LocalPath(file.key);
        if (path.has_value()) {
          paths.push_back(*path);
        } else {
          ASSIGN_OR_RETURN(std::string copy, CopyToDisk(*store, file.key));
          paths.push_back(std::move(copy));
        }
      }
    }
    ASSIGN_OR_RETURN(plain_, sql::PlainDuckDb::Open(views));
    return OkStatus();
  }

  Result<Answer> RunHere(const std::string& statement) {
    net::ClientRequest request;
    request.method = net::Method::kPost;
    request.url = StrCat("http://127.0.0.1:", server_->port(), "/query/sql");
    request.headers.Set("Content-Type", "application/json");
    std::string body = DumpJson({{"sql", statement}, {"limit", kRowLimit}});
    request.body_size = static_cast<int64_t>(body.size());
    request.body = std::make_unique<StringSource>(std::move(body));
    const int64_t started = Clock::System().MonotonicMicros();
    ASSIGN_OR_RETURN(const net::ClientResponse response, client_.Fetch(std::move(request)));
    const int64_t micros = Clock::System().MonotonicMicros() - started;
    ASSIGN_OR_RETURN(Json json, ParseJson(response.body));
    if (response.status != 200) return InvalidArgument(statement, ": ", json.value("detail", ""));
    return Answer{static_cast<double>(micros) / 1e3, std::move(json["rows"])};
  }

  Result<Answer> RunPlain(const std::string& statement) {
    ASSIGN_OR_RETURN(const sql::PlainResult result, plain_->Run(statement));
    ASSIGN_OR_RETURN(Json rows, ParseJson(result.rows_json));
    return Answer{result.milliseconds, std::move(rows)};
  }

 private:
  // Fetches an object that is not on this disk, for plain DuckDB; removed with this.
  Result<std::string> CopyToDisk(const storage::ObjectStore& store, const std::string& key) {
    copies_ = core_->directory().path() + "/staging/bench";
    std::filesystem::create_directories(copies_);
    const std::string path = StrCat(copies_, "/", ++copy_count_, ".parquet");
    std::ofstream file(path, std::ios::binary);
    ASSIGN_OR_RETURN(const storage::ObjectInfo info, store.Head(key));
    std::string buffer(kCopyBytes, '\0');
    for (uint64_t done = 0; done < info.size_bytes;) {
      ASSIGN_OR_RETURN(const size_t got, store.ReadAt(info, done, buffer.data(), buffer.size()));
      file.write(buffer.data(), static_cast<std::streamsize>(got));
      done += got;
    }
    file.close();
    if (!file) return ResourceExhausted("a copy for plain DuckDB cannot be written: ", path);
    return path;
  }

  std::string copies_;  // Directory; "" until the first copy.
  int copy_count_ = 0;
  std::unique_ptr<Core> core_;
  std::unique_ptr<net::HttpServer> server_;
  net::HttpClient client_;
  std::unique_ptr<sql::PlainDuckDb> plain_;
};

Result<Json> BenchStatement(SqlBench& bench, const std::string& statement, int64_t runs) {
  ASSIGN_OR_RETURN(const Answer cold_here, bench.RunHere(statement));
  ASSIGN_OR_RETURN(const Answer cold_plain, bench.RunPlain(statement));
  std::vector<double> here;
  std::vector<double> plain;
  std::vector<double> ratios;
  for (int64_t run = 0; run < runs; ++run) {
    ASSIGN_OR_RETURN(const Answer hot_plain, bench.RunPlain(statement));
    ASSIGN_OR_RETURN(const Answer hot_here, bench.RunHere(statement));
    here.push_back(hot_here.milliseconds);
    plain.push_back(hot_plain.milliseconds);
    ratios.push_back(hot_here.milliseconds / hot_plain.milliseconds);
  }
  return Json{{"sql", statement},
              {"rows", cold_here.rows.size()},
              {"equal", RowsEqual(cold_here.rows, cold_plain.rows)},
              {"cold_ms", cold_here.milliseconds},
              {"hot_ms", Median(here)},
              {"duckdb_cold_ms", cold_plain.milliseconds},
              {"duckdb_hot_ms", Median(plain)},
              {"hot_ratio", Median(ratios)}};
}

}  // namespace

Result<Json> BenchSql(const BenchSqlOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> statements, ReadStatements(options.sql_file));
  SqlBench bench;
  TRY(bench.Open(options));
  Json answer = BenchHeader(0);
  answer["statements"] = Json::array();
  for (const std::string& statement : statements) {
    ASSIGN_OR_RETURN(Json result, BenchStatement(bench, statement, options.runs));
    answer["statements"].push_back(std::move(result));
  }
  return answer;
}

}  // namespace lakehouse::app
