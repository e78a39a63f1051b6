#include "catalog/file_manifest.h"

#include <limits>

namespace lakehouse::catalog {

namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();

class InlineFileManifest : public FileManifest {
 public:
  Result<Json> Save(storage::ObjectStore& /*bucket*/, const DatasetName& /*dataset*/,
                    const std::vector<DataFile>& files) const override {
    Json kept = Json::array();
    for (const DataFile& file : files) {
      kept.push_back({{"key", file.key},
                      {"size_bytes", file.size_bytes},
                      {"rows", file.rows},
                      {"crc32c", file.crc32c}});
    }
    return kept;
  }

  Result<std::vector<DataFile>> Load(const storage::ObjectStore& /*bucket*/,
                                     const DatasetName& dataset, const Json& kept) const override {
    if (!kept.is_array()) return Internal("the file list is no array: dataset ", dataset);
    std::vector<DataFile> files;
    for (const Json& entry : kept) {
      if (!entry.is_object()) return Internal("a file entry is no object: dataset ", dataset);
      ObjectReader reader(entry, "file");
      DataFile file;
      file.key = reader.String("key");
      file.size_bytes = static_cast<uint64_t>(reader.Int("size_bytes", 0, kMaxInt));
      file.rows = static_cast<uint64_t>(reader.Int("rows", 0, kMaxInt));
      file.crc32c =
          static_cast<uint32_t>(reader.Int("crc32c", 0, std::numeric_limits<uint32_t>::max()));
      if (const Status status = reader.Finish(); !status.ok()) {
        return Internal("dataset ", dataset, ": ", status.message());
      }
      files.push_back(std::move(file));
    }
    return files;
  }
};

}  // namespace

const FileManifest& InlineManifest() {
  static const InlineFileManifest kManifest;
  return kManifest;
}

}  // namespace lakehouse::catalog
