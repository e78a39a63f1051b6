#include "ai/encoder/safetensors.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reference/tiny_model.h"

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string File(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

std::string ParseError(const std::string& bytes) {
  const Result<Safetensors> parsed = Safetensors::Parse(bytes, "weights");
  EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(parsed.status().message(), HasSubstr("weights"));
  return parsed.status().message();
}

// A file with one tensor of 16-bit values.
Result<std::vector<float>> ReadHalves(const std::string& type, std::vector<uint16_t> values) {
  const std::string data(reinterpret_cast<const char*>(values.data()), values.size() * 2);
  const std::string bytes = File(StrCat(R"({"x":{"dtype":")", type, R"(","shape":[)", values.size(),
                                        R"(],"data_offsets":[0,)", data.size(), "]}}"),
                                 data);
  const Result<Safetensors> parsed = Safetensors::Parse(bytes, "weights");
  EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
  return parsed->Read("x", {static_cast<int64_t>(values.size())});
}

TEST(SafetensorsTest, ReadsFloats) {
  lakehouse::testing::SafetensorsBuilder builder;
  builder.Add("a", {2, 2}, {1, 2, 3, 4});
  builder.Add("b", {}, {5});
  builder.Add("none", {0, 3}, {});
  const std::string bytes = builder.Bytes();
  const Result<Safetensors> parsed = Safetensors::Parse(bytes, "weights");
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_THAT(*parsed->Read("a", {2, 2}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(*parsed->Read("b", {}), ElementsAre(5));
  EXPECT_TRUE(parsed->Read("none", {0, 3})->empty());
  EXPECT_THAT(parsed->Names(), ElementsAre("a", "b", "none"));
}

TEST(SafetensorsTest, ReadsHalves) {
  EXPECT_THAT(*ReadHalves("F16", {0x3C00, 0xC000, 0x0001, 0x03FF, 0x7BFF, 0x8000}),
              ElementsAre(1.0F, -2.0F, 0x1p-24F, 1023 * 0x1p-24F, 65504.0F, -0.0F));
  EXPECT_THAT(*ReadHalves("BF16", {0x3F80, 0xC000, 0x0001, 0x7F7F}),
              ElementsAre(1.0F, -2.0F, 0x1p-133F, std::bit_cast<float>(0x7F7F0000)));
}

TEST(SafetensorsTest, RefusesValuesThatAreNotFinite) {
  EXPECT_THAT(ReadHalves("F16", {0x7C00}).status().message(), HasSubstr("not finite"));
  EXPECT_THAT(ReadHalves("BF16", {0x7FC0}).status().message(), HasSubstr("not finite"));
  EXPECT_THAT(ReadHalves("BF16", {0x3F80, 0xFF80}).status().message(), HasSubstr("not finite"));
  for (const float value :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    lakehouse::testing::SafetensorsBuilder builder;
    builder.Add("a", {3}, {1, value, 2});
    const std::string bytes = builder.Bytes();
    const Result<Safetensors> parsed = Safetensors::Parse(bytes, "weights");
    EXPECT_THAT(parsed->Read("a", {3}).status().message(), HasSubstr("not finite: a"));
  }
}

TEST(SafetensorsTest, NamesWhatIsWrongWithATensor) {
  lakehouse::testing::SafetensorsBuilder builder;
  builder.Add("a", {2, 2}, {1, 2, 3, 4});
  const std::string bytes = builder.Bytes();
  const Result<Safetensors> parsed = Safetensors::Parse(bytes, "weights");
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(parsed->Read("z", {1}).status().message(), HasSubstr("missing: z"));
  EXPECT_THAT(parsed->Read("a", {4}).status().message(),
              AllOf(HasSubstr("[2,2]"), HasSubstr("[4]")));
  EXPECT_THAT(ReadHalves("I16", {1}).status().message(), HasSubstr("I16"));
}

TEST(SafetensorsTest, SpacesAndMetadataAreAllowed) {
  const std::string bytes = File(
      R"({"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  )",
      std::string(4, '\0'));
  EXPECT_TRUE(Safetensors::Parse(bytes, "weights").ok());
}

TEST(SafetensorsTest, TensorsNeedNoAlignment) {
  // Headers of every length modulo 4, with a byte before the floats.
  for (const char* spaces : {"", " ", "  ", "   "}) {
    const std::string header =
        StrCat(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)",
               R"("x":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})", spaces);
    const float value = 1.5F;
    std::string data(5, '\x7F');
    std::memcpy(data.data() + 1, &value, sizeof(value));
    const std::string bytes = File(header, data);
    const Result<Safetensors> parsed = Safetensors::Parse(bytes, "weights");
    ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
    EXPECT_THAT(*parsed->Read("x", {1}), ElementsAre(value));
  }
}

TEST(SafetensorsTest, HeadersHaveALimit) {
  const auto with_metadata = [](size_t size) {
    return File(StrCat(R"({"__metadata__":{"x":")", std::string(size, 'x'), R"("}})"), "");
  };
  const std::string good = with_metadata(7 << 20);
  EXPECT_TRUE(Safetensors::Parse(good, "weights").ok());
  EXPECT_THAT(ParseError(with_metadata(8 << 20)), HasSubstr("header of 83886"));
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  lakehouse::testing::SafetensorsBuilder builder;
  builder.Add("a", {2}, {1, 2});
  const std::string bytes = builder.Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) ParseError(bytes.substr(0, size));
  ParseError(bytes + "x");
}

TEST(SafetensorsTest, RefusesDamagedHeaders) {
  const std::string data(8, '\0');
  const auto tensor = [](const std::string& shape, const std::string& offsets) {
    return R"({"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
  };
  EXPECT_THAT(ParseError(std::string(8, '\xFF')), HasSubstr("header"));
  EXPECT_THAT(ParseError(File("[]", "")), HasSubstr("not a JSON object"));
  EXPECT_THAT(ParseError(File(R"({"a":1})", "")), HasSubstr("not an object"));
  EXPECT_THAT(ParseError(File("{\"a\":" + tensor("[3]", "[0,12]") + "}", data)),
              HasSubstr("outside"));
  EXPECT_THAT(ParseError(File("{\"a\":" + tensor("[1]", "[8,4]") + "}", data)),
              HasSubstr("outside"));
  EXPECT_THAT(ParseError(File("{\"a\":" + tensor("[1]", "[0,8]") + "}", data)),
              HasSubstr("its shape needs 4"));
  EXPECT_THAT(ParseError(File(
                  "{\"a\":" + tensor("[281474976710656,281474976710656]", "[0,8]") + "}", data)),
              HasSubstr("shape"));
  EXPECT_THAT(ParseError(File("{\"a\":" + tensor("[-1]", "[0,8]") + "}", data)),
              HasSubstr("shape"));
  EXPECT_THAT(ParseError(File("{\"a\":" + tensor("[1]", "[4,8]") + "}", data)), HasSubstr("gap"));
  EXPECT_THAT(ParseError(File("{\"a\":" + tensor("[1]", "[0,4]") + "}", data)),
              HasSubstr("after the last"));
  EXPECT_THAT(
      ParseError(File("{\"a\":" + tensor("[2]", "[0,8]") + ",\"b\":" + tensor("[1]", "[4,8]") + "}",
                      data)),
      HasSubstr("overlap"));
  EXPECT_THAT(
      ParseError(File("{\"a\":" + tensor("[1]", "[0,4]") + ",\"a\":" + tensor("[1]", "[4,8]") + "}",
                      data)),
      HasSubstr("a"));
}

}  // namespace
}  // namespace lakehouse::ai
