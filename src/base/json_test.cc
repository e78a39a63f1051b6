#include "base/json.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse {
namespace {

TEST(ParseJsonTest, KeepsOrderTypesAndText) {
  const Result<Json> parsed =
      ParseJson(" {\"z\":1,\"a\":[true,null,-2,1.5,18446744073709551615],\"s\":\"\\u00e9\\n\"} ");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(DumpJson(*parsed),
            "{\"z\":1,\"a\":[true,null,-2,1.5,18446744073709551615],\"s\":\"é\\n\"}");
  EXPECT_TRUE(parsed->at("z").is_number_integer());
  EXPECT_TRUE(parsed->at("a").at(3).is_number_float());
}

TEST(ParseJsonTest, TakesEveryKindOfRoot) {
  for (const std::string_view text : {"null", "true", "0", "-1.5", "\"\"", "[]", "{}"}) {
    const Result<Json> parsed = ParseJson(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(DumpJson(*parsed), text);
  }
}

struct BadJson {
  std::string text;
  std::string place;
  std::string reason;
};

class ParseJsonErrorTest : public ::testing::TestWithParam<BadJson> {};

TEST_P(ParseJsonErrorTest, NamesPlaceAndReason) {
  const Status status = ParseJson(GetParam().text).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  const std::string expected = StrCat("invalid JSON at ", GetParam().place, ": ");
  EXPECT_TRUE(status.message().starts_with(expected)) << status.message();
  EXPECT_NE(status.message().find(GetParam().reason, expected.size()), std::string::npos)
      << status.message();
  EXPECT_TRUE(IsValidUtf8(status.message()));
  EXPECT_LT(status.message().size(), 300u);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ParseJsonErrorTest,
    ::testing::Values(
        BadJson{"", "line 1, column 1", "unexpected end of input"},
        BadJson{"{\"a\":1} x", "line 1, column 9", "invalid literal"},
        BadJson{"[1,\n 2,\n ]", "line 3, column 2", "unexpected ']'"},
        BadJson{"{\"é\":nul}", "line 1, column 9", "invalid literal"},
        BadJson{"{'a':1}", "line 1, column 2", "invalid literal"},
        BadJson{"[1", "line 1, column 3", "unexpected end of input"},
        BadJson{"\"\n\"", "line 1, column 2", "control character U+000A"},
        BadJson{"\"\xFF\"", "line 1, column 2", "ill-formed UTF-8"},
        BadJson{"\"\xED\xA0\x80\"", "line 1, column 3", "ill-formed UTF-8"},
        BadJson{"\"" + std::string(100'000, 'x'), "line 1, column 100002", "missing closing quote"},
        BadJson{"\"\\ud800\"", "line 1, column 8", "surrogate"},
        BadJson{"1e999", "line 1, column 5", "number overflow"},
        BadJson{"01", "line 1, column 2", "unexpected number"},
        BadJson{std::string("{}\0x", 4), "line 1, column 3", "a NUL byte"},
        BadJson{"{\"a\":1,\n\"b\":2,\"a\":3}", "line 2, column 9", "duplicate key \"a\""},
        BadJson{"{\"\\u0061\":1,\"a\":3}", "line 1, column 15", "duplicate key \"a\""},
        BadJson{std::string(65, '['), "line 1, column 65", "nested deeper than 64 levels"},
        BadJson{"/**/1", "line 1, column 1", "invalid literal"}));

TEST(ParseJsonTest, TakesTheDeepestNestingAllowed) {
  const std::string text = std::string(64, '[') + std::string(64, ']');
  const Result<Json> parsed = ParseJson(text);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(DumpJson(*parsed), text);
}

TEST(ParseJsonTest, FindsADuplicateAmongManyKeys) {
  std::string text = "{";
  for (int i = 0; i < 5'000; ++i) StrAppend(text, "\"key", i, "\":", i, ',');
  const Result<Json> distinct = ParseJson(text + "\"last\":0}");
  ASSERT_TRUE(distinct.ok());
  EXPECT_EQ(distinct->size(), 5'001u);
  for (const int twice : {0, 15, 16, 4'999}) {
    const Status status = ParseJson(StrCat(text, "\"key", twice, "\":0}")).status();
    EXPECT_NE(status.message().find(StrCat("duplicate key \"key", twice, "\"")), std::string::npos);
  }
}

TEST(ParseJsonTest, SameKeyInDifferentObjectsIsNoDuplicate) {
  EXPECT_TRUE(ParseJson("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}").ok());
}

Json RandomValue(Rng& rng, int depth) {
  switch (rng.Below(depth > 0 ? 7 : 5)) {
    case 0:
      return nullptr;
    case 1:
      return rng.Below(2) == 0;
    case 2:
      return static_cast<int64_t>(rng.Next());
    case 3:
      return (rng.NextDouble() - 0.5) * 1e9;
    case 4: {
      std::string text;
      for (uint64_t left = rng.Below(6); left > 0; --left) {
        static const char* const kPieces[] = {"a", "\"", "\\", "\n", "\x01", "é", "🙂", "\x7F"};
        text += kPieces[rng.Below(8)];
      }
      return text;
    }
    case 5: {
      Json array = Json::array();
      for (uint64_t left = rng.Below(5); left > 0; --left) {
        array.push_back(RandomValue(rng, depth - 1));
      }
      return array;
    }
    default: {
      Json object = Json::object();
      for (uint64_t left = rng.Below(40); left > 0; --left) {
        object[StrCat("k", left)] = RandomValue(rng, depth - 1);
      }
      return object;
    }
  }
}

TEST(ParseJsonTest, ReadsBackWhatDumpWrites) {
  constexpr uint64_t kSeed = 17;
  SCOPED_TRACE(StrCat("seed ", kSeed));
  Rng rng(kSeed);
  for (int round = 0; round < 300; ++round) {
    const Json value = RandomValue(rng, 4);
    const std::string text = DumpJson(value);
    const Result<Json> parsed = ParseJson(text);
    ASSERT_TRUE(parsed.ok()) << text << '\n' << parsed.status().message();
    ASSERT_EQ(*parsed, value) << text;
  }
}

TEST(ParseJsonTest, AcceptsDamagedTextOnlyWhenThePlainParserAgrees) {
  constexpr uint64_t kSeed = 18;
  SCOPED_TRACE(StrCat("seed ", kSeed));
  Rng rng(kSeed);
  const std::string good = R"({"a":[1,-2.5e3,"x\u00e9é"],"b":{"c":null,"d":true},"e":""})";
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (uint64_t left = 1 + rng.Below(3); left > 0; --left) {
      text[rng.Below(text.size())] = "{}[]\",:0e-\\n x\xC3"[rng.Below(15)];
    }
    const Result<Json> parsed = ParseJson(text);
    const Json plain = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (parsed.ok()) {
      ++accepted;
      ASSERT_FALSE(plain.is_discarded()) << text;
      ASSERT_EQ(*parsed, plain) << text;
    } else if (!plain.is_discarded()) {
      ASSERT_NE(parsed.status().message().find("duplicate key"), std::string::npos) << text;
    }
  }
  EXPECT_GT(accepted, 100);
}

TEST(DumpJsonTest, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(DumpJson(Json("a\xFF")), "\"a\xEF\xBF\xBD\"");
}

TEST(AppendJsonStringTest, AgreesWithDumpOnEveryByteAndOnUnicode) {
  for (int byte = 0; byte < 128; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    std::string out;
    AppendJsonString(out, text);
    EXPECT_EQ(out, DumpJson(Json(text))) << byte;
  }
  std::string out = "x";
  AppendJsonString(out, "plain é 日本語 🙂 \"\\\n end");
  EXPECT_EQ(out, "x" + DumpJson(Json("plain é 日本語 🙂 \"\\\n end")));
}

TEST(AppendJsonStringTest, ReplacesEveryByteThatIsNotUtf8) {
  std::string out;
  AppendJsonString(out, "a\xFF\xC3z\xE2\x82");
  EXPECT_EQ(out, "\"a\uFFFD\uFFFDz\uFFFD\uFFFD\"");
}

}  // namespace
}  // namespace lakehouse
