#include "ingest/column_profile.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace lakehouse::ingest {
namespace {

using Values = std::vector<std::string>;

ColumnProfile ProfileOf(const Values& values, ValueForm form = ValueForm::kText) {
  ColumnProfile profile;
  for (size_t i = 0; i < values.size(); ++i) profile.Add(values[i], i + 2, form);
  return profile;
}

std::string TypeOf(const Values& values, ValueForm form = ValueForm::kText) {
  return ProfileOf(values, form).Infer().type;
}

TEST(ColumnProfileTest, InfersOnlyWhatEveryValueFits) {
  struct Case {
    Values values;
    std::string type;
  };
  const Case cases[] = {
      {{}, "VARCHAR"},
      {{""}, "VARCHAR"},
      {{"true", "FALSE", "True"}, "BOOLEAN"},
      {{"true", "yes"}, "VARCHAR"},
      {{"0", "1"}, "BIGINT"},
      {{"1", "-2", "9223372036854775807"}, "BIGINT"},
      {{"1", ""}, "BIGINT"},
      {{"1", "02"}, "VARCHAR"},
      {{"60601", "02139"}, "VARCHAR"},
      {{"+1", "+2"}, "VARCHAR"},
      {{"3125550100", "312-555-0101"}, "VARCHAR"},
      {{"99999999999999999999"}, "VARCHAR"},
      {{"12.50", "3.00", "-0.99"}, "DECIMAL(18,2)"},
      {{"12.5", "3.0"}, "DOUBLE"},
      {{"12.50", "3"}, "DOUBLE"},
      {{"41.878113", "-87.6298"}, "DOUBLE"},
      {{"007.5", "1.5"}, "VARCHAR"},
      {{"1.5e-05", "2"}, "DOUBLE"},
      {{"12E4", "13E4"}, "VARCHAR"},
      {{"1", "NaN"}, "VARCHAR"},
      {{"2024-01-31", "2023-02-28"}, "DATE"},
      {{"2024-01-31", "2023-02-30"}, "VARCHAR"},
      {{"2024-01-31", "31/01/2024"}, "VARCHAR"},
      {{"0000-00-00"}, "VARCHAR"},
      {{"2024/1/31", "2024/2/1"}, "DATE"},
      {{"31/01/2024", "01/02/2024"}, "DATE"},
      {{"01/31/2024", "01/02/2024"}, "DATE"},
      {{"01/02/2024", "03/04/2024"}, "VARCHAR"},
      {{"31/01/2024", "01/31/2024"}, "VARCHAR"},
      {{"31/01/2024", "31.01.2024"}, "VARCHAR"},
      {{"2024-01-31 10:00", "2024-01-31T10:00:00.5"}, "TIMESTAMP"},
      {{"2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00"}, "TIMESTAMP WITH TIME ZONE"},
      {{"2024-01-31T10:00:00Z", "2024-01-31T10:00:00"}, "VARCHAR"},
      {{"2024-01-31", "2024-01-31 10:00"}, "VARCHAR"},
      {{" 12", "13 "}, "BIGINT"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(TypeOf(test.values), test.type) << ::testing::PrintToString(test.values);
  }
}

TEST(ColumnProfileTest, JsonSaysWhatTextCannot) {
  EXPECT_EQ(TypeOf({"12", "13"}, ValueForm::kJsonString), "VARCHAR");
  EXPECT_EQ(TypeOf({"true"}, ValueForm::kJsonString), "VARCHAR");
  EXPECT_EQ(TypeOf({"2024-01-31"}, ValueForm::kJsonString), "DATE");
  EXPECT_EQ(TypeOf({"31/01/2024"}, ValueForm::kJsonString), "VARCHAR");
  EXPECT_EQ(TypeOf({"1e5", "2"}, ValueForm::kJsonNumber), "DOUBLE");
  EXPECT_EQ(TypeOf({"0.1234567890123456789"}, ValueForm::kJsonNumber), "VARCHAR");
  ColumnProfile mixed;
  mixed.Add("1", 1, ValueForm::kJsonNumber);
  mixed.Add("2", 2, ValueForm::kJsonString);
  EXPECT_EQ(mixed.Infer().type, "VARCHAR");
}

TEST(ColumnProfileTest, PaddedValuesAreTrimmedOnlyWhereTypeIsNotText) {
  EXPECT_TRUE(ProfileOf({" 1", "2"}).Infer().trim);
  EXPECT_TRUE(ProfileOf({"1", "  "}).Infer().trim);
  EXPECT_FALSE(ProfileOf({"1", "2"}).Infer().trim);
  EXPECT_FALSE(ProfileOf({" a", "b"}).Infer().trim);
}

TEST(ColumnProfileTest, ReadAsNamesTheFirstValueThatDoesNotFit) {
  struct Case {
    Values values;
    std::string type;
    std::string message;  // "": fits.
  };
  const Case cases[] = {
      {{"1", "2"}, "BIGINT", ""},
      {{"1", "2"}, "DOUBLE", ""},
      {{"1", "2"}, "VARCHAR", ""},
      {{"1", "2"}, "DECIMAL(18,2)", ""},
      {{"1.5", "2"}, "DECIMAL(18,2)", ""},
      {{"1", "007", "x"}, "BIGINT", "type BIGINT in line 3: \"007\""},
      {{"1", "x"}, "INTEGER", "line 3: \"x\""},
      {{"1", "x"}, "DOUBLE", "line 3"},
      {{"1.5", "2.125"}, "DECIMAL(18,2)", "line 3: a number with decimals: 3"},
      {{"1.5", "12345.1"}, "DECIMAL(6,2)", "line 3: a number with digits before the point: 5"},
      {{"1.5", "1.5e-07"}, "DECIMAL(6,2)", "line 3: a number with an exponent"},
      {{"1.5", "x"}, "DECIMAL(6,2)", "line 3: \"x\""},
      {{"2024-01-31"}, "DATE", ""},
      {{"31/01/2024"}, "DATE", ""},
      {{"01/02/2024"}, "DATE", "day or the month first"},
      {{"2024-01-31", "soon"}, "DATE", "type DATE in line 3: \"soon\""},
      {{"true", "1"}, "BOOLEAN", "line 3: \"1\""},
      {{"", ""}, "BIGINT", ""},
      {{"x"}, "UUID", ""},
  };
  for (const Case& test : cases) {
    const auto reading = ProfileOf(test.values).ReadAs(test.type);
    const std::string label = test.type + " " + ::testing::PrintToString(test.values);
    if (test.message.empty()) {
      ASSERT_TRUE(reading.ok()) << label << reading.status().ToString();
      EXPECT_EQ(reading->type, test.type);
    } else {
      ASSERT_FALSE(reading.ok()) << label;
      EXPECT_EQ(reading.status().code(), StatusCode::kInvalidArgument);
      EXPECT_NE(reading.status().message().find(test.message), std::string::npos)
          << label << ": " << reading.status().message();
    }
  }
}

TEST(ColumnProfileTest, SampleIsSpreadOverAllValues) {
  ColumnProfile profile;
  for (int i = 0; i < 100'000; ++i) profile.Add(std::to_string(i), 1);
  const auto& sample = profile.sample();
  ASSERT_GE(sample.size(), 256u);
  ASSERT_LE(sample.size(), 512u);
  EXPECT_EQ(sample.front(), "0");
  EXPECT_GT(std::stoi(sample.back()), 99'000);
  EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end(), [](const auto& a, const auto& b) {
    return std::stoi(a) < std::stoi(b);
  }));
}

TEST(ColumnProfileTest, SqlQuotesAndTrims) {
  EXPECT_EQ(ReadingSql("c0", {}), "c0");
  EXPECT_EQ(ReadingSql("c0", {"BIGINT", "", false}), "CAST(c0 AS BIGINT)");
  EXPECT_EQ(ReadingSql("c0", {"DATE", "%d/%m/%Y", true}),
            "CAST(strptime(nullif(trim(c0), ''), '%d/%m/%Y') AS DATE)");
}

}  // namespace
}  // namespace lakehouse::ingest
