// Reads what make_reference.py wrote, for the tests that compare with it.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/json.h"

namespace lakehouse::testing {

inline std::string ReadReferenceFile(const std::string& name) {
  std::ifstream file(LAKEHOUSE_SOURCE_DIR "/tests/reference/" + name, std::ios::binary);
  CHECK(file.good());
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

inline std::vector<Json> ReadReferenceLines(const std::string& name) {
  std::istringstream file(ReadReferenceFile(name));
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) {
    Result<Json> json = ParseJson(line);
    CHECK(json.ok());
    lines.push_back(*std::move(json));
  }
  return lines;
}

inline std::vector<std::string> ReferenceTexts() {
  std::vector<std::string> texts;
  for (const Json& line : ReadReferenceLines("texts.ndjson")) texts.push_back(line);
  return texts;
}

inline std::vector<std::vector<int32_t>> ReferenceTokenIds() {
  std::vector<std::vector<int32_t>> ids;
  for (const Json& line : ReadReferenceLines("token_ids.ndjson")) ids.push_back(line);
  return ids;
}

// The rows of vectors.f16.npy, a version 1 file of little-endian halves in row-major order.
inline std::vector<std::vector<float>> ReferenceVectors(size_t dimensions) {
  const std::string file = ReadReferenceFile("vectors.f16.npy");
  CHECK(file.substr(1, 5) == "NUMPY" && file.find("'<f2'") != std::string::npos);
  const size_t header = 10 + static_cast<unsigned char>(file[8]) +
                        256 * static_cast<size_t>(static_cast<unsigned char>(file[9]));
  const size_t values = (file.size() - header) / 2;
  std::vector<std::vector<float>> rows(values / dimensions, std::vector<float>(dimensions));
  for (size_t i = 0; i < rows.size() * dimensions; ++i) {
    const auto low = static_cast<unsigned char>(file[header + 2 * i]);
    const auto high = static_cast<unsigned char>(file[header + 2 * i + 1]);
    const int exponent = high >> 2 & 0x1F;
    const int fraction = (high & 3) << 8 | low;
    CHECK(exponent != 0x1F);
    const float magnitude = exponent == 0
                                ? static_cast<float>(fraction) * 0x1p-24F
                                : static_cast<float>(1024 + fraction) *
                                      static_cast<float>(uint64_t{1} << exponent) * 0x1p-25F;
    rows[i / dimensions][i % dimensions] = (high & 0x80) != 0 ? -magnitude : magnitude;
  }
  return rows;
}

}  // namespace lakehouse::testing
