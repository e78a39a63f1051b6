#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sql/lake_fixture.h"

namespace lakehouse::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class SessionTest : public LakeTest {
 protected:
  SessionTest() : session_(Must(engine_->NewSession())) {}
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, ReturnsPlainColumns) {
  const ColumnBatch batch = Must(session_->Query(
      "SELECT * FROM (VALUES (true, 1::TINYINT, 1.5::FLOAT, 'a', [1.0::FLOAT, 2.0::FLOAT]), "
      "(NULL, NULL, NULL, NULL, NULL), (false, 3, 2.5, 'ü', [3.0, 4.0])) t(b, i, d, t, f)"));
  ASSERT_EQ(batch.rows, 3U);
  ASSERT_EQ(batch.columns.size(), 5U);
  EXPECT_EQ(batch.columns[0].kind, ColumnKind::kBool);
  EXPECT_THAT(batch.columns[0].bools, ElementsAre(1, 0, 0));
  EXPECT_THAT(batch.columns[0].valid, ElementsAre(1, 0, 1));
  EXPECT_EQ(batch.columns[1].kind, ColumnKind::kInt64);
  EXPECT_THAT(batch.columns[1].ints, ElementsAre(1, 0, 3));
  EXPECT_EQ(batch.columns[2].kind, ColumnKind::kDouble);
  EXPECT_THAT(batch.columns[2].doubles, ElementsAre(1.5, 0, 2.5));
  EXPECT_EQ(batch.columns[3].kind, ColumnKind::kText);
  EXPECT_THAT(batch.columns[3].texts, ElementsAre("a", "", "ü"));
  EXPECT_EQ(batch.columns[4].kind, ColumnKind::kFloatList);
  EXPECT_EQ(batch.columns[4].list_size, 2U);
  EXPECT_THAT(batch.columns[4].floats, ElementsAre(1, 2, 0, 0, 3, 4));
}

TEST_F(SessionTest, OtherTypesAreTextAsDuckDbPrintsThem) {
  const ColumnBatch batch =
      Must(session_->Query("SELECT 1.50::DECIMAL(5,2), date '2024-02-03', [1, 2], 10::HUGEINT, "
                           "timestamptz '2024-02-03 04:05:06+00', 7::UBIGINT"));
  const std::vector<std::string> expected = {
      "1.50", "2024-02-03", "[1, 2]", "10", "2024-02-03 04:05:06+00", "7"};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(batch.columns[i].texts, std::vector<std::string>{expected[i]});
  }
}

