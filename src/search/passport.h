// Whether a model still is the one whose vectors an index holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ai/embedding_model.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/status.h"

namespace lakehouse::search {

// A text and the vector that the model gave to it, as a document, when the index began.
struct Canary {
  std::string text;
  std::vector<float> vector;
};

// Texts on which encoders and tokenizers are known to differ, so that a model that answers another
// way under the same name is noticed.
struct Passport {
  std::vector<Canary> canaries;
  Timestamp made_at;
};

// How a model compared with a passport.
struct PassportCheck {
  Timestamp at;
  Status outcome;           // Ok, or kConflict: the model has drifted.
  double worst_cosine = 1;  // Of all canaries.
  std::string worst_text;   // The beginning of the canary that had it.
};

// What vectors of an index are about to meet.
enum class SpaceUse {
  kSearch,  // A query. How documents are cut does not matter.
  kBuild,   // More documents.
};

// What a message calls a space: "all-minilm (provider ollama, digest 1b226e2802db, …)".
std::string DescribeSpace(const ai::EmbeddingSpace& space);

// Ok when vectors of the space `answering` may meet those of `index`, provided that the canaries
// agree where there are any. Then, and only then, bf16 may stand in for f32 and a digest that is
// not known for one that is. kConflict names both, what differs and what mends it. `what` is how
// the message begins: "index people_v1".
Status CheckSpace(const std::string& what, const ai::EmbeddingSpace& index,
                  const ai::EmbeddingSpace& answering, SpaceUse use, bool has_passport);

// The canary texts for a model: eight, the last one near its max_tokens, at most 512 tokens long.
std::vector<std::string> CanaryTexts(const ai::EmbeddingModel& model);

// Embeds the canaries, asking the model itself. A text that the model refuses is left out.
// kConflict when it refuses most; else errors as of Embed.
Result<Passport> MakePassport(ai::EmbeddingModel& model, Timestamp now, const CancelToken& cancel);

// Embeds the canaries again and compares. `space` is the index's. An error says nothing about the
// model but that it could not be asked.
Result<PassportCheck> ComparePassport(const std::string& what, const ai::EmbeddingSpace& space,
                                      const Passport& passport, ai::EmbeddingModel& model,
                                      Timestamp now, const CancelToken& cancel);

// The least cosine of a canary. Servers batch as they like, which changes the last bits.
double RequiredCosine(const ai::EmbeddingSpace& space);

// {"made_at", "canaries": [{"text", "vector"}]}; vectors are base64 of little-endian floats.
Json PassportToJson(const Passport& passport);
// kInvalidArgument, also when a vector has not `dimensions` floats.
Result<Passport> PassportFromJson(const Json& json, int64_t dimensions);

}  // namespace lakehouse::search
