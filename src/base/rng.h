// Randomness behind one type, seeded by its owner.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace lakehouse {

// xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64. The same seed gives the same
// sequence on every machine. Not for secrets. Not thread-safe.
class Rng {
 public:
  explicit Rng(uint64_t seed);
  // Seeds from the operating system.
  static Rng FromSystem();

  uint64_t Next();
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [0, 1).
  double NextDouble();

 private:
  uint64_t state_[4];
};

// Returns a UUID version 7 (RFC 9562) in lower-case text: time-ordered, random tail from the
// operating system. Thread-safe.
std::string NewUuid(const Clock& clock);

}  // namespace lakehouse
