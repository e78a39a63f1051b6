// The bytes and the names of an append log's segments: docs/formats/append_log.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

inline constexpr size_t kMaxRecordBytes = 1 << 20;
inline constexpr size_t kMaxSegmentBytes = 4 << 20;  // Header and frames.
inline constexpr size_t kSegmentHeaderBytes = 84;
inline constexpr size_t kFrameHeaderBytes = 40;

// SHA-256, raw.
using Digest = std::array<char, 32>;

// A record's place in the chain: its digest covers it and every record before it.
struct ChainLink {
  uint64_t number = 0;
  Digest digest{};
  bool operator==(const ChainLink&) const = default;
};

// What the first record of the log `name` continues: number 0.
ChainLink ChainRoot(std::string_view name);
ChainLink ContinueChain(const Digest& previous, uint64_t number, std::string_view record);

struct SegmentHeader {
  uint64_t first = 0;             // The first record's number.
  ChainLink previous;             // What that record continues.
  std::array<char, 16> writer{};  // Random, so that no two writers make equal segments; zero in
                                  // merged ones, which depend on their records alone.
  uint32_t count = 0;             // Records.
  uint32_t body_bytes = 0;        // After the header.
};

// Appends the frame of record `number`; returns its link.
ChainLink AppendFrame(std::string& out, const Digest& previous, uint64_t number,
                      std::string_view record);
// Puts a header at the front of `segment`. REQUIRES: kSegmentHeaderBytes are reserved there, and
// the frames stand behind them.
void WriteSegmentHeader(std::string& segment, const SegmentHeader& header);

// One record with what stands before it. A view.
struct Frame {
  std::string_view bytes;
  std::string_view record() const { return bytes.substr(kFrameHeaderBytes); }
  Digest digest() const;
};

// Takes frames apart that this process made. REQUIRES: `body` is whole frames.
std::vector<Frame> SplitFrames(std::string_view body);

enum class SegmentState {
  kWhole,
  kTorn,     // The object ends early; what is there is good.
  kDamaged,  // Bytes are not what was written.
};

// What was found in an object. Views into its bytes.
struct DecodedSegment {
  SegmentState state = SegmentState::kDamaged;
  std::string problem;                  // What is wrong; "" when whole.
  std::optional<SegmentHeader> header;  // nullopt when the header does not verify.
  std::vector<Frame> frames;            // Those that verify, from the first one on.

  // The number after the last of `frames`. REQUIRES: header.
  uint64_t next() const { return header->first + frames.size(); }
  // The chain at the last of `frames`. REQUIRES: header.
  ChainLink link() const;
};

// Never fails: says what holds. `first` is what the key says.
DecodedSegment DecodeSegment(std::string_view bytes, uint64_t first);
// The header alone; nullopt when it does not verify.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

// An object that holds the records `first` to `last`.
struct LogSegment {
  uint64_t first = 0;
  uint64_t last = 0;    // 0: not known, for a segment's key says it only of merged ones.
  bool merged = false;  // Made of several, which it replaces.
  uint64_t size_bytes = 0;
  bool operator==(const LogSegment&) const = default;
};

// Record numbers from `first`, up to but without `next`.
struct NumberRange {
  uint64_t first = 0;
  uint64_t next = 0;
  bool operator==(const NumberRange&) const = default;
};

// The names of one log's objects.
class LogKeys {
 public:
  // REQUIRES: `name` is an id.
  explicit LogKeys(std::string_view name);

  const std::string& prefix() const { return prefix_; }  // "_journal/<name>/"
  std::string ForSegment(const LogSegment& segment) const;
  // nullopt for every other key, and for an object that is too large to be a segment.
  std::optional<LogSegment> ParseSegment(const ObjectInfo& info) const;
  // Where the bytes of a damaged segment are kept that held, or may have held, `range`. Missing
  // records have one too, without bytes.
  std::string ForDamaged(const NumberRange& range, std::string_view bytes) const;
  std::optional<NumberRange> ParseDamaged(std::string_view key) const;

 private:
  std::string prefix_;
};

}  // namespace lakehouse::storage
