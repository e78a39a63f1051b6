// Which characters the bytes of a file stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/status.h"
#include "ingest/work_files.h"

namespace lakehouse::ingest {

// How text is written. kLatin1 also stands for Windows-1252, which agrees with it wherever both
// have printable characters.
enum class Encoding { kUtf8, kUtf16Le, kUtf16Be, kLatin1 };

// "utf-8", "utf-16le", "utf-16be" or "latin-1".
std::string_view EncodingName(Encoding encoding);

// Counts over bytes that may be UTF-8.
struct ByteStatistics {
  uint64_t size_bytes = 0;
  uint64_t newlines = 0;
  uint64_t multibyte_characters = 0;  // Well-formed sequences of two to four bytes.
  uint64_t invalid_bytes = 0;         // Bytes that belong to no well-formed sequence.
  uint64_t control_characters = 0;    // C0 controls and DEL, without white space and ESC.
  uint64_t undefined_in_cp1252 = 0;   // 81, 8D, 8F, 90 and 9D outside well-formed sequences.
  std::optional<uint64_t> first_nul;  // Offset.
  uint64_t first_nul_line = 0;
  std::optional<uint64_t> first_invalid;  // Offset.
  uint64_t first_invalid_line = 0;
};

// Counts every byte of `bytes`; stops early at a NUL.
Result<ByteStatistics> CountBytes(std::string_view bytes, const CancelToken& cancel);

// Tells text from its bytes:
// 1. A byte order mark decides. UTF-32 is refused by name.
// 2. Without one, NUL bytes that stand only at odd (even) offsets mean UTF-16 LE (BE).
// 3. Well-formed UTF-8 is UTF-8.
// 4. Text with more well-formed multi-byte characters than stray bytes is damaged UTF-8: an error
//    that names the first damaged line. Otherwise it is Latin-1.
// NUL bytes or more than one control character in a hundred bytes mean binary data: an error.
// All errors are kInvalidArgument.
Result<Encoding> DetectEncoding(std::string_view bytes, const CancelToken& cancel);

// kInvalidArgument when text that was transcoded to UTF-8 holds NUL or too many control characters.
Status CheckText(std::string_view utf8, const CancelToken& cancel);

// Returns how many bytes the byte order mark at the front takes; 0 without one.
size_t ByteOrderMarkSize(std::string_view bytes, Encoding encoding);

// Writes `bytes`, which are in `encoding`, as UTF-8 without a byte order mark to a new file at
// `path`. kInvalidArgument names the offset of what cannot be read.
Status TranscodeToUtf8(std::string_view bytes, Encoding encoding, const WorkDirectory& directory,
                       const std::string& path, const CancelToken& cancel);

}  // namespace lakehouse::ingest
