// Tiny models of every kind that the encoder knows, and what the reference makes of them; see
// make_models.py.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/json.h"
#include "reference/reference.h"
#include "reference/tiny_model.h"

namespace lakehouse::testing {

// One case of models.json.
struct GoldenModel {
  std::string name;
  std::string model;       // The name of the model, which decides its family.
  int64_t dimensions = 0;  // 0: as many as the model makes.
  Json files;
  Json weights;
  std::vector<std::vector<int32_t>> texts;  // Token ids.
  std::vector<size_t> second_begins;        // Where the second text of each begins.
  std::vector<std::vector<float>> vectors;  // Expected.
};

// Names a case that fails.
inline void PrintTo(const GoldenModel& model, std::ostream* out) { *out << model.name; }

// The values of a tensor, which follow from its name: multiples of scale / 128 around `base`.
inline std::vector<float> GoldenTensor(std::string_view name, size_t count, float base,
                                       float scale) {
  uint64_t state = 0xCBF29CE484222325;  // FNV-1a.
  for (const char byte : name) state = (state ^ static_cast<uint8_t>(byte)) * 0x100000001B3;
  std::vector<float> values(count);
  for (float& value : values) {
    state += 0x9E3779B97F4A7C15;  // SplitMix64.
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    value = base + scale * (static_cast<float>(z >> 57) / 128 - 0.5F);
  }
  return values;
}

inline std::vector<GoldenModel> ReadGoldenModels() {
  const Result<Json> cases = ParseJson(ReadReferenceFile("models.json"));
  CHECK(cases.ok());
  std::vector<GoldenModel> models;
  for (const Json& item : *cases) {
    GoldenModel model{.name = item.at("name"),
                      .model = item.value("model", "tiny"),
                      .dimensions = item.value("dimensions", 0),
                      .files = item.at("files"),
                      .weights = item.at("weights"),
                      .texts = {},
                      .second_begins = {},
                      .vectors = item.at("vectors")};
    for (const Json& text : item.at("texts")) {
      model.texts.push_back(text.at("ids"));
      model.second_begins.push_back(text.value("second_begin", model.texts.back().size()));
    }
    models.push_back(std::move(model));
  }
  return models;
}

// Writes everything but a tokenizer.
inline void WriteGoldenModel(const GoldenModel& model, const std::string& directory) {
  for (const auto& [name, content] : model.files.items()) {
    WriteTextFile(directory + "/" + name, content.dump());
  }
  for (const auto& [name, file] : model.weights.items()) {
    SafetensorsBuilder builder;
    for (const Json& tensor : file.at("tensors")) {
      const std::vector<int64_t> shape = tensor.at(1);
      size_t count = 1;
      for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
      const std::string tensor_name = tensor.at(0);
      builder.Add(tensor_name, shape, GoldenTensor(tensor_name, count, tensor.at(2), tensor.at(3)),
                  file.at("dtype").get<std::string>());
    }
    WriteTextFile(directory + "/" + name, builder.Bytes());
  }
}

}  // namespace lakehouse::testing
