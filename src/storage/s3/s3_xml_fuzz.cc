// Whatever a server answers: parsing it ends with a value or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "storage/s3/s3_xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lakehouse::storage;
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  (void)ParseS3Error(xml);
  if (const auto page = ParseListObjects(xml); page.ok()) {
    CHECK(!page->truncated || !page->next_token.empty());
  }
  (void)ParseListUploads(xml);
  if (const auto id = ParseUploadId(xml); id.ok()) CHECK(!id->empty());
  if (const auto version = ParseCompletedVersion(xml); version.ok()) CHECK(!version->empty());
  (void)ParseDeleteResult(xml);
  return 0;
}
