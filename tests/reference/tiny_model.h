// Writes a whole model directory of a few kilobytes, for tests of everything but the quality of its
// vectors.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/rng.h"
#include "base/strings.h"

namespace lakehouse::testing {

inline void WriteTextFile(const std::string& path, std::string_view text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// Lays out tensors as a safetensors file.
class SafetensorsBuilder {
 public:
  // `type` is F32, F16 or BF16. REQUIRES: every value is exact in it, and no value of F16 is
  // subnormal.
  void Add(const std::string& name, const std::vector<int64_t>& shape,
           const std::vector<float>& values, std::string_view type = "F32") {
    const size_t begin = data_.size();
    for (const float value : values) {
      const auto bits = std::bit_cast<uint32_t>(value);
      if (type == "F32") {
        Append(bits);
      } else if (type == "BF16") {
        Append(static_cast<uint16_t>(bits >> 16));
      } else {
        const uint32_t magnitude = (bits & 0x7FFFFFFF) >> 13;
        const uint32_t rebased = magnitude == 0 ? 0 : magnitude - (112U << 10);
        Append(static_cast<uint16_t>(bits >> 31 << 15 | rebased));
      }
    }
    header_[name] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {begin, data_.size()}}};
  }
  std::string Bytes() const {
    const std::string header = DumpJson(header_);
    const uint64_t length = header.size();
    std::string bytes(sizeof(length), '\0');
    std::memcpy(bytes.data(), &length, sizeof(length));
    return bytes + header + data_;
  }

 private:
  template <typename Element>
  void Append(Element element) {
    data_.append(reinterpret_cast<const char*>(&element), sizeof(element));
  }

  Json header_ = Json::object();
  std::string data_;
};

// A BERT of one layer with random weights. Words of its vocabulary: river, nurse, night.
class TinyModel {
 public:
  static constexpr int64_t kWidth = 32;
  static constexpr int64_t kVocabulary = 8;
  static constexpr int64_t kPositions = 16;

  static std::string Config(std::string_view changes = "{}") {
    Json json = {{"model_type", "bert"},
                 {"hidden_size", kWidth},
                 {"num_hidden_layers", 1},
                 {"num_attention_heads", 2},
                 {"intermediate_size", 2 * kWidth},
                 {"vocab_size", kVocabulary},
                 {"max_position_embeddings", kPositions},
                 {"type_vocab_size", 2},
                 {"hidden_act", "gelu"},
                 {"layer_norm_eps", 1e-12}};
    json.merge_patch(Json::parse(changes));
    return json.dump();
  }

  static std::string Weights() {
    SafetensorsBuilder builder;
    Rng rng(7);
    const auto add = [&](const std::string& name, const std::vector<int64_t>& shape, float base) {
      int64_t count = 1;
      for (const int64_t extent : shape) count *= extent;
      std::vector<float> values(static_cast<size_t>(count));
      for (float& value : values) value = base + static_cast<float>(rng.NextDouble()) - 0.5F;
      builder.Add(name, shape, values);
    };
    const auto add_norm = [&](const std::string& name) {
      add(name + ".LayerNorm.weight", {kWidth}, 1);
      add(name + ".LayerNorm.bias", {kWidth}, 0);
    };
    const auto add_linear = [&](const std::string& name, int64_t outputs, int64_t inputs) {
      add(name + ".weight", {outputs, inputs}, 0);
      add(name + ".bias", {outputs}, 0);
    };
    add("embeddings.word_embeddings.weight", {kVocabulary, kWidth}, 0);
    add("embeddings.position_embeddings.weight", {kPositions, kWidth}, 0);
    add("embeddings.token_type_embeddings.weight", {2, kWidth}, 0);
    add_norm("embeddings");
    const std::string layer = "encoder.layer.0.";
    for (const char* part : {"query", "key", "value"}) {
      add_linear(StrCat(layer, "attention.self.", part), kWidth, kWidth);
    }
    add_linear(layer + "attention.output.dense", kWidth, kWidth);
    add_norm(layer + "attention.output");
    add_linear(layer + "intermediate.dense", 2 * kWidth, kWidth);
    add_linear(layer + "output.dense", kWidth, 2 * kWidth);
    add_norm(layer + "output");
    return builder.Bytes();
  }

  static void Write(const std::string& directory) {
    WriteTextFile(directory + "/config.json", Config());
    WriteTextFile(directory + "/vocab.txt",
                  "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nriver\nnurse\nnight\n");
    WriteTextFile(directory + "/model.safetensors", Weights());
  }
};

}  // namespace lakehouse::testing
