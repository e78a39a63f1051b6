// A model directory that tests fill file by file.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "ai/encoder/model_config.h"
#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {

// Begins with the config.json of a plain BERT.
class ModelConfigFixture : public ::testing::Test {
 protected:
  ModelConfigFixture() { PutConfig(); }

  void Put(const std::string& name, std::string_view text) {
    lakehouse::testing::WriteTextFile(directory_.Join(name), text);
  }
  // config.json of a BERT with some fields changed.
  void PutConfig(std::string_view changes = "{}") {
    Put("config.json", lakehouse::testing::TinyModel::Config(changes));
  }
  // Reads what must be good.
  ModelConfig Read(const std::string& name = "tiny") {
    const Result<ModelConfig> config = ReadModelConfig(directory_.path(), name);
    EXPECT_TRUE(config.ok()) << config.status().ToString();
    return config.value_or(ModelConfig());
  }
  // Reads what must be refused.
  std::string Error() {
    const Result<ModelConfig> config = ReadModelConfig(directory_.path(), "tiny");
    EXPECT_EQ(config.status().code(), StatusCode::kInvalidArgument);
    return config.status().message();
  }

  lakehouse::testing::TempDir directory_;
};

}  // namespace lakehouse::ai
