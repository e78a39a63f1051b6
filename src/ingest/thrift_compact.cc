#include "ingest/thrift_compact.h"

namespace lakehouse::ingest {

void ThriftReader::Fail() {
  ok_ = false;
  position_ = bytes_.size();
}

uint8_t ThriftReader::Byte() {
  if (position_ >= bytes_.size()) {
    Fail();
    return 0;
  }
  return static_cast<uint8_t>(bytes_[position_++]);
}

uint64_t ThriftReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = Byte();
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return ok_ ? value : 0;
  }
  Fail();
  return 0;
}

int64_t ThriftReader::ZigZag() {
  const uint64_t value = Varint();
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

std::string_view ThriftReader::Take(uint64_t size) {
  if (size > bytes_.size() - position_) {
    Fail();
    return {};
  }
  const std::string_view taken = bytes_.substr(position_, size);
  position_ += size;
  return taken;
}

void ThriftReader::BeginStruct() {
  if (depth_ == kMaxDepth) return Fail();
  field_ids_[++depth_] = 0;
}

bool ThriftReader::NextField(Field& field) {
  const uint8_t header = Byte();
  field.type = static_cast<ThriftType>(header & 0x0F);
  if (!ok_ || field.type == ThriftType::kStop) {
    if (depth_ > 0) --depth_;
    return false;
  }
  const int delta = header >> 4;
  field.id = delta != 0 ? field_ids_[depth_] + delta : static_cast<int16_t>(ZigZag());
  field_ids_[depth_] = field.id;
  return ok_;
}

int64_t ThriftReader::Int(const Field& field) {
  switch (field.type) {
    case ThriftType::kInt16:
    case ThriftType::kInt32:
    case ThriftType::kInt64:
      return ZigZag();
    default:
      Fail();
      return 0;
  }
}

std::string_view ThriftReader::Binary(const Field& field) {
  if (field.type == ThriftType::kBinary) return BinaryElement();
  Fail();
  return {};
}

std::string_view ThriftReader::BinaryElement() { return Take(Varint()); }

uint64_t ThriftReader::ListHeader(ThriftType& element) {
  const uint8_t header = Byte();
  element = static_cast<ThriftType>(header & 0x0F);
  const uint64_t count = (header >> 4) == 15 ? Varint() : header >> 4;
  // Every element takes at least one byte.
  if (count > bytes_.size() - position_) {
    Fail();
    return 0;
  }
  return count;
}

uint64_t ThriftReader::List(const Field& field, ThriftType element) {
  if (field.type != ThriftType::kList) {
    Fail();
    return 0;
  }
  ThriftType found = ThriftType::kStop;
  const uint64_t count = ListHeader(found);
  if (ok_ && count > 0 && found != element) Fail();
  return ok_ ? count : 0;
}

void ThriftReader::SkipElements(ThriftType type, uint64_t count) {
  for (uint64_t i = 0; ok_ && i < count; ++i) {
    // A boolean is in the type of a field, but a byte of its own in a list.
    if (type == ThriftType::kTrue || type == ThriftType::kFalse) {
      Byte();
    } else {
      SkipValue(type);
    }
  }
}

void ThriftReader::SkipValue(ThriftType type) {
  if (!ok_) return;
  switch (type) {
    case ThriftType::kTrue:
    case ThriftType::kFalse:
      return;
    case ThriftType::kByte:
      Byte();
      return;
    case ThriftType::kInt16:
    case ThriftType::kInt32:
    case ThriftType::kInt64:
      Varint();
      return;
    case ThriftType::kDouble:
      Take(8);
      return;
    case ThriftType::kBinary:
      BinaryElement();
      return;
    default:
      break;
  }
  if (depth_ == kMaxDepth) return Fail();
  if (type == ThriftType::kStruct) {
    BeginStruct();
    for (Field field; NextField(field);) SkipValue(field.type);
    return;
  }
  ++depth_;
  if (type == ThriftType::kList || type == ThriftType::kSet) {
    ThriftType element = ThriftType::kStop;
    const uint64_t count = ListHeader(element);
    SkipElements(element, count);
  } else if (type == ThriftType::kMap) {
    const uint64_t count = Varint();
    const uint8_t types = count == 0 ? 0 : Byte();
    if (count > bytes_.size() - position_) Fail();
    for (uint64_t i = 0; ok_ && i < count; ++i) {
      SkipElements(static_cast<ThriftType>(types >> 4), 1);
      SkipElements(static_cast<ThriftType>(types & 0x0F), 1);
    }
  } else {
    Fail();
  }
  --depth_;
}

}  // namespace lakehouse::ingest
