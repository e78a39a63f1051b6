#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"
#include "base/crc32c.h"

namespace lakehouse {
namespace {

constexpr size_t kSha256Bytes = 32;
constexpr size_t kMd5Bytes = 16;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::string Digest(const EVP_MD* method, size_t expected_bytes, std::string_view bytes) {
  std::string digest(expected_bytes, '\0');
  unsigned int size_bytes = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                   &size_bytes, method, nullptr) == 1);
  CHECK(size_bytes == expected_bytes);
  return digest;
}

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

std::string Sha256Bytes(std::string_view bytes) {
  return Digest(EVP_sha256(), kSha256Bytes, bytes);
}

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  std::string code(kSha256Bytes, '\0');
  unsigned int size_bytes = 0;
  // A null key would mean "the key of the previous call".
  const void* key_data = key.empty() ? "" : key.data();
  CHECK(HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
             reinterpret_cast<unsigned char*>(code.data()), &size_bytes) != nullptr);
  CHECK(size_bytes == kSha256Bytes);
  return code;
}

std::string Md5Bytes(std::string_view bytes) { return Digest(EVP_md5(), kMd5Bytes, bytes); }

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

std::string Base64Encode(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      out.push_back(i <= group.size() ? kDigits[bits >> (18 - 6 * i) & 63] : '=');
    }
  }
  return out;
}

}  // namespace lakehouse
