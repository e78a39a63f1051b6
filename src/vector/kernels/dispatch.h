// The choice of a kernel set at run time.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "vector/kernels/kernels.h"

namespace lakehouse::vector::kernels {

// Every set that this machine can run, slowest first; the first is scalar.
std::vector<const KernelSet*> SupportedKernels();

// The set in use: the fastest supported one, or what the environment variable LAKEHOUSE_KERNELS
// ("scalar", "avx2", "avx512") names when that is supported. Thread-safe.
const KernelSet& ActiveKernels();

// Makes the named set the one in use, for differential tests and benchmarks. kInvalidArgument names
// the supported ones. Thread-safe; calls that are running finish with the set they began with.
Status UseKernels(std::string_view name);

}  // namespace lakehouse::vector::kernels
