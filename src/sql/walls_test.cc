// What holds where the gate does not: connections that run ungated SQL under a scope.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sql/instance.internal.h"
#include "sql/lake_file_system.internal.h"
#include "sql/lake_fixture.h"
#include "sql/scope.internal.h"

namespace lakehouse::sql {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCanaryText = "canary-91bc";

class WallsTest : public LakeTest {
 protected:
  WallsTest() {
    AddDataset("mine", {"SELECT 1 AS id"});
    AddDataset("other", {"SELECT 'canary-91bc' AS secret"});
    AddDataset("far", {"SELECT 2 AS id"}, "remote");
    engine_.reset();
    database_ = Must(OpenInstance({}, dir_.Join("temp"), *buckets_));
    std::ofstream(dir_.Join("canary.csv")) << kCanaryText;
    std::ofstream(dir_.Join("temp/spilled")) << kCanaryText;
  }

  std::string ObjectOf(const std::string& dataset) {
    const auto found = Must(catalog_->Get(Must(DatasetName::Parse(dataset))));
    return LakePath(found->bucket, found->files.front().key);
  }

  // Runs SQL as DuckDB would without the gate and returns its error, or its first value.
  std::string RunUngated(duckdb::shared_ptr<Scope> scope, const std::string& sql) {
    duckdb::Connection connection(*database_);
    if (scope) Scope::Attach(*connection.context, std::move(scope));
    const auto result = connection.Query(sql);
    if (result->HasError()) return result->GetError();
    return result->RowCount() == 0 ? "" : result->GetValue(0, 0).ToString();
  }
  void ExpectNoWay(const duckdb::shared_ptr<Scope>& scope, const std::string& sql,
                   const std::string& why) {
    const std::string answer = RunUngated(scope, sql);
    EXPECT_THAT(answer, HasSubstr(why)) << sql;
    EXPECT_THAT(answer, Not(HasSubstr(kCanaryText))) << sql;
  }

  duckdb::shared_ptr<Scope> QueryScope() { return Scope::ForQuery(catalog_->List()); }

