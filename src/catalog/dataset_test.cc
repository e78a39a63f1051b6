#include "catalog/dataset.h"

#include <gtest/gtest.h>

#include "catalog/file_manifest.h"
#include "storage/object_store.h"

namespace lakehouse::catalog {

namespace {

Dataset Example() {
  Dataset dataset{.name = *DatasetName::Parse("people"), .bucket = *BucketName::Parse("s3:lake")};
  dataset.snapshot = 3;
  dataset.columns = {{"id", "BIGINT", {}}, {"e \"mail\"", "VARCHAR", {"email", "phone"}}};
  dataset.sources = {{"file", "people.csv", "csv", std::string(64, 'a'), 120, 7, {1'000'001}},
                     {"file", "naïve 🦉.json", "json", "", UINT64_C(1) << 40, 0, {2'000'000}}};
  dataset.created_at = {1'000'001};
  dataset.updated_at = {1'700'000'000'123'456};
  return dataset;
}

TEST(DatasetTest, ReadsBackWhatItWrote) {
  Dataset dataset = Example();
  for (int i = 0; i < 2; ++i) {
    const auto json = ParseJson(DumpJson(DatasetToJson(dataset)));
    ASSERT_TRUE(json.ok());
    const auto read = DatasetFromJson(*json);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(*read, dataset);
    dataset.last_embedded_at = Timestamp{5};
    dataset.embedding_stale_since = Timestamp{6};
  }
}

TEST(DatasetTest, RefusesWhatItWouldNotWrite) {
  const Json good = DatasetToJson(Example());
  ASSERT_TRUE(DatasetFromJson(good).ok());
  for (const auto& [field, value] : std::vector<std::pair<std::string, Json>>{
           {"name", "UPPER"},
           {"name", 1},
           {"bucket", "../x"},
           {"snapshot", -1},
           {"snapshot", "1"},
           {"columns", nullptr},
           {"columns", Json::array({1})},
           {"columns", Json::array({Json{{"name", "id"}}})},
           {"columns", Json::array({Json{{"name", "id"}, {"type", "T"}, {"odd", 1}}})},
           {"sources", "x"},
           {"sources", Json::array({Json{{"kind", "file"}}})},
           {"created_at", "yesterday"},
           {"updated_at", nullptr},
           {"last_embedded_at", "soon"},
           {"unknown", 1}}) {
    Json bad = good;
    bad[field] = value;
    EXPECT_EQ(DatasetFromJson(bad).status().code(), StatusCode::kInternal)
        << field << " = " << value.dump();
  }
  for (const Json& bad : {Json(), Json(1), Json::array(), Json::object()}) {
    EXPECT_EQ(DatasetFromJson(bad).status().code(), StatusCode::kInternal);
  }
}

TEST(DatasetTest, SumsItsFilesAndFindsItsColumns) {
  Dataset dataset = Example();
  EXPECT_EQ(dataset.rows(), 0u);
  dataset.files = {{"a", 10, 3, 0}, {"b", 5, 4, 0}};
  EXPECT_EQ(dataset.rows(), 7u);
  EXPECT_EQ(dataset.size_bytes(), 15u);
  EXPECT_EQ(dataset.FindColumn("id")->type, "BIGINT");
  EXPECT_EQ(dataset.FindColumn("ID"), nullptr);
}

TEST(FileManifestTest, ReadsBackWhatItKept) {
  const auto store = storage::NewMemoryStore();
  const DatasetName name = *DatasetName::Parse("people");
  const FileManifest& manifest = InlineManifest();
  for (const std::vector<DataFile>& files :
       {std::vector<DataFile>{},
        std::vector<DataFile>{{"data/people/data/1.parquet", 1, 2, 0},
                              {"data/people/data/2.parquet", UINT64_C(1) << 50, 0, UINT32_MAX}}}) {
    const auto kept = manifest.Save(*store, name, files);
    ASSERT_TRUE(kept.ok());
    const auto loaded = manifest.Load(*store, name, *ParseJson(DumpJson(*kept)));
    ASSERT_TRUE(loaded.ok()) << loaded.status().ToString();
    EXPECT_EQ(*loaded, files);
  }
}

TEST(FileManifestTest, RefusesWhatItWouldNotKeep) {
  const auto store = storage::NewMemoryStore();
  const DatasetName name = *DatasetName::Parse("people");
  const Json file{{"key", "k"}, {"size_bytes", 1}, {"rows", 1}, {"crc32c", 1}};
  ASSERT_TRUE(InlineManifest().Load(*store, name, Json::array({file})).ok());
  Json negative = file;
  negative["rows"] = -1;
  Json wide = file;
  wide["crc32c"] = UINT64_C(1) << 32;
  Json strange = file;
  strange["odd"] = 1;
  for (const Json& kept : {Json(), Json(1), Json::object(), Json::array({1}),
                           Json::array({negative}), Json::array({wide}), Json::array({strange})}) {
    EXPECT_EQ(InlineManifest().Load(*store, name, kept).status().code(), StatusCode::kInternal)
        << kept.dump();
  }
}

}  // namespace

}  // namespace lakehouse::catalog
