#include "ingest/json_tokenizer.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"
#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

// Every token as one word.
std::string Tokens(std::string_view text) {
  JsonTokenizer tokenizer(text);
  std::string out;
  while (true) {
    const auto token = tokenizer.Next();
    if (!token.ok()) return token.status().message();
    switch (*token) {
      case JsonToken::kObjectBegin:
        out += "{ ";
        break;
      case JsonToken::kObjectEnd:
        out += "} ";
        break;
      case JsonToken::kArrayBegin:
        out += "[ ";
        break;
      case JsonToken::kArrayEnd:
        out += "] ";
        break;
      case JsonToken::kKey:
        StrAppend(out, "key:", tokenizer.value(), " ");
        break;
      case JsonToken::kString:
        StrAppend(out, "str:", tokenizer.value(), " ");
        break;
      case JsonToken::kNumber:
        StrAppend(out, "num:", tokenizer.value(), " ");
        break;
      case JsonToken::kTrue:
      case JsonToken::kFalse:
      case JsonToken::kNull:
        StrAppend(out, tokenizer.value(), " ");
        break;
      case JsonToken::kEnd:
        return out;
    }
  }
}

TEST(JsonTokenizerTest, ReadsTokens) {
  EXPECT_EQ(Tokens(""), "");
  EXPECT_EQ(Tokens(R"({"a": [1, -2.50e+3, "x", true, false, null], "b": {}})"),
            "{ key:a [ num:1 num:-2.50e+3 str:x true false null ] key:b { } } ");
  EXPECT_EQ(Tokens("{}\n[] 7"), "{ } [ ] num:7 ");
  EXPECT_EQ(Tokens(R"("\"\\\/\b\f\n\r\té😀")"), "str:\"\\/\b\f\n\r\té😀 ");
}

TEST(JsonTokenizerTest, NamesThePlaceOfErrors) {
  struct Case {
    std::string text;
    std::string message;
  };
  const Case cases[] = {
      {"{\n  \"a\": 1,\n}", "line 3 column 1: expected a key in double quotes, found \"}\""},
      {"[1,]", "column 4: expected a value, found \"]\""},
      {"[1 2]", "column 4: expected ',' or the end"},
      {"{\"a\" 1}", "column 6: expected ':' after a key"},
      {"{\"a\":1", "column 7: expected the end of an object, found the end"},
      {"[", "expected the end of an array"},
      {"[1}", "expected the other bracket"},
      {"{a:1}", "expected a key in double quotes"},
      {"'x'", "expected a value"},
      {"NaN", "expected a value"},
      {"nul", "expected a value"},
      {"01", "without leading zeros"},
      {"-01", "without leading zeros"},
      {"1.", "expected a digit after the point, found the end"},
      {"1e", "expected a digit in the exponent"},
      {"-", "expected a digit"},
      {"\"abc", "expected the end of a string"},
      {"\"a\nb\"", "expected no control character in a string"},
      {"\"\\x\"", "expected a known escape"},
      {"\"\\u12\"", "expected four hexadecimal digits"},
      {"\"\\ud800\"", "expected a whole surrogate pair"},
      {"\"\\udc00\"", "expected a whole surrogate pair"},
      {"\"\\ud800\\u0041\"", "expected a whole surrogate pair"},
      {"\"\\u0000\"", "expected no U+0000"},
      {"\"\\", "expected the end of a string"},
      {std::string(65, '['), "expected at most 64 levels"},
  };
  for (const Case& test : cases) {
    const std::string message = Tokens(test.text);
    EXPECT_TRUE(message.starts_with("invalid JSON in line ")) << test.text << ": " << message;
    EXPECT_NE(message.find(test.message), std::string::npos) << test.text << ": " << message;
  }
}

TEST(JsonTokenizerTest, SkipsWholeValues) {
  JsonTokenizer tokenizer(R"([{"a":[1,{"b":2}]}, 3])");
  ASSERT_EQ(*tokenizer.Next(), JsonToken::kArrayBegin);
  const auto first = tokenizer.Next();
  ASSERT_TRUE(tokenizer.SkipValue(*first).ok());
  EXPECT_EQ(*tokenizer.Next(), JsonToken::kNumber);
  EXPECT_EQ(tokenizer.value(), "3");
}

TEST(JsonTokenizerTest, CompactsOutsideStringsOnly) {
  EXPECT_EQ(CompactJson("{ \"a b\" : [ 1 ,\n \"x \\\" y\" ] }"), "{\"a b\":[1,\"x \\\" y\"]}");
}

// ParseJson of base also refuses duplicate keys, so the texts hold no two equal keys in one object.
TEST(JsonTokenizerTest, AgreesWithParseJsonOnRandomText) {
  const uint64_t seed = 99;
  Rng rng(seed);
  constexpr std::string_view kPieces[] = {"{",     "}",     "[",           "]",    ",",    ":",
                                          "\"a\"", "\"b\"", "1",           "-0.5", "true", "null",
                                          " ",     "\n",    "\"\\u0041\"", "e",    "01"};
  int valid = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text;
    const uint64_t size = 1 + rng.Below(9);
    for (uint64_t i = 0; i < size; ++i) text += kPieces[rng.Below(std::size(kPieces))];
    JsonTokenizer tokenizer(text);
    const auto first = tokenizer.Next();
    bool ok = first.ok() && *first != JsonToken::kEnd && tokenizer.SkipValue(*first).ok();
    if (ok) {
      const auto rest = tokenizer.Next();
      ok = rest.ok() && *rest == JsonToken::kEnd;
    }
    const auto expected = ParseJson(text);
    if (!expected.ok() && expected.status().message().find("uplicate") != std::string::npos)
      continue;
    ASSERT_EQ(ok, expected.ok()) << "seed " << seed << " " << text << " "
                                 << expected.status().message();
    valid += ok ? 1 : 0;
  }
  EXPECT_GT(valid, 500);
}

}  // namespace
}  // namespace lakehouse::ingest
