// Checksums and content identities.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace lakehouse {

// CRC-32C (Castagnoli, RFC 3720 appendix B.4). Pass the previous value to continue over more bytes.
uint32_t Crc32c(std::string_view bytes, uint32_t previous = 0);

// Incremental SHA-256 (FIPS 180-4). Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::string_view bytes);
  // Returns 64 lower-case hex digits. REQUIRES: called once.
  std::string FinishHex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);

// Lower-case hex of arbitrary bytes.
std::string HexEncode(std::string_view bytes);

}  // namespace lakehouse
