// Reads the files that sentence-transformers puts around a transformer.
#pragma once

#include <string>

#include "ai/encoder/model_config.h"
#include "ai/model_file.h"
#include "base/status.h"

namespace lakehouse::ai {

// What modules.json lists, in order.
struct ModuleList {
  bool listed = false;  // False: there is no modules.json.
  std::string transformer_directory;
  std::string pooling_directory;
  bool has_pooling = false;
  std::vector<HeadStep> head = {};  // The steps of kDense have nothing but their directory yet.
};

// A plain transformer when there is no modules.json.
Result<ModuleList> ReadModules(ModelFiles& files);

// Fill in what the files say of pooling and head, of the number of tokens, of prefixes, and of the
// activation of a cross-encoder. REQUIRES: config holds what ReadTransformerConfig found.
Status ReadHead(ModelFiles& files, const ModuleList& modules, ModelConfig& config);
Status ReadMaxTokens(ModelFiles& files, ModelConfig& config);
Status ReadPrefixes(ModelFiles& files, const std::string& model_name, ModelConfig& config);
Status ReadScoreActivation(ModelFiles& files, ModelConfig& config);

}  // namespace lakehouse::ai
