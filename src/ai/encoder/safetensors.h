// Reads model weights in the safetensors format (huggingface/safetensors, README "Format").
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace lakehouse::ai {

// The tensors of one file by name. Borrows the file's bytes. Immutable and thread-safe.
//
// Invariants, all checked by Parse: every tensor lies within the file, has as many bytes as its
// shape and type say, and the tensors cover the data without gaps or overlaps.
class Safetensors {
 public:
  // kInvalidArgument when the bytes are not a whole, well-formed file. `origin` names it in errors.
  static Result<Safetensors> Parse(std::string_view bytes, std::string origin);

  bool Has(const std::string& name) const { return tensors_.contains(name); }
  std::vector<std::string> Names() const;

  // Returns a tensor as 32-bit floats in row-major order. kInvalidArgument when it is missing, not
  // of `shape`, not of the type F32, F16 or BF16, or holds a value that is not finite.
  Result<std::vector<float>> Read(const std::string& name, const std::vector<int64_t>& shape) const;

 private:
  struct Tensor {
    std::string type;
    std::vector<int64_t> shape;
    std::string_view data;
  };

  std::string origin_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace lakehouse::ai
