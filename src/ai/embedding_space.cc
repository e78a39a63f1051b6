#include "ai/embedding_space.h"

#include <limits>

#include "base/hash.h"

namespace lakehouse::ai {

Json EmbeddingSpaceToJson(const EmbeddingSpace& space) {
  return Json{{"provider", space.provider},
              {"model", space.model},
              {"digest", space.digest},
              {"dimensions", space.dimensions},
              {"pooling", space.pooling},
              {"normalized", space.normalized},
              {"document_prefix", space.document_prefix},
              {"query_prefix", space.query_prefix},
              {"precision", space.precision},
              {"max_tokens", space.max_tokens},
              {"chunker_version", space.chunker_version}};
}

Result<EmbeddingSpace> EmbeddingSpaceFromJson(const Json& json) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  ObjectReader reader(json, "embedding space");
  EmbeddingSpace space;
  space.provider = reader.String("provider");
  space.model = reader.String("model");
  space.digest = reader.String("digest");
  space.dimensions = reader.Int("dimensions", 1, kMax);
  space.pooling = reader.String("pooling");
  space.normalized = reader.Bool("normalized", true);
  space.document_prefix = reader.String("document_prefix");
  space.query_prefix = reader.String("query_prefix");
  space.precision = reader.String("precision");
  space.max_tokens = reader.Int("max_tokens", 1, kMax);
  space.chunker_version = reader.Int("chunker_version", 0, kMax);
  TRY(reader.Finish());
  return space;
}

std::string SpaceId(const EmbeddingSpace& space) {
  EmbeddingSpace meaning = space;
  meaning.chunker_version = 0;
  if (!meaning.digest.empty()) meaning.model.clear();
  return Sha256Hex(DumpJson(EmbeddingSpaceToJson(meaning)));
}

}  // namespace lakehouse::ai
