// Feeds arbitrary files to the readers of a model directory. The input is the text of each file
// below, separated by NUL bytes; what is empty is not there.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "ai/encoder/model_config.h"
#include "ai/encoder/model_reader.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

constexpr const char* kFiles[] = {"config.json",
                                  "modules.json",
                                  "1_Pooling/config.json",
                                  "2_Dense/config.json",
                                  "sentence_bert_config.json",
                                  "tokenizer_config.json",
                                  "config_sentence_transformers.json",
                                  "model.safetensors.index.json",
                                  "one.safetensors"};

// A directory of this process, which is removed at its end.
class Directory {
 public:
  Directory() {
    std::string pattern = std::filesystem::temp_directory_path() / "lakehouse_fuzz_XXXXXX";
    path_ = mkdtemp(pattern.data());
    for (const char* module : {"/1_Pooling", "/2_Dense"}) {
      std::filesystem::create_directory(path_ + module);
    }
  }
  ~Directory() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void WriteFiles(const std::string& directory, std::string_view text) {
  for (const char* name : kFiles) {
    const std::string path = directory + "/" + name;
    // The last is not text, and gets the rest.
    const bool is_last = name == std::end(kFiles)[-1];
    const size_t end = is_last ? std::string_view::npos : text.find('\0');
    const std::string_view content = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (content.empty()) {
      std::filesystem::remove(path);
    } else {
      std::ofstream(path, std::ios::binary) << content;
    }
  }
}

void CheckConfig(ModelConfig config) {
  CHECK(config.hidden_size > 0 && config.hidden_size % (16 * config.heads) == 0);
  CHECK(config.intermediate_size > 0 && config.layers > 0 && config.vocabulary_size > 0);
  CHECK(config.max_tokens >= 3 && config.max_tokens <= config.max_positions);
  CHECK(config.layer_norm_epsilon > 0);
  CHECK(config.dimensions() > 0);
  const int64_t half = (config.dimensions() + 1) / 2;
  if (ShortenTo(half, config).ok()) CHECK(config.dimensions() == half);
}

}  // namespace
}  // namespace lakehouse::ai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lakehouse::ai;
  static const Directory directory;
  WriteFiles(directory.path(), {reinterpret_cast<const char*>(data), size});
  const auto config = ReadModelConfig(directory.path(), "nomic-embed-text-v1.5");
  if (!config.ok()) return 0;
  CheckConfig(*config);
  const auto reader = ModelReader::Open(directory.path(), *config);
  if (!reader.ok()) return 0;
  (void)(*reader)->ReadEmbeddings();
  (void)(*reader)->ReadLayer(0);
  (void)(*reader)->ReadClassifier();
  (void)(*reader)->ReadDense();
  (void)(*reader)->Digest();
  return 0;
}
