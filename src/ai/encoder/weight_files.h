// The tensors of a model, in one safetensors file or in several.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ai/encoder/safetensors.h"
#include "ai/model_file.h"
#include "base/status.h"

namespace lakehouse::ai {

// Maps its files for its lifetime. Every error is kInvalidArgument and names the file.
class WeightFiles {
 public:
  // Opens `model.safetensors` in `directory` below the model's or, where there is none, the files
  // that `model.safetensors.index.json` names; each must have the tensors that it lists for it.
  static Result<WeightFiles> Open(const std::string& model_dir, const std::string& directory);

  bool Has(const std::string& tensor) const { return file_of_.contains(tensor); }
  // As Safetensors::Read.
  Result<std::vector<float>> Read(const std::string& tensor,
                                  const std::vector<int64_t>& shape) const;

  // Every file, the index included, below the model's directory.
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct File {
    MappedFile bytes;
    Safetensors tensors;
  };

  Status AddFile(const std::string& model_dir, const std::string& name);
  Status AddShards(const std::string& model_dir, const std::string& directory,
                   const ModelFields& index);

  std::string origin_;
  std::vector<File> files_;
  std::map<std::string, size_t> file_of_;  // Of each tensor.
  std::vector<std::string> names_;
};

}  // namespace lakehouse::ai
