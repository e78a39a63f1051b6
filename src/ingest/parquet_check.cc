#include "ingest/parquet_check.h"

#include <algorithm>

#include "base/strings.h"
#include "ingest/thrift_compact.h"

namespace lakehouse::ingest {
namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr uint64_t kTailBytes = 8;  // Length of the footer and the magic.
constexpr uint64_t kMaxFooterBytes = 256 << 20;
constexpr uint64_t kMaxPageBytes = 512 << 20;
constexpr uint64_t kFreePageBytes = 16 << 20;  // Any page may be that large.
constexpr uint64_t kMaxPageRatio = 1024;       // A larger one: by its compressed size.
constexpr int kMaxSchemaDepth = 32;

enum Codec { kUncompressed = 0, kLzo = 3, kBrotli = 4, kLastCodec = 7 };
enum PageType { kDataPage = 0, kIndexPage = 1, kDictionaryPage = 2, kDataPageV2 = 3 };

struct SchemaElement {
  std::string name;
  bool has_type = false;
  bool repeated = false;
  int64_t children = 0;
};

struct ColumnChunk {
  bool has_metadata = false;
  bool external = false;
  bool encrypted = false;
  int64_t codec = 0;
  int64_t values = 0;
  int64_t compressed_bytes = 0;
  int64_t data_page_offset = 0;
  int64_t dictionary_page_offset = 0;
};

struct RowGroup {
  std::vector<ColumnChunk> columns;
  int64_t rows = 0;
};

struct Footer {
  std::vector<SchemaElement> schema;
  std::vector<RowGroup> row_groups;
  int64_t rows = 0;
  bool encrypted = false;
};

struct Leaf {
  std::string path;
  bool repeated = false;  // Itself or something above it.
};

Status Broken(std::string_view what) {
  return InvalidArgument("the Parquet file is damaged: ", what);
}

SchemaElement ReadSchemaElement(ThriftReader& reader) {
  SchemaElement element;
  reader.BeginStruct();
  for (ThriftReader::Field field; reader.NextField(field);) {
    switch (field.id) {
      case 1:
        element.has_type = true;
        reader.Skip(field);
        break;
      case 3:
        element.repeated = reader.Int(field) == 2;
        break;
      case 4:
        element.name = reader.Binary(field);
        break;
      case 5:
        element.children = reader.Int(field);
        break;
      default:
        reader.Skip(field);
    }
  }
  return element;
}

void ReadColumnMetadata(ThriftReader& reader, ColumnChunk& chunk) {
  chunk.has_metadata = true;
  reader.BeginStruct();
  for (ThriftReader::Field field; reader.NextField(field);) {
    switch (field.id) {
      case 4:
        chunk.codec = reader.Int(field);
        break;
      case 5:
        chunk.values = reader.Int(field);
        break;
      case 7:
        chunk.compressed_bytes = reader.Int(field);
        break;
      case 9:
        chunk.data_page_offset = reader.Int(field);
        break;
      case 11:
        chunk.dictionary_page_offset = reader.Int(field);
        break;
      default:
        reader.Skip(field);
    }
  }
}

ColumnChunk ReadColumnChunk(ThriftReader& reader) {
  ColumnChunk chunk;
  reader.BeginStruct();
  for (ThriftReader::Field field; reader.NextField(field);) {
    if (field.id == 3 && field.type == ThriftType::kStruct) {
      ReadColumnMetadata(reader, chunk);
      continue;
    }
    chunk.external = chunk.external || field.id == 1;
    chunk.encrypted = chunk.encrypted || field.id == 8 || field.id == 9;
    reader.Skip(field);
  }
  return chunk;
}

RowGroup ReadRowGroup(ThriftReader& reader) {
  RowGroup group;
  reader.BeginStruct();
  for (ThriftReader::Field field; reader.NextField(field);) {
    if (field.id == 1) {
      const uint64_t count = reader.List(field, ThriftType::kStruct);
      for (uint64_t i = 0; reader.ok() && i < count; ++i) {
        group.columns.push_back(ReadColumnChunk(reader));
      }
    } else if (field.id == 3) {
      group.rows = reader.Int(field);
    } else {
      reader.Skip(field);
    }
  }
  return group;
}

Result<Footer> ReadFooter(std::string_view bytes) {
  ThriftReader reader(bytes);
  Footer footer;
  reader.BeginStruct();
  for (ThriftReader::Field field; reader.NextField(field);) {
    if (field.id == 2) {
      const uint64_t count = reader.List(field, ThriftType::kStruct);
      for (uint64_t i = 0; reader.ok() && i < count; ++i) {
        footer.schema.push_back(ReadSchemaElement(reader));
      }
    } else if (field.id == 3) {
      footer.rows = reader.Int(field);
    } else if (field.id == 4) {
      const uint64_t count = reader.List(field, ThriftType::kStruct);
      for (uint64_t i = 0; reader.ok() && i < count; ++i) {
        footer.row_groups.push_back(ReadRowGroup(reader));
      }
    } else {
      footer.encrypted = footer.encrypted || field.id == 8;
      reader.Skip(field);
    }
  }
  if (!reader.ok()) return Broken("its footer cannot be read");
  return footer;
}

// Walks the schema, which lists every node before its children.
class SchemaWalk {
 public:
  explicit SchemaWalk(const std::vector<SchemaElement>& schema) : schema_(schema) {}

