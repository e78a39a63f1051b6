#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "base/json.h"

namespace lakehouse {
namespace {

TEST(ObjectReaderTest, TakesEveryKindOfField) {
  const Json json = *ParseJson(
      R"({"s":"text","i":-3,"d":2,"b":true,"l":["x","y"],"f":[1,2.5,-3e2],"r":{"any":1}})");
  ObjectReader reader(json, "request");
  EXPECT_EQ(reader.String("s"), "text");
  EXPECT_EQ(reader.Int("i", -10, 10), -3);
  EXPECT_EQ(reader.Double("d", 0), 2.0);
  EXPECT_TRUE(reader.Bool("b", false));
  EXPECT_EQ(reader.StringList("l"), std::vector<std::string>({"x", "y"}));
  EXPECT_EQ(reader.FloatList("f"), std::vector<float>({1, 2.5, -300}));
  ASSERT_NE(reader.Raw("r"), nullptr);
  EXPECT_EQ(reader.Raw("r")->at("any"), 1);
  EXPECT_TRUE(reader.Finish().ok());
}

TEST(ObjectReaderTest, AbsentAndNullGiveTheDefault) {
  for (const std::string_view text :
       {R"({})", R"({"s":null,"o":null,"i":null,"d":null,"b":null,"l":null,"f":null})"}) {
    const Json json = *ParseJson(text);
    ObjectReader reader(json, "request");
    EXPECT_EQ(reader.String("s", "x"), "x");
    EXPECT_EQ(reader.OptionalString("o"), std::nullopt);
    EXPECT_EQ(reader.Int("i", 7, 1, 9), 7);
    EXPECT_EQ(reader.Double("d", 1.5), 1.5);
    EXPECT_TRUE(reader.Bool("b", true));
    EXPECT_TRUE(reader.StringList("l").empty());
    EXPECT_TRUE(reader.FloatList("f").empty());
    EXPECT_TRUE(reader.Finish().ok()) << text;
  }
}

TEST(ObjectReaderTest, RawTellsNullFromAbsent) {
  const Json json = *ParseJson(R"({"n":null})");
  ObjectReader reader(json, "request");
  ASSERT_NE(reader.Raw("n"), nullptr);
  EXPECT_TRUE(reader.Raw("n")->is_null());
  EXPECT_EQ(reader.Raw("m"), nullptr);
}

struct BadField {
  const char* text;
  std::function<void(ObjectReader&)> read;
  const char* message;
};

class ObjectReaderErrorTest : public ::testing::TestWithParam<BadField> {};

TEST_P(ObjectReaderErrorTest, NamesTheField) {
  const Json json = *ParseJson(GetParam().text);
  ObjectReader reader(json, "request");
  GetParam().read(reader);
  const Status status = reader.Finish();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, ObjectReaderErrorTest,
    ::testing::Values(
        BadField{"{}", [](ObjectReader& r) { r.String("q"); }, R"(request: field "q" is required)"},
        BadField{R"({"q":null})", [](ObjectReader& r) { r.String("q"); },
                 R"(request: field "q" is required)"},
        BadField{"{}", [](ObjectReader& r) { r.Int("k", 1, 9); },
                 R"(request: field "k" is required)"},
        BadField{R"({"q":3})", [](ObjectReader& r) { r.String("q"); },
                 R"(request: field "q" must be a string, got a number)"},
        BadField{R"({"q":[]})", [](ObjectReader& r) { r.String("q", "x"); },
                 R"(request: field "q" must be a string, got an array)"},
        BadField{R"({"k":0})", [](ObjectReader& r) { r.Int("k", 5, 1, 9); },
                 R"(request: field "k" must be a whole number from 1 to 9, got 0)"},
        BadField{R"({"k":10})", [](ObjectReader& r) { r.Int("k", 1, 9); },
                 R"(request: field "k" must be a whole number from 1 to 9, got 10)"},
        BadField{R"({"k":1.5})", [](ObjectReader& r) { r.Int("k", 1, 9); },
                 R"(request: field "k" must be a whole number from 1 to 9, got 1.5)"},
        BadField{R"({"k":"5"})", [](ObjectReader& r) { r.Int("k", 1, 9); },
                 R"(request: field "k" must be a whole number from 1 to 9, got a string)"},
        BadField{R"({"k":18446744073709551615})",
                 [](ObjectReader& r) { r.Int("k", -1, std::numeric_limits<int64_t>::max()); },
                 R"(request: field "k" must be a whole number from -1 to 9223372036854775807, )"
                 R"(got 18446744073709551615)"},
        BadField{R"({"d":"1"})", [](ObjectReader& r) { r.Double("d", 0); },
                 R"(request: field "d" must be a number, got a string)"},
        BadField{R"({"b":1})", [](ObjectReader& r) { r.Bool("b", true); },
                 R"(request: field "b" must be true or false, got a number)"},
        BadField{R"({"l":"x"})", [](ObjectReader& r) { r.StringList("l"); },
                 R"(request: field "l" must be an array of strings, got a string)"},
        BadField{R"({"l":["x",null]})", [](ObjectReader& r) { r.StringList("l"); },
                 R"(request: field "l" must be an array of strings, but element 1 is null)"},
        BadField{R"({"f":[0,1e39]})", [](ObjectReader& r) { r.FloatList("f"); },
                 R"(request: field "f" must be an array of 32-bit floating-point numbers, )"
                 R"(but element 1 is too large)"},
        BadField{R"({"f":[true]})", [](ObjectReader& r) { r.FloatList("f"); },
                 R"(request: field "f" must be an array of 32-bit floating-point numbers, )"
                 R"(but element 0 is true or false)"},
        BadField{R"({"top_kk":5})", [](ObjectReader& r) { r.Int("top_k", 1, 1, 9); },
                 R"(request: field "top_kk" is unknown; did you mean "top_k"?)"},
        BadField{R"({"zzzzzz":5})",
                 [](ObjectReader& r) {
                   r.Int("top_k", 1, 1, 9);
                   r.Bool("all", false);
                 },
                 R"(request: field "zzzzzz" is unknown; expected one of: all, top_k)"},
        BadField{"[]", [](ObjectReader& r) { r.String("q"); },
                 "request: expected a JSON object, got an array"},
        BadField{R"({"a":1,"b":2})",
                 [](ObjectReader& r) {
                   r.String("a");
                   r.String("b");
                 },
                 R"(request: field "a" must be a string, got a number)"},
        BadField{R"({"a":1})",
                 [](ObjectReader& r) {
                   r.Int("a", 0, 9);
                   r.Fail("a", "must be even");
                 },
                 R"(request: field "a" must be even)"}));

}  // namespace
}  // namespace lakehouse
