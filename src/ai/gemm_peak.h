// What the machine can do at most, to judge the encoder by.
#pragma once

#include "ai/encoder/precision.h"

namespace lakehouse::ai {

// Measures oneDNN's matrix multiplication in `precision` with packed weights at the shapes of a
// small encoder, one thread per core of this process's CPU mask, for about a second. Returns
// operations a second over all cores, a multiplication and an addition counting as two: the best of
// several rounds. Where the precision mixes arithmetics, that of its linear layers counts.
//
// REQUIRES: TextEncoder::CanCompute(precision) on this machine.
double MeasureGemmPeak(Precision precision);

}  // namespace lakehouse::ai