TEST_F(SessionTest, FloatListsMayBeginWithNull) {
  const ColumnBatch batch =
      Must(session_->Query("SELECT * FROM (VALUES (NULL), ([1.0::FLOAT, NULL]), (NULL)) t(v)"));
  EXPECT_THAT(batch.columns[0].floats, ElementsAre(0, 0, 1, 0, 0, 0));
  EXPECT_THAT(batch.columns[0].valid, ElementsAre(0, 1, 0));
  const ColumnBatch array = Must(session_->Query("SELECT [1, 2, 3]::FLOAT[3] FROM range(2)"));
  EXPECT_THAT(array.columns[0].floats, ElementsAre(1, 2, 3, 1, 2, 3));
  EXPECT_EQ(session_->Query("SELECT unnest([[1.0::FLOAT], [1.0, 2.0]])").status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(SessionTest, NextStreamsUntilAnEmptyBatch) {
  ASSERT_TRUE(session_->Start("SELECT i FROM range(10000) t(i)").ok());
  size_t rows = 0;
  int64_t sum = 0;
  for (ColumnBatch batch = Must(session_->Next()); batch.rows > 0; batch = Must(session_->Next())) {
    ASSERT_EQ(batch.columns.size(), 1U);
    rows += batch.rows;
    for (const int64_t i : batch.columns[0].ints) sum += i;
  }
  EXPECT_EQ(rows, 10000U);
  EXPECT_EQ(sum, 49'995'000);
  EXPECT_EQ(Must(session_->Next()).rows, 0U);
}

TEST_F(SessionTest, ANewStatementEndsThePreviousOne) {
  ASSERT_TRUE(session_->Start("SELECT a.range FROM range(10000000) a, range(10000000) b").ok());
  ASSERT_GT(Must(session_->Next()).rows, 0U);
  EXPECT_THAT(Must(session_->Query("SELECT 7")).columns[0].ints, ElementsAre(7));
}

TEST_F(SessionTest, TokensStopStatements) {
  EXPECT_EQ(session_
                ->Query("SELECT count(*) FROM range(10000000) a, range(10000000) b",
                        CancelToken::WithTimeout(30))
                .status()
                .code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(session_->Query("SELECT 1").ok());
}

TEST_F(SessionTest, WritesAndReadsWorkingFiles) {
  const std::string path = StagePath(dir_.Join("it's.csv"));
  ASSERT_TRUE(session_
                  ->Execute(StrCat("COPY (SELECT i, 'x' || i AS t FROM range(1000) r(i)) TO ",
                                   QuoteLiteral(path), " (FORMAT csv, HEADER)"))
                  .ok());
  const ColumnBatch batch = Must(session_->Query(
      StrCat("SELECT count(*), max(i), max(t) FROM read_csv(", QuoteLiteral(path), ")")));
  EXPECT_EQ(batch.columns[0].ints.front(), 1000);
  EXPECT_EQ(batch.columns[1].ints.front(), 999);
  EXPECT_EQ(batch.columns[2].texts.front(), "x999");
  EXPECT_TRUE(std::filesystem::exists(dir_.Join("it's.csv")));
}

TEST_F(SessionTest, OverwritingAWorkingFileReplacesIt) {
  const std::string path = QuoteLiteral(StagePath(dir_.Join("x.parquet")));
  for (const int rows : {100'000, 10}) {
    ASSERT_TRUE(session_
                    ->Execute(StrCat("COPY (SELECT i FROM range(", rows, ") t(i)) TO ", path,
                                     " (FORMAT parquet)"))
                    .ok());
    EXPECT_THAT(
        Must(session_->Query("SELECT count(*) FROM read_parquet(" + path + ")")).columns[0].ints,
        ElementsAre(rows));
  }
}

TEST_F(SessionTest, ErrorsHidePathsOfTheServer) {
  std::ofstream(dir_.Join("broken.parquet")) << "this is no parquet file at all";
  const Status status =
      session_
          ->Query(StrCat("SELECT * FROM read_parquet(",
                         QuoteLiteral(StagePath(dir_.Join("broken.parquet"))), ")"))
          .status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("No magic bytes"));
  EXPECT_THAT(status.message(), Not(HasSubstr(dir_.path())));
}

TEST_F(SessionTest, WriteParquetKeepsEveryKindAndNull) {
  const ColumnBatch batch = Must(session_->Query(
      "SELECT i % 2 = 0 AS b, i, i / 2 AS d, 'text ' || i AS t, [i::FLOAT, 0.5] AS f "
      "FROM range(5000) r(i) UNION ALL SELECT NULL, NULL, NULL, NULL, NULL"));
  ColumnBatch all_null = Must(session_->Query(
      "SELECT NULL::BOOLEAN b, NULL::BIGINT i, NULL::DOUBLE d, NULL::VARCHAR t, NULL::FLOAT[] f"));
  const std::string path = dir_.Join("out.parquet");
  ASSERT_TRUE(engine_->WriteParquet({batch, all_null}, path).ok());
  const std::string scan = StrCat("read_parquet(", QuoteLiteral(StagePath(path)), ")");
  const ColumnBatch back = Must(session_->Query("SELECT * FROM " + scan));
  ASSERT_EQ(back.rows, 5002U);
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    EXPECT_EQ(back.columns[i].name, batch.columns[i].name);
    EXPECT_EQ(back.columns[i].kind, batch.columns[i].kind);
    EXPECT_EQ(back.columns[i].valid[4999], 1);
    EXPECT_EQ(back.columns[i].valid[5000], 0);
    EXPECT_EQ(back.columns[i].valid[5001], 0);
  }
  EXPECT_TRUE(std::equal(batch.columns[4].floats.begin(), batch.columns[4].floats.end(),
                         back.columns[4].floats.begin()));
  EXPECT_EQ(back.columns[3].texts[4999], "text 4999");
  const ColumnBatch meta = Must(session_->Query(StrCat(
      "SELECT DISTINCT compression FROM parquet_metadata(", QuoteLiteral(StagePath(path)), ")")));
  EXPECT_THAT(meta.columns[0].texts, ElementsAre("ZSTD"));
}

TEST_F(SessionTest, WriteParquetRefusesBatchesThatDiffer) {
  const ColumnBatch a = Must(session_->Query("SELECT 1 AS x"));
  const ColumnBatch b = Must(session_->Query("SELECT 1 AS y"));
  const ColumnBatch c = Must(session_->Query("SELECT 'a' AS x"));
  ColumnBatch torn = a;
  torn.rows = 2;
  ColumnBatch latin = c;
  latin.columns[0].texts[0] = "\xe9";
  for (const auto& batches : {std::vector{a, b}, {a, c}, {torn}, {latin}}) {
    EXPECT_EQ(engine_->WriteParquet(batches, dir_.Join("x.parquet")).code(),
              StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.Join("x.parquet")));
}

TEST_F(SessionTest, WriteParquetNeedsItsDirectory) {
  const ColumnBatch a = Must(session_->Query("SELECT 1 AS x"));
  EXPECT_EQ(engine_->WriteParquet({a}, dir_.Join("missing/x.parquet")).code(),
            StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lakehouse::sql
