// What the machine can do at most, to judge the encoder by.
#pragma once

namespace lakehouse::ai {

// Measures matrix multiplication in f32 with packed weights at the shapes of a small encoder, one
// thread per core of this process's CPU mask, for about a second. Returns floating-point operations
// a second over all cores: the best of several rounds.
double MeasureGemmPeakF32();

}  // namespace lakehouse::ai
