#include "search/embedding_store.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "storage/object_reader.h"

namespace lakehouse::search {

namespace {

// On a remote bucket each read is a request.
constexpr size_t kReadBytes = size_t{8} << 20;

// Removes the file, if it is still there, at the end of a scope.
class ScopedFile {
 public:
  explicit ScopedFile(std::string path) : path_(std::move(path)) {}
  ~ScopedFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScopedFile(const ScopedFile&) = delete;
  ScopedFile& operator=(const ScopedFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

std::string IndexPrefix(const IndexName& name) { return StrCat("vectors/", name, "/"); }

sql::ColumnVector ColumnOf(sql::ColumnKind kind, std::string_view name, size_t rows) {
  sql::ColumnVector column;
  column.kind = kind;
  column.name = name;
  column.valid.assign(rows, 1);
  return column;
}

sql::ColumnVector TextColumn(std::string_view name, std::vector<std::string> texts) {
  sql::ColumnVector column = ColumnOf(sql::ColumnKind::kText, name, texts.size());
  column.texts = std::move(texts);
  return column;
}

sql::ColumnVector IntColumn(std::string_view name, std::vector<int64_t> ints) {
  sql::ColumnVector column = ColumnOf(sql::ColumnKind::kInt64, name, ints.size());
  column.ints = std::move(ints);
  return column;
}

sql::ColumnVector VectorColumn(std::vector<float> floats, size_t rows) {
  sql::ColumnVector column = ColumnOf(sql::ColumnKind::kFloatList, "embedding", rows);
  column.list_size = floats.size() / rows;
  column.floats = std::move(floats);
  return column;
}

sql::ColumnBatch ToBatch(ChunkTable chunks) {
  sql::ColumnBatch batch;
  batch.rows = chunks.size();
  batch.columns.push_back(TextColumn("doc_id", std::move(chunks.doc_ids)));
  batch.columns.push_back(IntColumn("chunk_idx", std::move(chunks.chunk_idxs)));
  batch.columns.push_back(TextColumn("text", std::move(chunks.texts)));
  batch.columns.push_back(IntColumn("begin", std::move(chunks.begins)));
  batch.columns.push_back(IntColumn("end", std::move(chunks.ends)));
  batch.columns.push_back(TextColumn("content_hash", std::move(chunks.content_hashes)));
  batch.columns.push_back(VectorColumn(std::move(chunks.vectors), batch.rows));
  return batch;
}

constexpr std::string_view kScanColumns = R"(doc_id, chunk_idx, text, "begin", "end", embedding)";

template <typename T>
void MoveInto(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Appends a batch of a scan of kScanColumns. False when its shape is not that of a part.
bool AppendBatch(sql::ColumnBatch& batch, size_t dimensions, ChunkTable& chunks) {
  using sql::ColumnKind;
  static constexpr std::array<ColumnKind, 6> kKinds = {ColumnKind::kText,  ColumnKind::kInt64,
                                                       ColumnKind::kText,  ColumnKind::kInt64,
                                                       ColumnKind::kInt64, ColumnKind::kFloatList};
  auto& columns = batch.columns;
  if (columns.size() != kKinds.size() || columns[5].list_size != dimensions) return false;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].kind != kKinds[i] || std::ranges::count(columns[i].valid, 0) != 0) return false;
  }
  MoveInto(chunks.doc_ids, columns[0].texts);
  MoveInto(chunks.chunk_idxs, columns[1].ints);
  MoveInto(chunks.texts, columns[2].texts);
  MoveInto(chunks.begins, columns[3].ints);
  MoveInto(chunks.ends, columns[4].ints);
  MoveInto(chunks.vectors, columns[5].floats);
  return true;
}

Status ChecksumFile(const std::string& path, EmbeddingPart& part) {
  std::ifstream file(path, std::ios::binary);
  std::string buffer(kReadBytes, '\0');
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) ||
         file.gcount() > 0) {
    const std::string_view piece(buffer.data(), static_cast<size_t>(file.gcount()));
    part.crc32c = Crc32c(piece, part.crc32c);
    part.size_bytes += piece.size();
  }
  if (!file.eof()) return Unavailable("the part that was just written cannot be read back");
  return OkStatus();
}

