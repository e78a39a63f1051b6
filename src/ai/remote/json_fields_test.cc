#include "ai/remote/json_fields.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;

Result<std::vector<float>> Read(const std::string& text) { return ReadVector(*ParseJson(text)); }

TEST(JsonFieldsTest, FieldsThatAreNotThereAreEmpty) {
  const Json json = *ParseJson(R"({"t": "x", "i": 7, "n": null, "neg": -1, "f": 1.5, "a": []})");
  EXPECT_EQ(TextField(json, "t"), "x");
  EXPECT_EQ(IntField(json, "i"), 7);
  for (const char* name : {"n", "neg", "f", "a", "none"}) {
    EXPECT_EQ(TextField(json, name), "") << name;
    EXPECT_EQ(IntField(json, name), 0) << name;
  }
  EXPECT_NE(FindArrayField(json, "a"), nullptr);
  EXPECT_EQ(FindArrayField(json, "t"), nullptr);
  EXPECT_EQ(FindField(json, "n"), nullptr);
  EXPECT_EQ(FindField(Json(7), "n"), nullptr);
}

TEST(JsonFieldsTest, ReadsVectorsOfNumbersAndOfBase64) {
  EXPECT_THAT(*Read("[1, -2.5, 1e-3]"), ElementsAre(1.0F, -2.5F, 1e-3F));
  EXPECT_THAT(*Read("\"AACAPwAAIMA=\""), ElementsAre(1.0F, -2.5F));
  EXPECT_THAT(*Read("\"AACAPwAAIMA\""), ElementsAre(1.0F, -2.5F));
}

TEST(JsonFieldsTest, WhatIsNoFiniteNumberStaysOne) {
  EXPECT_TRUE(std::isnan((*Read("[null, 1]"))[0]));
  EXPECT_TRUE(std::isinf((*Read("[1e39]"))[0]));
  EXPECT_TRUE(std::isinf((*Read("[-1e300]"))[0]));
}

TEST(JsonFieldsTest, RefusesWhatIsNoVector) {
  for (const char* text : {"[]", "{}", "7", "\"\"", "\"no vector\"", "\"AAA=\"", "\"AAAAA\"",
                           "[\"1\"]", "[[1]]", "[true]", "null"}) {
    EXPECT_EQ(Read(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(JsonFieldsTest, DecodesBase64AsTheStandardSays) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},        {"Zg==", "f"},      {"Zm8=", "fo"},
      {"Zm9v", "foo"}, {"Zm9vYg", "foob"}, {"+/+/", "\xfb\xff\xbf"}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(*DecodeBase64(text), bytes) << text;
  for (const char* text : {"Z", "Zm9vY", "Z===", "Zm=v", "Zm9v\n", "Zm-_"}) {
    EXPECT_FALSE(DecodeBase64(text).ok()) << text;
  }
}

}  // namespace
}  // namespace lakehouse::ai
