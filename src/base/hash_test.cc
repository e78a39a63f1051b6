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

TEST(HexEncodeTest, WritesTwoLowerCaseDigitsPerByte) {
  EXPECT_EQ(HexEncode(""), "");
  EXPECT_EQ(HexEncode(std::string_view("\x00\x0F\xA5\xFF", 4)), "000fa5ff");
}

}  // namespace
}  // namespace lakehouse