  Status Run(std::vector<std::string>& columns) {
    if (schema_.empty() || schema_[0].children <= 0) return Broken("its schema has no column");
    next_ = 1;
    for (int64_t i = 0; i < schema_[0].children; ++i) {
      if (next_ < schema_.size()) columns.push_back(schema_[next_].name);
      TRY(Visit("", false, 1));
    }
    return next_ == schema_.size() ? OkStatus() : Broken("its schema has loose ends");
  }

  const std::vector<Leaf>& leaves() const { return leaves_; }

 private:
  Status Visit(const std::string& path, bool repeated, int depth) {
    if (next_ >= schema_.size() || depth > kMaxSchemaDepth) {
      return Broken("its schema does not add up");
    }
    const SchemaElement& element = schema_[next_++];
    if (!IsValidUtf8(element.name) || element.name.find('\0') != std::string::npos) {
      return Broken("a column's name is not text");
    }
    const std::string name = path.empty() ? element.name : StrCat(path, ".", element.name);
    repeated = repeated || element.repeated;
    if (element.has_type) {
      if (element.children != 0) return Broken("a column of values has columns below it");
      leaves_.push_back({name, repeated});
      return OkStatus();
    }
    if (element.children <= 0) return Broken("its schema has a group without columns");
    for (int64_t i = 0; i < element.children; ++i) TRY(Visit(name, repeated, depth + 1));
    return OkStatus();
  }

