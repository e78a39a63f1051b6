#include "ingest/encoding.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <iconv.h>

#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

constexpr size_t kBlockBytes = 1 << 20;
constexpr size_t kUtf16SampleBytes = 1 << 16;

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kUtf16LeMark = "\xFF\xFE";
constexpr std::string_view kUtf16BeMark = "\xFE\xFF";
constexpr std::string_view kUtf32LeMark{"\xFF\xFE\0\0", 4};
constexpr std::string_view kUtf32BeMark{"\0\0\xFE\xFF", 4};

bool IsControl(unsigned char byte) {
  if (byte == 0x7F) return true;
  return byte < 0x20 && !(byte >= '\t' && byte <= '\r') && byte != 0x1B;
}

bool IsUndefinedInCp1252(unsigned char byte) {
  return byte == 0x81 || byte == 0x8D || byte == 0x8F || byte == 0x90 || byte == 0x9D;
}

// True when all eight bytes are printable ASCII or DEL: nothing to count.
bool IsPlainWord(const char* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  constexpr uint64_t kHigh = 0x8080808080808080;
  constexpr uint64_t kSpaces = 0x2020202020202020;
  constexpr uint64_t kDeletes = 0x7F7F7F7F7F7F7F7F;
  const uint64_t below_space = (word - kSpaces) & ~word & kHigh;
  const uint64_t is_delete = ((word ^ kDeletes) - 0x0101010101010101) & ~(word ^ kDeletes) & kHigh;
  return ((word & kHigh) | below_space | is_delete) == 0;
}

void CountHighByte(std::string_view bytes, size_t& position, ByteStatistics& statistics) {
  const size_t length = Utf8SequenceLength(bytes.substr(position));
  if (length > 0) {
    ++statistics.multibyte_characters;
    position += length;
    return;
  }
  if (!statistics.first_invalid) {
    statistics.first_invalid = position;
    statistics.first_invalid_line = statistics.newlines + 1;
  }
  ++statistics.invalid_bytes;
  if (IsUndefinedInCp1252(static_cast<unsigned char>(bytes[position]))) {
    ++statistics.undefined_in_cp1252;
  }
  ++position;
}

// Recognises UTF-16 without a mark: text has many characters below 256, whose other byte is NUL.
std::optional<Encoding> DetectUtf16(std::string_view bytes) {
  if (bytes.size() < 4 || bytes.size() % 2 != 0) return std::nullopt;
  const std::string_view sample = bytes.substr(0, std::min(bytes.size(), kUtf16SampleBytes));
  std::array<size_t, 2> nuls{};
  for (size_t i = 0; i < sample.size(); ++i) nuls[i % 2] += sample[i] == '\0' ? 1 : 0;
  const size_t enough = std::max<size_t>(2, sample.size() / 2 / 5);
  if (nuls[0] == 0 && nuls[1] >= enough) return Encoding::kUtf16Le;
  if (nuls[1] == 0 && nuls[0] >= enough) return Encoding::kUtf16Be;
  return std::nullopt;
}

bool HasTooManyControls(const ByteStatistics& statistics) {
  return statistics.control_characters + statistics.undefined_in_cp1252 >
         2 + statistics.size_bytes / 100;
}

Status CheckIsText(const ByteStatistics& statistics) {
  if (statistics.first_nul) {
    return InvalidArgument(
        "the file is binary or damaged: expected text, found a NUL byte in line ",
        statistics.first_nul_line, " at offset ", *statistics.first_nul);
  }
  if (HasTooManyControls(statistics)) {
    return InvalidArgument(
        "the file is binary: expected text, found this many control characters: ",
        statistics.control_characters + statistics.undefined_in_cp1252);
  }
  return OkStatus();
}

const char* IconvName(Encoding encoding, const ByteStatistics& statistics) {
  switch (encoding) {
    case Encoding::kUtf16Le:
      return "UTF-16LE";
    case Encoding::kUtf16Be:
      return "UTF-16BE";
    case Encoding::kUtf8:
      return "UTF-8";
    case Encoding::kLatin1:
      return statistics.undefined_in_cp1252 == 0 ? "CP1252" : "ISO-8859-1";
  }
  return nullptr;
}

struct CloseIconv {
  void operator()(void* handle) const { ::iconv_close(handle); }
};

}  // namespace

std::string_view EncodingName(Encoding encoding) {
  switch (encoding) {
    case Encoding::kUtf8:
      return "utf-8";
    case Encoding::kUtf16Le:
      return "utf-16le";
    case Encoding::kUtf16Be:
      return "utf-16be";
    case Encoding::kLatin1:
      return "latin-1";
  }
  return "";
}

