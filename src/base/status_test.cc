#include "base/status.h"

#include <memory>
#include <set>

#include <gtest/gtest.h>

namespace lakehouse {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("odd: ", value);
  return value / 2;
}

Result<int> Quarter(int value) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

Status CheckQuarter(int value) {
  TRY(Quarter(value).status());
  return OkStatus();
}

TEST(StatusTest, FactoriesConcatenateAndNameTheirCode) {
  const Status status = NotFound("no dataset ", "people", ", tried ", 3);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.ToString(), "not_found: no dataset people, tried 3");
  EXPECT_EQ(OkStatus().ToString(), "ok");
}

TEST(StatusTest, EveryCodeHasItsOwnWord) {
  std::set<std::string_view> words;
  const int last = static_cast<int>(StatusCode::kInternal);
  for (int code = 0; code <= last; ++code) {
    words.insert(StatusCodeName(static_cast<StatusCode>(code)));
  }
  EXPECT_EQ(words.size(), static_cast<size_t>(last) + 1);
}

TEST(StatusTest, AnnotateKeepsTheCodeAndLeavesOkAlone) {
  const Status status = Conflict("moved").Annotate("dataset people");
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  EXPECT_EQ(status.message(), "dataset people: moved");
  EXPECT_TRUE(OkStatus().Annotate("dataset people").ok());
}

TEST(ResultTest, MacrosPassTheFirstErrorOn) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().message(), "odd: 3");
  EXPECT_TRUE(CheckQuarter(4).ok());
  EXPECT_EQ(CheckQuarter(5).message(), "odd: 5");
}

TEST(ResultTest, MovesAValueThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 7);
}

TEST(ResultTest, ValueOrGivesTheFallbackOnlyForAnError) {
  EXPECT_EQ(Half(4).value_or(-1), 2);
  EXPECT_EQ(Half(3).value_or(-1), -1);
}

TEST(ResultDeathTest, UsingAnErrorAsAValueAborts) {
  EXPECT_DEATH(static_cast<void>(*Half(3)), "CHECK failed");
}

TEST(ResultDeathTest, OkWithoutAValueAborts) {
  EXPECT_DEATH(static_cast<void>(Result<int>(OkStatus())), "CHECK failed");
}

}  // namespace
}  // namespace lakehouse
