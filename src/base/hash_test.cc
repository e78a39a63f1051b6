#include "base/hash.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/rng.h"
#include "base/strings.h"

namespace lakehouse {
namespace {

std::string CountUp() {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

TEST(Crc32cTest, GivesTheValuesOfRfc3720) {
  std::string down = CountUp();
  std::reverse(down.begin(), down.end());
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(CountUp()), 0x46DD794Eu);
  EXPECT_EQ(Crc32c(down), 0x113FDB5Cu);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

// The polynomial division bit by bit.
uint32_t Crc32cNaively(uint32_t crc, std::string_view bytes) {
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1));
  }
  return crc;
}

TEST(Crc32cTest, EveryKernelAgreesWithTheDefinition) {
  constexpr uint64_t kSeed = 3;
  SCOPED_TRACE(StrCat("seed ", kSeed));
  Rng rng(kSeed);
  const internal::Crc32cKernel hardware = internal::Crc32cHardware();
  for (size_t size = 0; size < 300; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size + 8; ++i) bytes.push_back(static_cast<char>(rng.Next()));
    const std::string_view unaligned = std::string_view(bytes).substr(size % 8, size);
    const auto start = static_cast<uint32_t>(rng.Next());
    const uint32_t expected = Crc32cNaively(start, unaligned);
    ASSERT_EQ(internal::Crc32cPortable(start, unaligned), expected) << size;
    if (hardware != nullptr) {
      ASSERT_EQ(hardware(start, unaligned), expected) << size;
    }
  }
}

TEST(Crc32cTest, ContinuesOverPieces) {
  const std::string bytes = CountUp() + CountUp();
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string_view text = bytes;
    EXPECT_EQ(Crc32c(text.substr(cut), Crc32c(text.substr(0, cut))), Crc32c(text)) << cut;
  }
}

TEST(Sha256Test, GivesTheValuesOfFips180) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256Test, PiecesGiveTheHashOfTheWhole) {
  Sha256 sha;
  for (int i = 0; i < 1'000; ++i) sha.Update(std::string(1'000, 'a'));
  Sha256 moved = std::move(sha);
  EXPECT_EQ(moved.FinishHex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256DeathTest, FinishingTwiceAborts) {
  Sha256 sha;
  sha.FinishHex();
  EXPECT_DEATH(sha.FinishHex(), "CHECK failed");
}

TEST(Sha256Test, BytesAndHexAreTheSameHash) {
  for (const std::string_view text : {"", "abc", "some more text"}) {
    EXPECT_EQ(HexEncode(Sha256Bytes(text)), Sha256Hex(text));
  }
}

TEST(HmacSha256Test, GivesTheValuesOfRfc4231) {
  const auto hex = [](std::string_view key, std::string_view bytes) {
    return HexEncode(HmacSha256(key, bytes));
  };
  EXPECT_EQ(hex(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(std::string(20, '\xaa'), std::string(50, '\xdd')),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hex(CountUp().substr(1, 25), std::string(50, '\xcd')),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  EXPECT_EQ(hex(std::string(20, '\x0c'), "Test With Truncation").substr(0, 32),
            "a3b6167473100ee06e0c796c2955552b");
  EXPECT_EQ(hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hex(std::string(131, '\xaa'),
                "This is a test using a larger than block-size key and a larger than block-size "
                "data. The key needs to be hashed before being used by the HMAC algorithm."),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST(HmacSha256Test, TakesNoKeyAndNoBytes) {
  EXPECT_EQ(HexEncode(HmacSha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Md5BytesTest, GivesTheValuesOfRfc1321) {
  EXPECT_EQ(HexEncode(Md5Bytes("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(HexEncode(Md5Bytes("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(HexEncode(Md5Bytes("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Base64EncodeTest, GivesTheValuesOfRfc4648) {
  EXPECT_EQ(Base64Encode(""), "");
  EXPECT_EQ(Base64Encode("f"), "Zg==");
  EXPECT_EQ(Base64Encode("fo"), "Zm8=");
  EXPECT_EQ(Base64Encode("foo"), "Zm9v");
  EXPECT_EQ(Base64Encode("foob"), "Zm9vYg==");
  EXPECT_EQ(Base64Encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(Base64Encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64Encode(std::string_view("\xfb\xff\x00", 3)), "+/8A");
}

TEST(HexEncodeTest, WritesTwoLowerCaseDigitsPerByte) {
  EXPECT_EQ(HexEncode(""), "");
  EXPECT_EQ(HexEncode(std::string_view("\x00\x0F\xA5\xFF", 4)), "000fa5ff");
}

}  // namespace
}  // namespace lakehouse