Result<ByteStatistics> CountBytes(std::string_view bytes, const CancelToken& cancel) {
  ByteStatistics statistics;
  statistics.size_bytes = bytes.size();
  size_t position = 0;
  size_t next_check = kBlockBytes;
  while (position < bytes.size()) {
    if (position >= next_check) {
      TRY(cancel.Check());
      next_check = position + kBlockBytes;
    }
    if (position + 8 <= bytes.size() && IsPlainWord(bytes.data() + position)) {
      position += 8;
      continue;
    }
    const size_t word_end = std::min(position + 8, bytes.size());
    while (position < word_end) {
      const auto byte = static_cast<unsigned char>(bytes[position]);
      if (byte >= 0x80) {
        CountHighByte(bytes, position, statistics);
        continue;
      }
      if (byte == '\n') {
        ++statistics.newlines;
      } else if (byte == '\0') {
        statistics.first_nul = position;
        statistics.first_nul_line = statistics.newlines + 1;
        return statistics;
      } else if (IsControl(byte)) {
        ++statistics.control_characters;
      }
      ++position;
    }
  }
  return statistics;
}

Result<Encoding> DetectEncoding(std::string_view bytes, const CancelToken& cancel) {
  if (bytes.starts_with(kUtf32LeMark) || bytes.starts_with(kUtf32BeMark)) {
    return InvalidArgument(
        "the file is UTF-32, which is not supported; save it as UTF-8 and send it again");
  }
  if (bytes.starts_with(kUtf16LeMark)) return Encoding::kUtf16Le;
  if (bytes.starts_with(kUtf16BeMark)) return Encoding::kUtf16Be;
  if (!bytes.starts_with(kUtf8Mark)) {
    if (const auto utf16 = DetectUtf16(bytes)) return *utf16;
  }
  ASSIGN_OR_RETURN(const ByteStatistics statistics, CountBytes(bytes, cancel));
  TRY(CheckIsText(statistics));
  if (statistics.invalid_bytes == 0) return Encoding::kUtf8;
  if (statistics.multibyte_characters > statistics.invalid_bytes) {
    return InvalidArgument(
        "the file is damaged UTF-8: the first byte that fits no character is in "
        "line ",
        statistics.first_invalid_line, " at offset ", *statistics.first_invalid);
  }
  return Encoding::kLatin1;
}

Status CheckText(std::string_view utf8, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const ByteStatistics statistics, CountBytes(utf8, cancel));
  return CheckIsText(statistics);
}

size_t ByteOrderMarkSize(std::string_view bytes, Encoding encoding) {
  switch (encoding) {
    case Encoding::kUtf8:
      return bytes.starts_with(kUtf8Mark) ? kUtf8Mark.size() : 0;
    case Encoding::kUtf16Le:
      return bytes.starts_with(kUtf16LeMark) ? kUtf16LeMark.size() : 0;
    case Encoding::kUtf16Be:
      return bytes.starts_with(kUtf16BeMark) ? kUtf16BeMark.size() : 0;
    case Encoding::kLatin1:
      return 0;
  }
  return 0;
}

Status TranscodeToUtf8(std::string_view bytes, Encoding encoding, const WorkDirectory& directory,
                       const std::string& path, const CancelToken& cancel) {
  ByteStatistics statistics;
  if (encoding == Encoding::kLatin1) {
    ASSIGN_OR_RETURN(statistics, CountBytes(bytes, cancel));
  }
  const iconv_t handle = ::iconv_open("UTF-8", IconvName(encoding, statistics));
  if (handle == reinterpret_cast<iconv_t>(-1)) {
    return Internal("iconv does not know the encoding ", EncodingName(encoding));
  }
  const std::unique_ptr<void, CloseIconv> closer(handle);
  ASSIGN_OR_RETURN(const auto writer, WorkWriter::Create(directory, path));

  const size_t mark = ByteOrderMarkSize(bytes, encoding);
  std::string out(kBlockBytes, '\0');
  // iconv takes a pointer to mutable input but does not write to it.
  char* input = const_cast<char*>(bytes.data()) + mark;
  size_t input_left = bytes.size() - mark;
  while (input_left > 0) {
    TRY(cancel.Check());
    char* output = out.data();
    size_t output_left = out.size();
    const size_t result = ::iconv(handle, &input, &input_left, &output, &output_left);
    const int error = errno;
    TRY(writer->Append(std::string_view(out.data(), out.size() - output_left)));
    if (result == static_cast<size_t>(-1) && error != E2BIG) {
      return InvalidArgument("the file is damaged ", EncodingName(encoding),
                             ": no character can be read at offset ", bytes.size() - input_left);
    }
  }
  return writer->Finish();
}

}  // namespace lakehouse::ingest
