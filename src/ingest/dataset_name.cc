#include "ingest/dataset_name.h"

#include <string>

#include "base/strings.h"
#include "ingest/text_staging.h"

namespace lakehouse::ingest {

Result<DatasetName> DatasetNameFor(std::string_view file_name) {
  constexpr size_t kMaxBytes = 63;
  std::string_view stem = BaseName(file_name);
  const size_t dot = stem.rfind('.');
  if (dot != std::string_view::npos && dot > 0) stem = stem.substr(0, dot);
  std::string name;
  for (const char c : ToLowerAscii(stem)) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (word) {
      name.push_back(c);
    } else if (!name.empty() && name.back() != '_' && name.back() != '-') {
      name.push_back(c == '-' ? '-' : '_');
    }
  }
  if (name.size() > kMaxBytes) name.resize(kMaxBytes);
  while (!name.empty() && (name.back() == '_' || name.back() == '-')) name.pop_back();
  if (name.empty()) {
    return InvalidArgument("no dataset name can be made from this file's name, give one: ",
                           QuoteForMessage(file_name));
  }
  return DatasetName::Parse(name);
}

}  // namespace lakehouse::ingest