  std::unique_ptr<duckdb::DuckDB> database_;
};

TEST_F(WallsTest, AScopeOpensOnlyTheObjectsOfDatasetsItNamed) {
  const auto scope = QueryScope();
  const std::string read_mine = "FROM read_parquet('" + ObjectOf("mine") + "')";
  ExpectNoWay(scope, read_mine, "may not open");
  ASSERT_NE(scope->Resolve("MINE"), nullptr);
  EXPECT_EQ(RunUngated(scope, read_mine), "1");
  ExpectNoWay(scope, "FROM read_text('" + ObjectOf("other") + "')", "may not open");
  ExpectNoWay(scope, "FROM read_parquet('" + ObjectOf("far") + "')", "may not open");
  ExpectNoWay(scope, "FROM read_text('" + StagePath(dir_.Join("canary.csv")) + "')",
              "may not open");
  ExpectNoWay(scope, "COPY (SELECT 1) TO '" + ObjectOf("mine") + "'", "not offered");
  ExpectNoWay(Scope::Trusted(), "COPY (SELECT 1) TO '" + ObjectOf("mine") + "'", "may not open");
  ExpectNoWay(scope, "COPY (SELECT 1) TO '" + StagePath(dir_.Join("x.csv")) + "'", "may not open");
}

TEST_F(WallsTest, ACachedObjectIsBehindTheSameCheck) {
  const std::string read = "FROM read_parquet('" + ObjectOf("other") + "')";
  EXPECT_EQ(RunUngated(Scope::Trusted(), read), kCanaryText);
  EXPECT_EQ(RunUngated(Scope::Trusted(), read), kCanaryText);
  ExpectNoWay(QueryScope(), read, "may not open");
}

TEST_F(WallsTest, AConnectionWithoutAScopeOpensNothing) {
  ExpectNoWay(nullptr, "FROM read_parquet('" + ObjectOf("mine") + "')", "may not open");
  ExpectNoWay(nullptr, "FROM read_text('" + StagePath(dir_.Join("canary.csv")) + "')",
              "may not open");
}

TEST_F(WallsTest, NobodyReachesALocalPath) {
  const std::string canary = dir_.Join("canary.csv");
  for (const bool trusted : {false, true}) {
    const auto scope = [&] { return trusted ? Scope::Trusted() : QueryScope(); };
    for (const std::string& path :
         {canary, "file://" + canary, std::string("/etc/passwd"), std::string("~/.bashrc"),
          std::string("http://127.0.0.1:1/x.csv"), std::string("s3://x/y.csv")}) {
      ExpectNoWay(scope(), "FROM read_text('" + path + "')", "disabled by configuration");
    }
    ExpectNoWay(scope(), "FROM glob('" + dir_.path() + "/*')", "disabled by configuration");
    ExpectNoWay(scope(), "COPY (SELECT 1) TO '" + dir_.Join("x.csv") + "'",
                "disabled by configuration");
  }
  ExpectNoWay(Scope::Trusted(), "ATTACH '" + dir_.Join("x.db") + "'", "disabled by configuration");
  ExpectNoWay(Scope::Trusted(), "INSTALL httpfs", "disabled by configuration");
  ExpectNoWay(Scope::Trusted(), "LOAD '" + canary + "'", "disabled through configuration");
  ExpectNoWay(Scope::Trusted(), "FROM '" + canary + "'", "does not exist");
  ExpectNoWay(QueryScope(), "FROM '" + canary + "'", "There is no dataset");
}

// The check of bound plans runs on every connection of a query, whatever became of the parsed one.
TEST_F(WallsTest, PlansOtherThanAListedSelectDoNotRun) {
  for (const char* sql :
       {"CREATE TABLE x (i INTEGER)", "ATTACH ':memory:' AS y", "INSTALL httpfs",
        "CALL pragma_version()", "FROM duckdb_settings()", "SELECT current_setting('threads')"}) {
    ExpectNoWay(QueryScope(), sql, "not offered");
  }
}

// DuckDB's settings let it reach its temporary directory; our default file system does not let SQL.
TEST_F(WallsTest, SpilledDataIsOutOfReach) {
  const std::string spilled = dir_.Join("temp/spilled");
  for (const auto& scope : {Scope::Trusted(), QueryScope()}) {
    ExpectNoWay(scope, "FROM read_text('" + spilled + "')", "cannot be reached from SQL");
  }
  ExpectNoWay(Scope::Trusted(), "COPY (SELECT 1) TO '" + dir_.Join("temp/x.csv") + "'",
              "cannot be reached from SQL");
  ExpectNoWay(Scope::Trusted(), "FROM glob('" + dir_.Join("temp/*") + "')",
              "cannot be reached from SQL");
}

TEST_F(WallsTest, PathsOfOurSchemesCannotClimb) {
  const std::string stage = StagePath(dir_.Join("bucket/../canary.csv"));
  ExpectNoWay(Scope::Trusted(), "FROM read_text('" + stage + "')", "may not open");
  ExpectNoWay(Scope::Trusted(), "FROM read_text('stage://relative')", "may not open");
  ExpectNoWay(Scope::Trusted(), "FROM read_text('lake://primary/../canary.csv')", "may not open");
  ExpectNoWay(Scope::Trusted(), "FROM read_text('lake://nowhere/x')", "not in bucket nowhere");
  ExpectNoWay(Scope::Trusted(), "FROM read_text('lake://primary')", "may not open");
  std::filesystem::create_symlink(dir_.Join("canary.csv"), dir_.Join("link.csv"));
  ExpectNoWay(Scope::Trusted(), "FROM read_text('" + StagePath(dir_.Join("link.csv")) + "')",
              "Cannot open");
}

TEST_F(WallsTest, TheConfigurationIsLocked) {
  for (const char* statement :
       {"SET enable_external_access = true", "SET lock_configuration = false", "SET threads = 1",
        "SET allowed_directories = ['/']", "SET validate_external_file_cache = 'NO_VALIDATION'",
        "SET disabled_optimizers = 'extension'", "RESET enable_external_access",
        "SET autoinstall_known_extensions = true"}) {
    EXPECT_THAT(RunUngated(Scope::Trusted(), statement), HasSubstr("Cannot")) << statement;
  }
}

TEST_F(WallsTest, LimitsComeFromTheConfiguration) {
  database_.reset();
  const SqlConfig config{
      .memory_limit_bytes = 123'456'789, .threads = 3, .max_temp_bytes = 987'654'321};
  database_ = Must(OpenInstance(config, dir_.Join("temp"), *buckets_));
  EXPECT_EQ(RunUngated(Scope::Trusted(), "SELECT current_setting('threads')"), "3");
  EXPECT_EQ(RunUngated(Scope::Trusted(), "SELECT current_setting('memory_limit')"), "117.7 MiB");
  EXPECT_EQ(RunUngated(Scope::Trusted(), "SELECT current_setting('max_temp_directory_size')"),
            "941.9 MiB");
}

}  // namespace
}  // namespace lakehouse::sql
