#include "sql/plain_duckdb.h"

#include <gtest/gtest.h>

#include "sql/lake_fixture.h"

namespace lakehouse::sql {
namespace {

class PlainDuckDbTest : public LakeTest {
 protected:
  PlainDuckDbTest() {
    const auto dataset = AddDataset("people", {"SELECT 1 AS id, 'Ann' AS name, 1.5::DECIMAL(4,2) r",
                                               "SELECT 2 AS id, 'Bob' AS name, NULL r"});
    std::vector<std::string> files;
    for (const catalog::DataFile& file : dataset->files) {
      files.push_back(*buckets_->primary().LocalPath(file.key));
    }
    plain_ = Must(PlainDuckDb::Open({{"people", files}}));
  }
  std::unique_ptr<PlainDuckDb> plain_;
};

TEST_F(PlainDuckDbTest, AnswersAsTheEngineDoes) {
  for (const char* sql : {"FROM people", "SELECT name, r * 2 FROM people ORDER BY id DESC",
                          "SELECT TIMESTAMPTZ '2024-01-02 03:04:05+02', [1.5], {'a': '101'::BIT}",
                          "SELECT i, 'x' || i FROM range(5000) t(i)"}) {
    const PlainResult plain = Must(plain_->Run(sql));
    const QueryResult ours = Must(Run(sql));
    EXPECT_EQ(plain.rows_json, ours.rows_json) << sql;
    EXPECT_EQ(plain.row_count, ours.row_count) << sql;
    ASSERT_EQ(plain.columns.size(), ours.columns.size()) << sql;
    EXPECT_EQ(plain.columns.front().type, ours.columns.front().type) << sql;
    EXPECT_GT(plain.milliseconds, 0) << sql;
  }
}

TEST_F(PlainDuckDbTest, ReportsErrors) {
  EXPECT_EQ(plain_->Run("SELECT x FROM people").status().code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(PlainDuckDb::Open({{"x", {dir_.Join("missing.parquet")}}}).ok());
}

}  // namespace
}  // namespace lakehouse::sql