  const std::vector<SchemaElement>& schema_;
  size_t next_ = 0;
  std::vector<Leaf> leaves_;
};

struct PageHeader {
  int64_t type = -1;
  int64_t uncompressed_bytes = -1;
  int64_t compressed_bytes = -1;
  int64_t values = -1;  // Of a data page.
  size_t header_bytes = 0;
};

Result<PageHeader> ReadPageHeader(std::string_view bytes) {
  ThriftReader reader(bytes);
  PageHeader page;
  reader.BeginStruct();
  for (ThriftReader::Field field; reader.NextField(field);) {
    const bool data_header = (field.id == 5 || field.id == 8) && field.type == ThriftType::kStruct;
    if (field.id == 1) {
      page.type = reader.Int(field);
    } else if (field.id == 2) {
      page.uncompressed_bytes = reader.Int(field);
    } else if (field.id == 3) {
      page.compressed_bytes = reader.Int(field);
    } else if (data_header) {
      reader.BeginStruct();
      for (ThriftReader::Field inner; reader.NextField(inner);) {
        if (inner.id == 1) {
          page.values = reader.Int(inner);
        } else {
          reader.Skip(inner);
        }
      }
    } else {
      reader.Skip(field);
    }
  }
  if (!reader.ok()) return Broken("a page's header cannot be read");
  page.header_bytes = reader.position();
  return page;
}

Status CheckPageSizes(const PageHeader& page, int64_t codec, uint64_t left_bytes) {
  if (page.compressed_bytes < 0 || page.uncompressed_bytes < 0 ||
      static_cast<uint64_t>(page.compressed_bytes) > left_bytes) {
    return Broken("a page reaches beyond its column");
  }
  const auto compressed = static_cast<uint64_t>(page.compressed_bytes);
  const auto uncompressed = static_cast<uint64_t>(page.uncompressed_bytes);
  if (codec == kUncompressed && compressed != uncompressed) {
    return Broken("a page that is not compressed has two sizes");
  }
  if (uncompressed > kMaxPageBytes ||
      (uncompressed > kFreePageBytes && uncompressed / kMaxPageRatio > compressed)) {
    return InvalidArgument("the Parquet file asks for too much memory: a page of ", compressed,
                           " bytes claims to hold ", uncompressed);
  }
  return OkStatus();
}

// Walks the pages of one column chunk.
Status CheckPages(std::string_view data, const ColumnChunk& chunk) {
  int64_t start = chunk.data_page_offset;
  if (chunk.dictionary_page_offset > 0) start = std::min(start, chunk.dictionary_page_offset);
  const auto size = static_cast<int64_t>(data.size());
  if (start < static_cast<int64_t>(kMagic.size()) || start > size || chunk.compressed_bytes < 0 ||
      chunk.compressed_bytes > size - start) {
    return Broken("a column lies outside of the file");
  }
  std::string_view rest =
      data.substr(static_cast<size_t>(start), static_cast<size_t>(chunk.compressed_bytes));
  int64_t values = 0;
  while (!rest.empty()) {
    ASSIGN_OR_RETURN(const PageHeader page, ReadPageHeader(rest));
    rest.remove_prefix(page.header_bytes);
    TRY(CheckPageSizes(page, chunk.codec, rest.size()));
    rest.remove_prefix(static_cast<size_t>(page.compressed_bytes));
    if (page.type != kDataPage && page.type != kDataPageV2) continue;
    if (page.values < 0 || page.values > chunk.values - values) {
      return Broken("a page holds more values than its column");
    }
    values += page.values;
  }
  return values == chunk.values ? OkStatus() : Broken("a column holds fewer values than it says");
}

Status CheckChunk(std::string_view data, const ColumnChunk& chunk, const Leaf& leaf,
                  int64_t group_rows) {
  if (chunk.external) return InvalidArgument("the Parquet file keeps columns in other files");
  if (chunk.encrypted) return InvalidArgument("the Parquet file is encrypted");
  if (!chunk.has_metadata) return Broken("a column is not described");
  if (chunk.codec == kBrotli) {
    return InvalidArgument(
        "the Parquet file is compressed with BROTLI, which is not accepted; write it with ZSTD or "
        "SNAPPY");
  }
  if (chunk.codec < 0 || chunk.codec > kLastCodec || chunk.codec == kLzo) {
    return InvalidArgument("the Parquet file is compressed with a codec that is not supported: ",
                           chunk.codec);
  }
  if (chunk.values < 0 || (!leaf.repeated && chunk.values != group_rows)) {
    return Broken("a column has another number of values than there are rows");
  }
  return CheckPages(data, chunk);
}

}  // namespace

Result<ParquetSummary> CheckParquet(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + kTailBytes || !bytes.starts_with(kMagic) ||
      !bytes.ends_with(kMagic)) {
    return Broken("it does not begin and end with PAR1; it may be cut off");
  }
  uint64_t footer_bytes = 0;
  for (size_t i = 0; i < 4; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - kTailBytes + i]);
    footer_bytes |= static_cast<uint64_t>(byte) << (8 * i);
  }
  if (footer_bytes == 0 || footer_bytes > kMaxFooterBytes ||
      footer_bytes > bytes.size() - kMagic.size() - kTailBytes) {
    return Broken(StrCat("the length of its footer cannot be right: ", footer_bytes));
  }
  const std::string_view data = bytes.substr(0, bytes.size() - kTailBytes - footer_bytes);
  ASSIGN_OR_RETURN(const Footer footer, ReadFooter(bytes.substr(data.size(), footer_bytes)));
  if (footer.encrypted) return InvalidArgument("the Parquet file is encrypted");

  ParquetSummary summary;
  SchemaWalk schema(footer.schema);
  TRY(schema.Run(summary.columns));
  int64_t rows = 0;
  for (const RowGroup& group : footer.row_groups) {
    if (group.rows < 0 || group.rows > footer.rows - rows) return Broken("its rows do not add up");
    rows += group.rows;
    if (group.columns.size() != schema.leaves().size()) {
      return Broken("a row group has another number of columns than the schema");
    }
    for (size_t i = 0; i < group.columns.size(); ++i) {
      const Leaf& leaf = schema.leaves()[i];
      TRY(CheckChunk(data, group.columns[i], leaf, group.rows)
              .Annotate(StrCat("column ", QuoteForMessage(leaf.path))));
    }
  }
  if (rows != footer.rows) return Broken("its rows do not add up");
  summary.rows = static_cast<uint64_t>(rows);
  return summary;
}

}  // namespace lakehouse::ingest
