#include "sql/engine.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sql/lake_fixture.h"

namespace lakehouse::sql {
namespace {

using ::testing::HasSubstr;

// Runs for minutes unless it is stopped.
constexpr const char* kEndless = "SELECT count(*) FROM range(10000000) a, range(10000000) b";

class EngineTest : public LakeTest {};

TEST_F(EngineTest, DatasetsAreTablesInAnyCase) {
  AddDataset("people", {"SELECT 1 AS id, 'Ann' AS name", "SELECT 2 AS id, 'Bob' AS name"});
  EXPECT_EQ(Rows("SELECT name FROM people ORDER BY id"), R"([["Ann"],["Bob"]])");
  EXPECT_EQ(Rows("SELECT count(*) FROM People p WHERE p.id = 2"), "[[1]]");
  EXPECT_EQ(Rows("SELECT people.name FROM \"PEOPLE\" AS people WHERE id = 1"), R"([["Ann"]])");
  EXPECT_EQ(Rows("FROM people LIMIT 1"), R"([[1,"Ann"]])");
}

TEST_F(EngineTest, RowsComeInTheOrderOfTheFiles) {
  AddDataset("numbers", {"SELECT 100 + i AS i FROM range(3) t(i)", "SELECT i FROM range(3) t(i)",
                         "SELECT 50 + i AS i FROM range(3) t(i)"});
  EXPECT_EQ(Rows("FROM numbers"), "[[100],[101],[102],[0],[1],[2],[50],[51],[52]]");
}

TEST_F(EngineTest, ObjectsThatAreNotLocalAreReadThroughTheStore) {
  AddDataset("remote-people", {"SELECT i, repeat('x', 100) AS t FROM range(50000) r(i)"}, "remote");
  EXPECT_EQ(Rows("SELECT count(*), sum(i), min(length(t)) FROM \"remote-people\""),
            "[[50000,1249975000,100]]");
}

TEST_F(EngineTest, ADatasetWithoutFilesHasItsColumnsAndNoRows) {
  const DatasetName name = Must(DatasetName::Parse("empty"));
  Must(catalog_->Commit({.name = name,
                         .bucket = Bucket("primary"),
                         .columns = {{"id", "BIGINT", {}}, {"when", "TIMESTAMP", {}}}}));
  EXPECT_EQ(Rows("SELECT id, \"when\" FROM empty"), "[]");
  EXPECT_EQ(Rows("SELECT column_name, column_type FROM (DESCRIBE empty)"),
            R"([["id","BIGINT"],["when","TIMESTAMP"]])");
}

TEST_F(EngineTest, ColumnsHaveTheRecordedTypesWhereParquetWouldChangeThem) {
  AddDataset("exotic",
             {"SELECT 1::HUGEINT AS big, 'a'::ENUM('a', 'b') AS letter, 2::BIGINT AS id"});
  EXPECT_EQ(Rows("SELECT column_type FROM (DESCRIBE exotic)"),
            R"x([["HUGEINT"],["ENUM('a', 'b')"],["BIGINT"]])x");
  EXPECT_EQ(Rows("FROM exotic"), R"([[1,"a",2]])");
}

TEST_F(EngineTest, AQuerySeesEachDatasetAtOneVersion) {
  AddDataset("counter", {"SELECT 1 AS n"});
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 2; i < 12; ++i) AddDataset("counter", {StrCat("SELECT ", i, " AS n")});
    done = true;
  });
  while (!done) {
    EXPECT_EQ(Rows("SELECT a.n = b.n AND b.n = (SELECT max(n) FROM counter) "
                   "FROM counter a, counter b"),
              "[[true]]");
  }
  writer.join();
  EXPECT_EQ(Rows("FROM counter"), "[[11]]");
}