Status VerifyObject(const storage::BucketRegistry& buckets, const BucketName& bucket,
                    const EmbeddingPart& part, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const auto object,
                   storage::ObjectReader::Open(buckets, bucket, part.key, {.write_once = true}));
  const uint64_t size_bytes = object->info().size_bytes;
  if (size_bytes != part.size_bytes) {
    return Internal("embeddings are damaged: the index names ", part.size_bytes,
                    " bytes, the object has ", size_bytes, ": ", part.key);
  }
  std::string buffer(std::min<uint64_t>(kReadBytes, part.size_bytes), '\0');
  uint32_t crc32c = 0;
  for (uint64_t offset = 0; offset < part.size_bytes;) {
    TRY(cancel.Check());
    ASSIGN_OR_RETURN(const size_t read, object->ReadAt(offset, buffer.data(), buffer.size()));
    if (read == 0) return Internal("embeddings are damaged: the object shrank: ", part.key);
    crc32c = Crc32c(std::string_view(buffer).substr(0, read), crc32c);
    offset += read;
  }
  if (crc32c != part.crc32c) {
    return Internal("embeddings are damaged: the checksum differs from the index's: ", part.key);
  }
  return OkStatus();
}

// Deletes the objects under `prefix` whose key is not in `keep`.
Status RemoveObjects(storage::ObjectStore& store, const std::string& prefix,
                     const std::set<std::string>& keep) {
  ASSIGN_OR_RETURN(const std::vector<storage::ObjectInfo> objects, store.List(prefix));
  std::vector<std::string> keys;
  for (const storage::ObjectInfo& object : objects) {
    if (!keep.contains(object.key)) keys.push_back(object.key);
  }
  return store.DeleteMany(keys);
}

}  // namespace

Result<std::unique_ptr<EmbeddingStore>> EmbeddingStore::Open(const std::string& work_dir,
                                                             storage::BucketRegistry& buckets,
                                                             sql::Engine& engine) {
  std::error_code error;
  std::filesystem::remove_all(work_dir, error);
  if (!error) std::filesystem::create_directories(work_dir, error);
  if (error) {
    return Unavailable("the working directory of search cannot be prepared: ", error.message());
  }
  return std::unique_ptr<EmbeddingStore>(new EmbeddingStore(work_dir, buckets, engine));
}

Result<EmbeddingPart> EmbeddingStore::WritePart(const IndexInfo& index, ChunkTable chunks,
                                                uint64_t source_rows) {
  CHECK(chunks.size() > 0);
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(index.bucket));
  const std::string file_name = NewUuid(Clock::System()) + ".parquet";
  EmbeddingPart part{.key = StrCat(IndexPrefix(index.name), "embeddings/", file_name),
                     .chunks = chunks.size(),
                     .source_rows = source_rows};
  const ScopedFile file(StrCat(work_dir_, "/", file_name));
  std::vector<sql::ColumnBatch> batches;
  batches.push_back(ToBatch(std::move(chunks)));
  TRY(engine_.WriteParquet(batches, file.path()));
  TRY(ChecksumFile(file.path(), part));
  ASSIGN_OR_RETURN(const storage::ObjectInfo stored,
                   store->PutFile(part.key, file.path(), {.if_absent = true}));
  CHECK(stored.key == part.key);
  return part;
}

Result<std::shared_ptr<const ResidentPart>> EmbeddingStore::LoadPart(const IndexInfo& index,
                                                                     const EmbeddingPart& part,
                                                                     const CancelToken& cancel) {
  TRY(VerifyObject(buckets_, index.bucket, part, cancel));
  const size_t dimensions = static_cast<size_t>(index.space.dimensions);
  ASSIGN_OR_RETURN(const std::unique_ptr<sql::Session> session, engine_.NewSession());
  TRY(session->Start(StrCat("SELECT ", kScanColumns, " FROM read_parquet(",
                            sql::QuoteLiteral(sql::LakePath(index.bucket, part.key)), ")"),
                     cancel));
  ChunkTable chunks;
  while (true) {
    ASSIGN_OR_RETURN(sql::ColumnBatch batch, session->Next());
    if (batch.rows == 0) break;
    if (!AppendBatch(batch, dimensions, chunks)) {
      return Internal("embeddings are damaged: the columns are not those of a part: ", part.key);
    }
  }
  if (chunks.size() != part.chunks) {
    return Internal("embeddings are damaged: the index names ", part.chunks, " chunks, ",
                    chunks.size(), " were read: ", part.key);
  }
  Result<ResidentPart> resident = ResidentPart::Create(chunks, dimensions);
  if (!resident.ok()) {
    return Internal("embeddings are damaged: ", resident.status().message(), ": ", part.key);
  }
  return std::make_shared<const ResidentPart>(*std::move(resident));
}

Status EmbeddingStore::RemoveUnnamedParts(const IndexInfo& index) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(index.bucket));
  std::set<std::string> keep;
  for (const EmbeddingPart& part : index.parts) keep.insert(part.key);
  return RemoveObjects(*store, IndexPrefix(index.name) + "embeddings/", keep);
}

Status EmbeddingStore::RemoveAll(const IndexInfo& index) {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(index.bucket));
  return RemoveObjects(*store, IndexPrefix(index.name), {});
}

}  // namespace lakehouse::search
