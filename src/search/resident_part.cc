#include "search/resident_part.h"

namespace lakehouse::search {

PackedStrings::PackedStrings(const std::vector<std::string>& strings) {
  size_t size = 0;
  for (const std::string& text : strings) size += text.size();
  bytes_.reserve(size);
  ends_.reserve(strings.size());
  for (const std::string& text : strings) {
    bytes_ += text;
    ends_.push_back(bytes_.size());
  }
}

size_t PackedStrings::resident_bytes() const {
  return bytes_.capacity() + ends_.capacity() * sizeof(uint64_t);
}

ResidentPart::ResidentPart(const ChunkTable& chunks, vector::FlatIndex vectors)
    : vectors_(std::move(vectors)),
      doc_ids_(chunks.doc_ids),
      texts_(chunks.texts),
      chunk_idxs_(chunks.chunk_idxs),
      begins_(chunks.begins),
      ends_(chunks.ends) {}

Result<ResidentPart> ResidentPart::Create(const ChunkTable& chunks, size_t dimensions) {
  const size_t size = chunks.size();
  if (chunks.chunk_idxs.size() != size || chunks.texts.size() != size ||
      chunks.begins.size() != size || chunks.ends.size() != size ||
      chunks.vectors.size() != size * dimensions) {
    return InvalidArgument("the columns differ in length, or the vectors do not have ", dimensions,
                           " components");
  }
  ASSIGN_OR_RETURN(vector::FlatIndex vectors,
                   vector::FlatIndex::Create(vector::Metric::kCosine, dimensions));
  TRY(vectors.Add(chunks.vectors));
  return ResidentPart(chunks, std::move(vectors));
}

SearchHit ResidentPart::HitAt(size_t chunk, float score) const {
  return {.doc_id = std::string(doc_ids_[chunk]),
          .chunk_idx = chunk_idxs_[chunk],
          .score = score,
          .text = std::string(texts_[chunk]),
          .begin = static_cast<uint64_t>(begins_[chunk]),
          .end = static_cast<uint64_t>(ends_[chunk])};
}

size_t ResidentPart::resident_bytes() const {
  return sizeof(*this) + vectors_.resident_bytes() + doc_ids_.resident_bytes() +
         texts_.resident_bytes() +
         (chunk_idxs_.capacity() + begins_.capacity() + ends_.capacity()) * sizeof(int64_t);
}

}  // namespace lakehouse::search
