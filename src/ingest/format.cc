#include "ingest/format.h"

#include <algorithm>

#include "base/strings.h"
#include "ingest/json_tokenizer.h"

namespace lakehouse::ingest {
namespace {

constexpr size_t kSampleBytes = 256 << 10;
constexpr std::string_view kSupported =
    "; supported are CSV, TSV, JSON, NDJSON, Parquet, plain text and Markdown";

struct Signature {
  size_t offset;
  std::string_view bytes;
  std::string_view name;
};

using namespace std::string_view_literals;

constexpr Signature kSignatures[] = {
    {0, "PARE"sv, "an encrypted Parquet file"},
    {0, "%PDF-"sv, "a PDF document"},
    {0, "\x1F\x8B"sv, "gzip-compressed; unpack it first"},
    {0, "BZh"sv, "bzip2-compressed; unpack it first"},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     "xz-compressed; unpack it first"},
    {0, "\x28\xB5\x2F\xFD"sv, "zstd-compressed; unpack it first"},
    {0, "7z\xBC\xAF\x27\x1C"sv, "a 7z archive; unpack it first"},
    {0, "Rar!\x1A\x07"sv, "a RAR archive; unpack it first"},
    {257, "ustar"sv, "a tar archive; unpack it first"},
    {0, "\x89PNG\r\n\x1A\n"sv, "a PNG image"},
    {0, "\xFF\xD8\xFF"sv, "a JPEG image"},
    {0, "GIF8"sv, "a GIF image"},
    {0,
     "\x7F"
     "ELF"sv,
     "a program (ELF)"},
    {0, "MZ\x90\0"sv, "a program (Windows)"},
    {0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv,
     "an old Microsoft Office document; save it as CSV or text first"},
    {0, "SQLite format 3\0"sv, "an SQLite database"},
    {8, "DUCK"sv, "a DuckDB database"},
    {0, "ORC"sv, "an ORC file"},
    {0, "Obj\x01"sv, "an Avro file"},
    {0, "ARROW1\0\0"sv, "an Arrow file"},
    {0, "OggS"sv, "an Ogg recording"},
    {0, "ID3"sv, "an MP3 recording"},
    {4, "ftyp"sv, "a video (MP4)"},
};

// A file that was cut off lacks the magic at its end, but binary data follows the one at its front;
// a table may have a column PAR1.
bool LooksLikeParquet(std::string_view bytes) {
  constexpr std::string_view kMagic = "PAR1";
  if (!bytes.starts_with(kMagic)) return false;
  const std::string_view front = bytes.substr(kMagic.size(), 64);
  const bool binary = std::any_of(front.begin(), front.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t';
  });
  return binary || front.empty() || bytes.ends_with(kMagic);
}

Status Refusal(std::string_view what) {
  return InvalidArgument("this kind of file cannot be ingested: it is ", what, kSupported);
}

// Office documents are ZIP archives that name their parts near the front.
std::string_view ZipKind(std::string_view bytes) {
  const std::string_view front = bytes.substr(0, 8192);
  const auto holds = [&](std::string_view part) {
    return front.find(part) != std::string_view::npos;
  };
  if (holds("xl/") || holds("opendocument.spreadsheet")) {
    return "a spreadsheet (xlsx or ods); save it as CSV first";
  }
  if (holds("word/") || holds("opendocument.text")) {
    return "a text document (docx or odt); save it as plain text first";
  }
  if (holds("ppt/")) return "a presentation (pptx)";
  return "a ZIP archive; unpack it first";
}

std::string Extension(std::string_view file_name) {
  const size_t dot = file_name.find_last_of("./\\");
  if (dot == std::string_view::npos || file_name[dot] != '.') return "";
  return ToLowerAscii(file_name.substr(dot + 1));
}

bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return EqualsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

Status CheckMarkup(std::string_view text) {
  if (StartsWithIgnoreCase(text, "<!doctype html") || StartsWithIgnoreCase(text, "<html") ||
      StartsWithIgnoreCase(text, "<head")) {
    return Refusal("an HTML page");
  }
  if (StartsWithIgnoreCase(text, "<?xml")) return Refusal("an XML document");
  if (text.starts_with("{\\rtf")) return Refusal("an RTF document; save it as plain text first");
  return OkStatus();
}

// True when the first line of `text` is one whole JSON object.
bool FirstLineIsObject(std::string_view text) {
  JsonTokenizer tokenizer(text.substr(0, text.find('\n')));
  const auto first = tokenizer.Next();
  if (!first.ok() || *first != JsonToken::kObjectBegin || !tokenizer.SkipValue(*first).ok()) {
    return false;
  }
  const auto rest = tokenizer.Next();
  return rest.ok() && *rest == JsonToken::kEnd;
}

// "[1] Smith" is prose; an array of words is JSON as far as its first bytes go.
bool IsArrayOfScalars(std::string_view text) {
  JsonTokenizer tokenizer(text);
  for (int i = 0; i < 8; ++i) {
    const auto token = tokenizer.Next();
    if (!token.ok()) return false;
    if (tokenizer.depth() == 0) {
      const auto rest = tokenizer.Next();
      return rest.ok() && *rest == JsonToken::kEnd;
    }
  }
  return true;
}

