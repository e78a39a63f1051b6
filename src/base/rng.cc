#include "base/rng.h"

#include <bit>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include <sys/random.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/strings.h"

namespace lakehouse {
namespace {

void FillFromSystem(void* out, size_t size_bytes) {
  auto* next = static_cast<char*>(out);
  while (size_bytes > 0) {
    const ssize_t got = getrandom(next, size_bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    CHECK(got > 0);
    next += got;
    size_bytes -= static_cast<size_t>(got);
  }
}

uint64_t SplitMix64(uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(uint64_t seed) {
  for (uint64_t& word : state_) word = SplitMix64(seed);
}

Rng Rng::FromSystem() {
  uint64_t seed = 0;
  FillFromSystem(&seed, sizeof(seed));
  return Rng(seed);
}

uint64_t Rng::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t Rng::Below(uint64_t bound) {
  CHECK(bound > 0);
  // The lowest 2^64 mod `bound` values would make small results more likely.
  const uint64_t rejected = -bound % bound;
  uint64_t value = Next();
  while (value < rejected) value = Next();
  return value % bound;
}

double Rng::NextDouble() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

std::string NewUuid(const Clock& clock) {
  unsigned char bytes[16];
  FillFromSystem(bytes, sizeof(bytes));
  const auto micros = static_cast<uint64_t>(clock.Now().micros);
  const uint64_t millis = micros / 1000;
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(millis >> (40 - 8 * i));
  // RFC 9562 section 6.2, method 3: the fraction of the millisecond keeps ids made within it in
  // order.
  const auto fraction = static_cast<unsigned>(micros % 1000 * 4096 / 1000);
  bytes[6] = static_cast<unsigned char>(0x70 | (fraction >> 8));
  bytes[7] = static_cast<unsigned char>(fraction);
  bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3F));

  const std::string hex = HexEncode({reinterpret_cast<const char*>(bytes), sizeof(bytes)});
  const std::string_view text = hex;
  return StrCat(text.substr(0, 8), '-', text.substr(8, 4), '-', text.substr(12, 4), '-',
                text.substr(16, 4), '-', text.substr(20));
}

}  // namespace lakehouse
