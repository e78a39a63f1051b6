// Checksums, content identities and message authentication.
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
// The 32 bytes themselves.
std::string Sha256Bytes(std::string_view bytes);

// HMAC-SHA-256 (RFC 2104) as 32 bytes. Any length of key, also none.
std::string HmacSha256(std::string_view key, std::string_view bytes);

// MD5 (RFC 1321) as 16 bytes. Not for security: S3 wants it as a checksum of what it received.
std::string Md5Bytes(std::string_view bytes);

// Lower-case hex of arbitrary bytes.
std::string HexEncode(std::string_view bytes);

// Base64 of arbitrary bytes (RFC 4648 section 4), padded, on one line.
std::string Base64Encode(std::string_view bytes);

}  // namespace lakehouse
