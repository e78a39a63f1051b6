#include "ai/encoder/weight_files.h"

#include <filesystem>
#include <set>
#include <utility>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

bool IsShardName(const std::string& name) {
  return name.ends_with(".safetensors") && name.find('/') == std::string::npos && StaysBelow(name);
}

Status NoWeights(const std::string& directory) {
  std::error_code ignored;
  if (std::filesystem::exists(directory + "/pytorch_model.bin", ignored)) {
    return InvalidArgument("the encoder reads model.safetensors; save the model anew in that ",
                           "format: ", directory, "/pytorch_model.bin");
  }
  return InvalidArgument("the weights are missing: ", directory, "/", kSingleFile);
}

}  // namespace

Status WeightFiles::AddFile(const std::string& model_dir, const std::string& name) {
  const std::string path = StrCat(model_dir, "/", name);
  Result<MappedFile> bytes = MappedFile::Open(path);
  if (!bytes.ok()) return InvalidArgument("the weights: ", bytes.status().message());
  ASSIGN_OR_RETURN(Safetensors tensors, Safetensors::Parse(bytes->bytes(), path));
  files_.push_back({*std::move(bytes), std::move(tensors)});
  names_.push_back(name);
  return OkStatus();
}

Status WeightFiles::AddShards(const std::string& model_dir, const std::string& directory,
                              const ModelFields& index) {
  ASSIGN_OR_RETURN(const ModelJson* map, index.Object("weight_map"));
  std::map<std::string, size_t> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() || !IsShardName(shard.get_ref<const std::string&>())) {
      return index.Problem("weight_map", StrCat("must name a .safetensors file beside it for ",
                                                tensor, ", not ", QuoteForMessage(shard.dump())));
    }
    const auto& name = shard.get_ref<const std::string&>();
    const auto [entry, is_new] = shards.emplace(name, files_.size());
    if (is_new) TRY(AddFile(model_dir, JoinModelPath(directory, name)));
    if (!files_[entry->second].tensors.Has(tensor)) {
      return index.Problem("weight_map",
                           StrCat("says that ", name, " has the tensor ", tensor, "; it does not"));
    }
    file_of_.emplace(tensor, entry->second);
  }
  return OkStatus();
}

Result<WeightFiles> WeightFiles::Open(const std::string& model_dir, const std::string& directory) {
  WeightFiles weights;
  const std::string single = JoinModelPath(directory, kSingleFile);
  std::error_code ignored;
  if (std::filesystem::exists(StrCat(model_dir, "/", single), ignored)) {
    weights.origin_ = StrCat(model_dir, "/", single);
    TRY(weights.AddFile(model_dir, single));
    for (const std::string& tensor : weights.files_[0].tensors.Names()) {
      weights.file_of_.emplace(tensor, 0);
    }
    return weights;
  }
  const std::string index = JoinModelPath(directory, kIndexFile);
  ModelFiles files(model_dir);
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(index));
  if (!json.has_value()) return NoWeights(files.PathOf(directory));
  weights.origin_ = files.PathOf(index);
  weights.names_.push_back(index);
  TRY(weights.AddShards(model_dir, directory, ModelFields(*json, weights.origin_)));
  return weights;
}

Result<std::vector<float>> WeightFiles::Read(const std::string& tensor,
                                             const std::vector<int64_t>& shape) const {
  const auto found = file_of_.find(tensor);
  if (found == file_of_.end()) {
    return InvalidArgument(origin_, ": the tensor is missing: ", tensor);
  }
  return files_[found->second].tensors.Read(tensor, shape);
}

}  // namespace lakehouse::ai