// `text` begins with its first visible character; `offset` is where that lies in the whole text.
bool DetectJson(std::string_view text, TextFormat& found) {
  const char opening = text.front();
  if (opening != '{' && opening != '[') return false;
  const std::string_view inside = TrimWhitespace(text.substr(1, 4096));
  const char next = inside.empty() ? '\0' : inside.front();
  found.format = FileFormat::kJson;
  if (opening == '[') {
    found.json_layout = JsonLayout::kArray;
    return next == '{' || next == ']' || next == '\0' || IsArrayOfScalars(text);
  }
  if (next != '"' && next != '}' && next != '\0') return false;
  const size_t line_end = text.find('\n');
  const bool has_more =
      line_end != std::string_view::npos && !TrimWhitespace(text.substr(line_end)).empty();
  if (!has_more || !FirstLineIsObject(text)) {
    found.json_layout = JsonLayout::kDocuments;
    return true;
  }
  found.format = FileFormat::kNdjson;
  found.json_layout = JsonLayout::kLines;
  return true;
}

bool IsHeading(std::string_view line) {
  const size_t marks = line.find_first_not_of('#');
  return marks != std::string_view::npos && marks >= 1 && marks <= 6 && line[marks] == ' ';
}

// Counts what plain text rarely has.
struct MarkdownSigns {
  bool heading_first = false;
  int headings = 0;
  int others = 0;  // Fences, lists, links, emphasis, table rules.
};

MarkdownSigns CountMarkdownSigns(std::string_view sample) {
  MarkdownSigns signs;
  bool first = true;
  for (const std::string_view untrimmed : SplitString(sample, '\n')) {
    const std::string_view line = TrimWhitespace(untrimmed);
    if (line.empty()) continue;
    if (IsHeading(line)) {
      ++signs.headings;
      signs.heading_first = signs.heading_first || first;
    }
    first = false;
    const bool fence = line.starts_with("```");
    const bool item = line.starts_with("- ") || line.starts_with("* ");
    const bool table_rule = line.starts_with("|") && line.find("---") != std::string_view::npos;
    const bool link = line.find("](") != std::string_view::npos;
    const bool strong = line.find("**") != std::string_view::npos;
    if (fence || item || table_rule || link || strong) ++signs.others;
  }
  return signs;
}

bool IsMarkdown(std::string_view sample, std::string_view extension) {
  const MarkdownSigns signs = CountMarkdownSigns(sample);
  if (extension == "md" || extension == "markdown") return true;
  if (extension == "txt" || extension == "text") return false;
  return signs.headings > 0 && signs.headings + signs.others >= 2;
}

}  // namespace

std::string_view FormatName(FileFormat format) {
  switch (format) {
    case FileFormat::kCsv:
      return "csv";
    case FileFormat::kTsv:
      return "tsv";
    case FileFormat::kJson:
      return "json";
    case FileFormat::kNdjson:
      return "ndjson";
    case FileFormat::kParquet:
      return "parquet";
    case FileFormat::kText:
      return "text";
    case FileFormat::kMarkdown:
      return "markdown";
  }
  return "";
}

Result<bool> IsParquet(std::string_view bytes) {
  if (LooksLikeParquet(bytes)) return true;
  if (bytes.starts_with("PK\x03\x04")) return Refusal(ZipKind(bytes));
  for (const Signature& signature : kSignatures) {
    if (bytes.size() > signature.offset &&
        bytes.substr(signature.offset).starts_with(signature.bytes)) {
      return Refusal(signature.name);
    }
  }
  return false;
}

Result<TextFormat> DetectTextFormat(std::string_view text, std::string_view file_name) {
  const size_t begin = text.find_first_not_of(" \t\r\n\v\f");
  if (begin == std::string_view::npos) return InvalidArgument("the file is empty");
  const std::string_view visible = text.substr(begin);
  TRY(CheckMarkup(visible));
  TextFormat found;
  if (DetectJson(visible, found)) return found;

  // A sample that is cut ends with its last whole line.
  std::string_view sample = text.substr(0, kSampleBytes);
  if (sample.size() < text.size()) {
    const size_t last_line_end = sample.find_last_of("\n\r");
    if (last_line_end != std::string_view::npos) sample = sample.substr(0, last_line_end + 1);
  }
  const std::string extension = Extension(file_name);
  const bool named_table = extension == "csv" || extension == "tsv" || extension == "tab";
  const bool named_prose = extension == "md" || extension == "markdown";
  found.csv = SniffCsv(sample);
  const bool table = found.csv.looks_tabular && !CountMarkdownSigns(sample).heading_first;
  if (named_table || (table && !named_prose)) {
    found.format = found.csv.dialect.delimiter == '\t' ? FileFormat::kTsv : FileFormat::kCsv;
    return found;
  }
  found.format = IsMarkdown(sample, extension) ? FileFormat::kMarkdown : FileFormat::kText;
  return found;
}

}  // namespace lakehouse::ingest
