// Reads the Thrift compact protocol, in which Parquet writes its metadata.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
#pragma once

#include <cstdint>
#include <string_view>

namespace lakehouse::ingest {

// Types as the protocol numbers them.
enum class ThriftType : uint8_t {
  kStop = 0,
  kTrue = 1,
  kFalse = 2,
  kByte = 3,
  kInt16 = 4,
  kInt32 = 5,
  kInt64 = 6,
  kDouble = 7,
  kBinary = 8,
  kList = 9,
  kSet = 10,
  kMap = 11,
  kStruct = 12,
};

// Reads untrusted bytes: never beyond their end, never deeper than 32 levels. The first error
// sticks: every later read gives zero, no text and kStop, so that loops end; callers look at ok()
// when they are done. Borrows its bytes. Not thread-safe.
class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }

  // A struct: call BeginStruct, then NextField until it returns false; read or Skip each field.
  struct Field {
    int id = 0;
    ThriftType type = ThriftType::kStop;
  };
  void BeginStruct();
  bool NextField(Field& field);

  // Reads a value of the field's type; another type than expected is an error.
  int64_t Int(const Field& field);
  std::string_view Binary(const Field& field);
  // Returns the number of elements, which are of type `element`; no more than bytes are left.
  uint64_t List(const Field& field, ThriftType element);
  std::string_view BinaryElement();
  void Skip(const Field& field) { SkipValue(field.type); }

 private:
  static constexpr int kMaxDepth = 32;

  void Fail();
  uint8_t Byte();
  uint64_t Varint();
  int64_t ZigZag();
  std::string_view Take(uint64_t size);
  void SkipValue(ThriftType type);
  void SkipElements(ThriftType type, uint64_t count);
  uint64_t ListHeader(ThriftType& element);

  const std::string_view bytes_;
  size_t position_ = 0;
  bool ok_ = true;
  int depth_ = 0;
  int field_ids_[kMaxDepth + 1] = {};  // Last field's number at every open level.
};

}  // namespace lakehouse::ingest