TEST_F(EngineTest, RowsBeyondTheLimitAreCut) {
  QueryRequest request;
  request.sql = "SELECT i FROM range(100000) t(i)";
  request.row_limit = 3;
  QueryResult result = Must(engine_->Query(request));
  EXPECT_EQ(result.rows_json, "[[0],[1],[2]]");
  EXPECT_EQ(result.row_count, 3U);
  EXPECT_TRUE(result.truncated);

  request.sql = "SELECT i FROM range(3) t(i)";
  result = Must(engine_->Query(request));
  EXPECT_EQ(result.row_count, 3U);
  EXPECT_FALSE(result.truncated);

  request.row_limit = 2048;  // Exactly one of DuckDB's vectors.
  request.sql = "SELECT i FROM range(2049) t(i)";
  EXPECT_TRUE(Must(engine_->Query(request)).truncated);
}

TEST_F(EngineTest, RowsBeyondTheBytesAreCutWhole) {
  QueryRequest request;
  request.sql = "SELECT repeat('x', 100) FROM range(1000000)";
  request.max_result_bytes = 1000;
  const QueryResult result = Must(engine_->Query(request));
  EXPECT_TRUE(result.truncated);
  EXPECT_EQ(result.row_count, 9U);
  EXPECT_LE(result.rows_json.size(), 1000U);
  EXPECT_EQ(Must(ParseJson(result.rows_json)).size(), 9U);
}

TEST_F(EngineTest, AnEndlessResultStopsAtTheLimit) {
  QueryRequest request;
  request.sql = "SELECT range FROM range(1000000000000)";
  request.row_limit = 10;
  EXPECT_EQ(Must(engine_->Query(request)).row_count, 10U);
}

