#include "app/result_format.h"

#include <gtest/gtest.h>

namespace lakehouse::app {
namespace {

ResultTable People() {
  return {{"name", "age"},
          {Json::array({"Zoë", 41}), Json::array({"a,\"b\"\n", nullptr}), Json::array({"", 7})}};
}

TEST(ResultFormatTest, TableAlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(FormatTable(People(), ResultFormat::kTable),
            "name    age\n"
            "------  ---\n"
            "Zoë      41\n"
            "a,\"b\"\n"
            "          7\n"
            "(3 rows)\n");
}

TEST(ResultFormatTest, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(FormatTable(People(), ResultFormat::kCsv),
            "name,age\nZoë,41\n\"a,\"\"b\"\"\n\",\n,7\n");
}

TEST(ResultFormatTest, JsonIsAnArrayOfObjects) {
  const auto json = ParseJson(FormatTable(People(), ResultFormat::kJson));
  ASSERT_TRUE(json.ok());
  ASSERT_EQ(json->size(), 3U);
  EXPECT_EQ((*json)[0]["name"], "Zoë");
  EXPECT_TRUE((*json)[1]["age"].is_null());
}

TEST(ResultFormatTest, EqualColumnNamesKeepBothValuesInObjects) {
  const ResultTable table{{"x", "x"}, {Json::array({1, 2})}};
  EXPECT_EQ(FormatTable(table, ResultFormat::kNdjson), "{\"x\":1,\"x_2\":2}\n");
}

TEST(ResultFormatTest, LongCellsAreCutBetweenCharacters) {
  EXPECT_EQ(ShortenForTerminal("äöüß", 4), "äöüß");
  EXPECT_EQ(ShortenForTerminal("äöüßx", 4), "äöü…");
  EXPECT_EQ(ShortenForTerminal("a\nb\x1b[31m", 20), "a b [31m");
}

TEST(ResultFormatTest, QueryAnswerWithRaggedRowIsRefused) {
  const Json answer = {{"columns", Json::array({{{"name", "a"}, {"type", "BIGINT"}}})},
                       {"rows", Json::array({Json::array({1, 2})})}};
  EXPECT_FALSE(TableFromQueryAnswer(answer).ok());
}

TEST(ResultFormatTest, UnknownFormatNamesTheKnownOnes) {
  const auto format = ParseResultFormat("xml");
  EXPECT_EQ(format.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(format.status().message().find("ndjson"), std::string::npos);
}

}  // namespace
}  // namespace lakehouse::app
