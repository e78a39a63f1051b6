#include "vector/kernels/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/log.h"

namespace lakehouse::vector::kernels {

namespace {

const KernelSet* FindSupported(std::string_view name) {
  for (const KernelSet* set : SupportedKernels()) {
    if (set->name == name) return set;
  }
  return nullptr;
}

const KernelSet* ChooseAtStart() {
  if (const char* name = std::getenv("LAKEHOUSE_KERNELS")) {
    if (const KernelSet* set = FindSupported(name)) return set;
    LogWarning("LAKEHOUSE_KERNELS names no kernel set that this machine runs; taking the fastest",
               {{"value", std::string_view(name)}});
  }
  return SupportedKernels().back();
}

std::atomic<const KernelSet*>& ActiveSlot() {
  static std::atomic<const KernelSet*> active(ChooseAtStart());
  return active;
}

}  // namespace

std::vector<const KernelSet*> SupportedKernels() {
  std::vector<const KernelSet*> supported;
  for (const KernelSet* set : {&kScalarKernels, &kAvx2Kernels, &kAvx512Kernels}) {
    if (set->is_supported()) supported.push_back(set);
  }
  return supported;
}

const KernelSet& ActiveKernels() { return *ActiveSlot().load(std::memory_order_relaxed); }

Status UseKernels(std::string_view name) {
  const KernelSet* set = FindSupported(name);
  if (set == nullptr) {
    std::vector<std::string> names;
    for (const KernelSet* supported : SupportedKernels()) names.emplace_back(supported->name);
    return InvalidArgument("this machine runs the kernels ", JoinStrings(names, ", "), ", not ",
                           name);
  }
  ActiveSlot().store(set, std::memory_order_relaxed);
  return OkStatus();
}

}  // namespace lakehouse::vector::kernels