TEST_F(EngineTest, ParametersAreBoundInOrder) {
  EXPECT_EQ(Rows("SELECT ?, ?, ?, ?, ?", {1, "it's", 2.5, true, nullptr}),
            R"([[1,"it's",2.5,true,null]])");
  EXPECT_EQ(Rows("SELECT $2, $1, $2", {"a", "b"}), R"([["b","a","b"]])");
  EXPECT_EQ(Rows("SELECT ?", {18446744073709551615U}), "[[18446744073709551615]]");
  EXPECT_EQ(Rows("SELECT i FROM range(10) t(i) WHERE i > ? LIMIT ?", {3, 2}), "[[4],[5]]");
  EXPECT_EQ(Rows("SELECT date '2024-01-02' = ?", {"2024-01-02"}), "[[true]]");
}

TEST_F(EngineTest, WrongParametersAreNamed) {
  EXPECT_THAT(Error("SELECT ?, ?", {1}).message(), HasSubstr("no value for parameter $2"));
  EXPECT_THAT(Error("SELECT ?", {1, 2}).message(), HasSubstr("2 values given"));
  EXPECT_THAT(Error("SELECT $name", {1}).message(), HasSubstr("$name"));
  EXPECT_THAT(Error("SELECT ?", {Json::array({1})}).message(), HasSubstr("value 1 is array"));
  EXPECT_EQ(Error("SELECT ?", {Json::object()}).code(), StatusCode::kInvalidArgument);
}

TEST_F(EngineTest, ErrorsNameTheProblemAndThePlace) {
  AddDataset("people", {"SELECT 1 AS id"});
  EXPECT_THAT(Error("SELECT nme FROM people").message(), HasSubstr("LINE 1"));
  EXPECT_THAT(Error("SELECT 1 +").message(), HasSubstr("syntax error"));
  EXPECT_THAT(Error("FROM peple").message(), HasSubstr("did you mean \"people\"?"));
  EXPECT_THAT(Error("FROM main.people").message(), HasSubstr("did you mean \"people\"?"));
  EXPECT_THAT(Error("FROM zzzzzzzzzz").message(), HasSubstr("SHOW TABLES"));
  EXPECT_THAT(Error("SELECT 'x'::INTEGER").message(), HasSubstr("Could not convert"));
  EXPECT_THAT(Error("").message(), HasSubstr("no statement"));
  EXPECT_THAT(Error("-- nothing").message(), HasSubstr("no statement"));
  EXPECT_EQ(Error(std::string("SELECT 1\0", 9)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Error("SELECT '\xff'").code(), StatusCode::kInvalidArgument);
}

TEST_F(EngineTest, TheTimeoutStopsAQuery) {
  QueryRequest request;
  request.sql = kEndless;
  request.cancel = CancelToken::WithTimeout(50);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(engine_->Query(request).status().code(), StatusCode::kDeadlineExceeded);
  // Not a measurement: the query would run for hours.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(EngineTest, CancelStopsAQuery) {
  QueryRequest request;
  request.sql = kEndless;
  CancelToken cancel = request.cancel;
  std::thread canceller([cancel]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cancel.Cancel();
  });
  EXPECT_EQ(engine_->Query(request).status().code(), StatusCode::kCancelled);
  canceller.join();
}

TEST_F(EngineTest, AStoppedTokenStartsNothing) {
  QueryRequest request;
  request.sql = "SELECT 1";
  request.cancel.Cancel();
  EXPECT_EQ(engine_->Query(request).status().code(), StatusCode::kCancelled);
}

TEST_F(EngineTest, ConcurrentQueriesAndInterruptsLeaveTheEngineSound) {
  AddDataset("numbers", {"SELECT i FROM range(20000) t(i)"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(Rows("SELECT sum(i) FROM numbers"), "[[199990000]]");
        QueryRequest request;
        request.sql = kEndless;
        request.cancel = CancelToken::WithTimeout(1 + (t + i) % 4);
        EXPECT_EQ(engine_->Query(request).status().code(), StatusCode::kDeadlineExceeded);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Rows("SELECT count(*) FROM numbers"), "[[20000]]");
}

TEST_F(EngineTest, AQueryWaitsForASlotUntilItsDeadline) {
  OpenEngine({.max_concurrent_queries = 1});
  QueryRequest slow;
  slow.sql = kEndless;
  CancelToken stop = slow.cancel;
  std::atomic<bool> started = false;
  std::thread holder([&] {
    started = true;
    EXPECT_EQ(engine_->Query(slow).status().code(), StatusCode::kCancelled);
  });
  while (!started) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  QueryRequest waiting;
  waiting.sql = "SELECT 1";
  waiting.cancel = CancelToken::WithTimeout(50);
  EXPECT_EQ(engine_->Query(waiting).status().code(), StatusCode::kUnavailable);
  waiting.cancel = CancelToken();
  std::thread releaser([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.Cancel();
  });
  EXPECT_TRUE(engine_->Query(waiting).ok());
  releaser.join();
  holder.join();
}

TEST_F(EngineTest, TooMuchMemoryIsResourceExhausted) {
  OpenEngine({.memory_limit_bytes = 40'000'000, .threads = 1, .max_temp_bytes = 1'000'000});
  const Status status = Error(
      "SELECT count(*) FROM (SELECT i, row_number() OVER (ORDER BY hash(i)) AS r "
      "FROM range(5000000) t(i)) WHERE r % 1000 = 0");
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), Not(HasSubstr(dir_.path())));
  EXPECT_EQ(Rows("SELECT 1"), "[[1]]");
}

TEST_F(EngineTest, SpillsToTheTempDirectoryAndCleansUp) {
  OpenEngine({.memory_limit_bytes = 60'000'000, .threads = 1, .max_temp_bytes = 1'000'000'000});
  EXPECT_EQ(Rows("SELECT count(*) FROM (SELECT i, row_number() OVER (ORDER BY hash(i)) AS r "
                 "FROM range(3000000) t(i)) WHERE r % 1000 = 0"),
            "[[3000]]");
}

TEST_F(EngineTest, OpenEmptiesTheTempDirectory) {
  engine_.reset();
  std::filesystem::create_directories(dir_.Join("temp/old"));
  OpenEngine({});
  EXPECT_TRUE(std::filesystem::is_empty(dir_.Join("temp")));
}

TEST(SqlTextTest, QuotesEverything) {
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteLiteral("a'b"), "'a''b'");
  EXPECT_EQ(LakePath(Must(BucketName::Parse("s3:spare")), "data/x.parquet"),
            "lake://s3:spare/data/x.parquet");
  EXPECT_EQ(StagePath("/tmp/x"), "stage:///tmp/x");
}

}  // namespace
}  // namespace lakehouse::sql
