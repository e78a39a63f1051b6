#include "base/hash.h"

#include <openssl/evp.h>

#include "base/check.h"
#include "base/crc32c.h"

namespace lakehouse {
namespace {

constexpr size_t kSha256Bytes = 32;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

uint32_t Crc32c(std::string_view bytes, uint32_t previous) {
  static const internal::Crc32cKernel kernel = [] {
    const internal::Crc32cKernel hardware = internal::Crc32cHardware();
    return hardware != nullptr ? hardware : internal::Crc32cPortable;
  }();
  return ~kernel(~previous, bytes);
}

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
  bool finished = false;
};

// OpenSSL's digest calls fail only without memory or without its own default provider.
Sha256::Sha256() : state_(std::make_unique<State>()) {
  CHECK(state_->context != nullptr);
  CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view bytes) {
  CHECK(!state_->finished);
  CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::FinishHex() {
  CHECK(!state_->finished);
  state_->finished = true;
  unsigned char digest[kSha256Bytes];
  unsigned int size_bytes = 0;
  CHECK(EVP_DigestFinal_ex(state_->context.get(), digest, &size_bytes) == 1);
  CHECK(size_bytes == kSha256Bytes);
  return HexEncode({reinterpret_cast<const char*>(digest), kSha256Bytes});
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.FinishHex();
}

std::string HexEncode(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 0xF]);
  }
  return out;
}

}  // namespace lakehouse
