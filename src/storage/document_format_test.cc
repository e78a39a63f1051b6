#include "storage/document_format.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

DocumentVersion Example() {
  DocumentVersion document;
  document.kind = "dataset";
  document.name = "people";
  document.version = 3;
  document.previous_version = 2;
  document.previous_sha256 = std::string(64, 'a');
  document.writer = "0190a5c1-0000-7000-8000-000000000000";
  document.body = Json{{"rows", 7}, {"note", "é \"quoted\"\n"}};
  return document;
}

TEST(DocumentFormatTest, WritesTheDocumentedBytes) {
  const std::string sealed =
      "{\"lakehouse_document\":1,\"kind\":\"dataset\",\"name\":\"people\",\"version\":3,"
      "\"previous_version\":2,\"previous_sha256\":\"" +
      std::string(64, 'a') +
      "\",\"writer\":\"0190a5c1-0000-7000-8000-000000000000\",\"deleted\":false,"
      "\"body\":{\"rows\":7,\"note\":\"é \\\"quoted\\\"\\n\"}";
  EXPECT_EQ(EncodeDocument(Example()), sealed + ",\"sha256\":\"" + Sha256Hex(sealed) + "\"}\n");
}

TEST(DocumentFormatTest, ReadsBackWhatItWrote) {
  DocumentVersion document = Example();
  for (const bool deleted : {false, true}) {
    document.deleted = deleted;
    if (deleted) document.body = nullptr;
    const auto decoded = DecodeDocument(EncodeDocument(document));
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded->kind, document.kind);
    EXPECT_EQ(decoded->name, document.name);
    EXPECT_EQ(decoded->version, document.version);
    EXPECT_EQ(decoded->previous_version, document.previous_version);
    EXPECT_EQ(decoded->previous_sha256, document.previous_sha256);
    EXPECT_EQ(decoded->writer, document.writer);
    EXPECT_EQ(decoded->deleted, deleted);
    EXPECT_EQ(decoded->body, document.body);
  }
}

TEST(DocumentFormatTest, NoticesEveryChangedAndEveryMissingByte) {
  const std::string bytes = EncodeDocument(Example());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_EQ(DecodeDocument(damaged).status().code(), StatusCode::kInternal) << "byte " << i;
    EXPECT_EQ(DecodeDocument(bytes.substr(0, i)).status().code(), StatusCode::kInternal) << i;
  }
  EXPECT_EQ(DecodeDocument(bytes + "x").status().code(), StatusCode::kInternal);
  EXPECT_EQ(DecodeDocument(std::string(1000, '\0')).status().code(), StatusCode::kInternal);
}

TEST(DocumentFormatTest, TellsANewerFormatFromDamage) {
  const std::string sealed = "{\"lakehouse_document\":2,\"body\":{}";
  const std::string bytes = StrCat(sealed, ",\"sha256\":\"", Sha256Hex(sealed), "\"}\n");
  EXPECT_EQ(DecodeDocument(bytes).status().code(), StatusCode::kInvalidArgument);
}

TEST(DocumentFormatTest, NamesVersionsByTwentyDigits) {
  EXPECT_EQ(DocumentKey("dataset", "people", 1),
            "_catalog/dataset/people/00000000000000000001.json");
  EXPECT_EQ(DocumentKey("dataset", "people", INT64_MAX),
            "_catalog/dataset/people/09223372036854775807.json");
  const std::string key = DocumentKey("dataset", "people", 42);
  const auto place = ParseDocumentKey("dataset", key);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->name, "people");
  EXPECT_EQ(place->version, 42u);
}

TEST(DocumentFormatTest, PassesOverForeignKeys) {
  for (const std::string key :
       {"_catalog/dataset/people/1.json", "_catalog/dataset/people/00000000000000000000.json",
        "_catalog/dataset/people/09223372036854775808.json",
        "_catalog/dataset/people/99999999999999999999.json",
        "_catalog/dataset/people/0000000000000000001x.json",
        "_catalog/dataset/people/00000000000000000001.json.bak",
        "_catalog/dataset/people/00000000000000000001", "_catalog/dataset/people",
        "_catalog/dataset/00000000000000000001.json",
        "_catalog/dataset/UPPER/00000000000000000001.json",
        "_catalog/dataset/a/b/00000000000000000001.json",
        "_catalog/view/people/00000000000000000001.json", "data/x"}) {
    EXPECT_EQ(ParseDocumentKey("dataset", key).has_value(), false) << key;
  }
}

}  // namespace

}  // namespace lakehouse::storage
