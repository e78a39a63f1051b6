#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"
#include "sql/json_rows.internal.h"
#include "sql/json_text.internal.h"
#include "sql/lake_fixture.h"

namespace lakehouse::sql {
namespace {

class JsonRowsTest : public LakeTest {};

// Every type of DuckDB 1.5 with its edges: expression, JSON.
const std::pair<const char*, const char*> kTypes[] = {
    {"NULL", "null"},
    {"true", "true"},
    {"false", "false"},
    {"(-128)::TINYINT", "-128"},
    {"(-32768)::SMALLINT", "-32768"},
    {"2147483647::INTEGER", "2147483647"},
    {"(-9223372036854775808)::BIGINT", "-9223372036854775808"},
    {"255::UTINYINT", "255"},
    {"65535::USMALLINT", "65535"},
    {"4294967295::UINTEGER", "4294967295"},
    {"18446744073709551615::UBIGINT", "18446744073709551615"},
    {"9223372036854775807::HUGEINT", "9223372036854775807"},
    {"9223372036854775808::HUGEINT", R"("9223372036854775808")"},
    {"(-170141183460469231731687303715884105728)::HUGEINT",
     R"("-170141183460469231731687303715884105728")"},
    {"340282366920938463463374607431768211455::UHUGEINT",
     R"("340282366920938463463374607431768211455")"},
    {"1.50::DECIMAL(4,2)", "1.50"},
    {"(-0.05)::DECIMAL(4,2)", "-0.05"},
    {"0::DECIMAL(4,4)", "0.0000"},
    {"12345.678::DECIMAL(9,3)", "12345.678"},
    {"123456789012345.678::DECIMAL(18,3)", "123456789012345.678"},
    {"7::DECIMAL(38,0)", "7"},
    {"1234567890123456789.5::DECIMAL(38,1)", R"("1234567890123456789.5")"},
    {"(-0.00000000000000000000000000000000000001)::DECIMAL(38,38)",
     "-0.00000000000000000000000000000000000001"},
    {"0.1::FLOAT", "0.1"},
    {"0.1::DOUBLE", "0.1"},
    {"1::DOUBLE", "1.0"},
    {"'-0'::DOUBLE", "-0.0"},
    {"100000::DOUBLE", "100000.0"},
    {"1e100::DOUBLE", "1e+100"},
    {"5e-324::DOUBLE", "5e-324"},
    {"'nan'::DOUBLE", R"("NaN")"},
    {"'inf'::FLOAT", R"("Infinity")"},
    {"'-inf'::DOUBLE", R"("-Infinity")"},
    {"'plain'", R"("plain")"},
    {"''", R"("")"},
    {R"('say "hi" \ there')", R"("say \"hi\" \\ there")"},
    {"chr(10) || chr(9) || chr(13) || chr(1) || chr(31)", R"("\n\t\r\u0001\u001f")"},
    {"'Grüße 東京 🙂'", R"("Grüße 東京 🙂")"},
    {"chr(0) || 'x'", R"("\u0000x")"},
    {"'a long text beyond the twelve bytes that DuckDB keeps inline'",
     R"("a long text beyond the twelve bytes that DuckDB keeps inline")"},
    {"''::BLOB", R"("")"},
    {"'a'::BLOB", R"("YQ==")"},
    {"'ab'::BLOB", R"("YWI=")"},
    {R"('\xFB\xFF\x00'::BLOB)", R"("+/8A")"},
    {"DATE '2024-02-29'", R"("2024-02-29")"},
    {"DATE '0001-01-01'", R"("0001-01-01")"},
    {"DATE '0002-01-01 (BC)'", R"("-000001-01-01")"},
    {"DATE '12345-06-07'", R"("+012345-06-07")"},
    {"'infinity'::DATE", R"("infinity")"},
    {"'-infinity'::DATE", R"("-infinity")"},
    {"TIME '01:02:03'", R"("01:02:03")"},
    {"TIME '24:00:00'", R"("24:00:00")"},
    {"TIME '01:02:03.5'", R"("01:02:03.500")"},
    {"TIME '01:02:03.000001'", R"("01:02:03.000001")"},
    {"TIMETZ '01:02:03+05:30'", R"("01:02:03+05:30")"},
    {"TIMETZ '01:02:03-15:59:59'", R"("01:02:03-15:59:59")"},
    {"TIMETZ '01:02:03+00'", R"("01:02:03Z")"},
    {"TIMESTAMP '2024-01-02 03:04:05'", R"("2024-01-02T03:04:05")"},
    {"TIMESTAMP '2024-01-02 03:04:05.678'", R"("2024-01-02T03:04:05.678")"},
    {"TIMESTAMP '1969-12-31 23:59:59.999999'", R"("1969-12-31T23:59:59.999999")"},
    {"'infinity'::TIMESTAMP", R"("infinity")"},
    {"TIMESTAMP_S '2024-01-02 03:04:05'", R"("2024-01-02T03:04:05")"},
    {"TIMESTAMP_MS '2024-01-02 03:04:05.6'", R"("2024-01-02T03:04:05.600")"},
    {"TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", R"("2024-01-02T03:04:05.123456789")"},
    {"TIMESTAMPTZ '2024-01-02 03:04:05+02'", R"("2024-01-02T01:04:05Z")"},
    {"INTERVAL '14 months 3 days 4 hours 5 minutes 6.5 seconds'", R"("P1Y2M3DT4H5M6.5S")"},
    {"INTERVAL '0 days'", R"("PT0S")"},
    {"INTERVAL '-1 month'", R"("P-1M")"},
    {"INTERVAL '-500 milliseconds'", R"("PT-0.5S")"},
    {"INTERVAL '90 seconds'", R"("PT1M30S")"},
    {"'0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'::UUID", R"("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")"},
    {"'b'::ENUM('a', 'b')", R"("b")"},
    {"'101'::BIT", R"("101")"},
    {"123456789012345678901234567890::BIGNUM", R"("123456789012345678901234567890")"},
    {R"('{"a": [1]}'::JSON)", R"("{\"a\": [1]}")"},
    {"[1, NULL, 3]", "[1,null,3]"},
    {"[]::INTEGER[]", "[]"},
    {"[['a'], [], NULL]", R"([["a"],[],null])"},
    {"[1.5, 2.5]::FLOAT[2]", "[1.5,2.5]"},
    {"[[1, 2], [3, 4]]::INTEGER[2][2]", "[[1,2],[3,4]]"},
    {"{'a': 1, 'b \"q\"': 'x', 'c': NULL}", R"({"a":1,"b \"q\"":"x","c":null})"},
    {"ROW(1, 'a')", R"([1,"a"])"},
    {"{'a': {'b': [DATE '2024-01-01']}}", R"({"a":{"b":["2024-01-01"]}})"},
    {"MAP {'k': 1, 'l': NULL}", R"({"k":1,"l":null})"},
    {"MAP {1: 'a', 2: 'b'}", R"([[1,"a"],[2,"b"]])"},
    {"MAP {}::MAP(VARCHAR, INTEGER)", "{}"},
    {"union_value(num := 7)", "7"},
    {"'x'::UNION(num INTEGER, str VARCHAR)", R"("x")"},
};

TEST_F(JsonRowsTest, EveryTypeHasItsEncoding) {
  for (const auto& [expression, json] : kTypes) {
    EXPECT_EQ(Rows(StrCat("SELECT ", expression)), StrCat("[[", json, "]]")) << expression;
    EXPECT_TRUE(ParseJson(json).ok()) << json;
  }
}

// The same values as columns of stored rows between NULLs, in more than one vector, and as list
// elements: constant, flat and dictionary vectors must give the same text.
TEST_F(JsonRowsTest, EncodingDoesNotDependOnTheVector) {
  for (const auto& [expression, json] : kTypes) {
    const std::string sql = StrCat("SELECT v FROM (VALUES (0, ", expression, "), (1, NULL), (2, ",
                                   expression, ")) t(i, v) ORDER BY i DESC");
    EXPECT_EQ(Rows(sql), StrCat("[[", json, "],[null],[", json, "]]")) << expression;
    EXPECT_EQ(Rows(StrCat("SELECT [", expression, ", NULL, ", expression, "]")),
              StrCat("[[[", json, ",null,", json, "]]]"))
        << expression;
    EXPECT_EQ(Rows(StrCat("SELECT {'v': ", expression, "} FROM range(2)")),
              StrCat("[[{\"v\":", json, "}],[{\"v\":", json, "}]]"))
        << expression;
  }
}

TEST_F(JsonRowsTest, ManyVectorsOfNestedRowsParse) {
  const Json rows = Must(ParseJson(Rows(
      "SELECT i, [i, i + 1], {'s': 'x' || i}, MAP {'k' || (i % 3): i} FROM range(9000) t(i)")));
  ASSERT_EQ(rows.size(), 9000U);
  for (size_t i = 0; i < rows.size(); i += 89) {
    EXPECT_EQ(rows[i][0], i);
    EXPECT_EQ(rows[i][1], Json::array({i, i + 1}));
    EXPECT_EQ(rows[i][2]["s"], StrCat("x", i));
    EXPECT_EQ(rows[i][3][StrCat("k", i % 3)], i);
  }
}

TEST_F(JsonRowsTest, ColumnsSayTheirTypes) {
  const QueryResult result = Must(Run("SELECT 1::BIGINT AS a, [1.5::DECIMAL(4,2)] AS b"));
  ASSERT_EQ(result.columns.size(), 2U);
  EXPECT_EQ(result.columns[0].name, "a");
  EXPECT_EQ(result.columns[0].type, "BIGINT");
  EXPECT_EQ(result.columns[1].type, "DECIMAL(4,2)[]");
}

TEST(JsonTextTest, FloatsReadBackTheSame) {
  Rng rng(20261123);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t bits = rng.Next();
    double value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isfinite(value)) continue;
    std::string text;
    AppendFloat(text, value);
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
    EXPECT_NE(text.find_first_of(".e"), std::string::npos) << text;
    const float narrow = static_cast<float>(value);
    if (!std::isfinite(narrow)) continue;
    text.clear();
    AppendFloat(text, narrow);
    EXPECT_EQ(std::strtof(text.c_str(), nullptr), narrow) << text;
  }
}

TEST(JsonTextTest, TextReadsBackTheSame) {
  Rng rng(4711);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (uint64_t length = rng.Next() % 40; text.size() < length;) {
      const uint64_t kind = rng.Next() % 8;
      if (kind == 0) {
        text.push_back(static_cast<char>(rng.Next() % 0x80));
      } else if (kind == 1) {
        text += "ü";
      } else {
        text.push_back(static_cast<char>('!' + rng.Next() % 90));
      }
    }
    std::string json;
    AppendText(json, text);
    EXPECT_EQ(Must(ParseJson(json)).get<std::string>(), text);
  }
}

}  // namespace
}  // namespace lakehouse::sql
