// The seed of a random test.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/rng.h"

namespace lakehouse::testing {

// Returns the seed that the environment variable LAKEHOUSE_TEST_SEED gives, else a new one, and
// prints it so that a failure can be repeated.
inline uint64_t TestSeed() {
  const char* given = std::getenv("LAKEHOUSE_TEST_SEED");
  const uint64_t seed =
      given == nullptr ? Rng::FromSystem().Next() : std::strtoull(given, nullptr, 10);
  std::cout << "LAKEHOUSE_TEST_SEED=" << seed << "\n";
  return seed;
}

}  // namespace lakehouse::testing
