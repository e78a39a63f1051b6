#include "search/passport.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

#include "base/hash.h"
#include "search/document_fields.h"

namespace lakehouse::search {

namespace {

static_assert(std::endian::native == std::endian::little, "vectors are stored little-endian");

constexpr double kEmbeddedCosine = 0.9999;
constexpr double kServerCosine = 0.999;
constexpr size_t kLongCanaryTokens = 512;
constexpr size_t kMinCanaries = 4;
constexpr size_t kShownBytes = 40;
constexpr size_t kDigestDigitsShown = 12;

// Where implementations of tokenizers were seen to differ: accents and case, Hangul (which
// normalizes into several characters), quotes, ASCII symbols that are no punctuation in Unicode,
// ideographs, joined emoji; and a plain text, where nothing should.
constexpr std::array<std::string_view, 7> kShortCanaries = {
    "The night nurse speaks Spanish and works in intensive care.",
    "Café déjà vu: naïve Ærøskøbing, Straße, İstanbul, smörgåsbord",
    "한국어 문장도 정확하게 검색되어야 합니다.",
    "“Curly quotes”, ‘single ones’ – and an em dash — it’s all there…",
    "price = $5 + tax < 10 > 2; x = a | b ~ `code` ^ 2",
    "東京の看護師は夜勤で働きます。数据库里有很多文档。",
    "👩\u200d👩\u200d👧\u200d👦 a family 🏳️\u200d🌈 and a flag 👍🏽",
};

// Sentences of the long canary; the number makes each another one.
std::string LongCanarySentence(size_t number) {
  constexpr std::array<std::string_view, 4> kSentences = {
      "Candidates who were called several times but never placed stand in list ",
      "A warehouse near the river keeps forklifts, pallets and paint in hall ",
      "Le vérificateur a signé le contrat, puis il est parti avec le dossier ",
      "Temperatures fell below zero during the measurement of station number ",
  };
  return StrCat(kSentences[number % kSentences.size()], number, ". ");
}

std::string Beginning(const std::string& text) {
  if (text.size() <= kShownBytes) return text;
  size_t size = kShownBytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size) + "…";
}

double Cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, norm_a = 0, norm_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    norm_a += static_cast<double>(a[i]) * a[i];
    norm_b += static_cast<double>(b[i]) * b[i];
  }
  const double norm = std::sqrt(norm_a * norm_b);
  return norm > 0 ? dot / norm : 0;
}

bool IsFloat(const std::string& precision) { return precision == "f32" || precision == "bf16"; }

Status DriftError(const std::string& what, const ai::EmbeddingSpace& index,
                  const ai::EmbeddingSpace& answering, const std::string& why) {
  return Conflict(what, " holds vectors of ", DescribeSpace(index), ", but what answers now is ",
                  DescribeSpace(answering), ": ", why,
                  "; bring the index's model back, or build a new index with the present one");
}

// The first field in which two spaces differ, and what that means.
std::string Difference(const ai::EmbeddingSpace& index, const ai::EmbeddingSpace& answering) {
  const auto differ = [](std::string_view field, const auto& a, const auto& b) {
    return StrCat(field, " was ", a, " and is ", b);
  };
  if (index.provider != answering.provider) {
    return differ("the provider", index.provider, answering.provider);
  }
  if (index.model != answering.model) return differ("the model", index.model, answering.model);
  if (index.digest != answering.digest) {
    return StrCat("the name ", index.model, " belongs to another model by now");
  }
  if (index.dimensions != answering.dimensions) {
    return differ("the number of dimensions", index.dimensions, answering.dimensions);
  }
  if (index.pooling != answering.pooling) {
    return differ("pooling", index.pooling, answering.pooling);
  }
  if (index.precision != answering.precision) {
    return differ("precision", index.precision, answering.precision);
  }
  if (index.document_prefix != answering.document_prefix) {
    return differ("the prefix of documents", QuoteForMessage(index.document_prefix),
                  QuoteForMessage(answering.document_prefix));
  }
  if (index.query_prefix != answering.query_prefix) {
    return differ("the prefix of queries", QuoteForMessage(index.query_prefix),
                  QuoteForMessage(answering.query_prefix));
  }
  if (index.max_tokens != answering.max_tokens) {
    return differ("max_tokens", index.max_tokens, answering.max_tokens);
  }
  if (index.chunker_version != answering.chunker_version) {
    return differ("the chunker's version", index.chunker_version, answering.chunker_version);
  }
  return differ("normalization", index.normalized, answering.normalized);
}

// The vectors of the canaries, asked of the model itself.
Result<ai::Embeddings> EmbedCanaries(ai::EmbeddingModel& model,
                                     const std::vector<std::string>& texts,
                                     const CancelToken& cancel) {
  ASSIGN_OR_RETURN(
      ai::Embeddings embedded,
      model.Embed(texts, {.role = ai::Role::kDocument, .fresh = true, .cancel = cancel}));
  if (embedded.size() != texts.size()) {
    return Internal("the model answered ", texts.size(), " texts with ", embedded.size(),
                    " vectors");
  }
  // Only a refusal belongs to its text; everything else says that the model could not be asked.
  for (const auto& vector : embedded) {
    if (!vector.ok() && vector.status().code() != StatusCode::kInvalidArgument) {
      return vector.status();
    }
  }
  return embedded;
}

int Base64Value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

// Exactly `size` bytes; nullopt for anything that Base64Encode does not write.
std::optional<std::string> DecodeBase64(std::string_view text, size_t size) {
  if (text.size() != (size + 2) / 3 * 4) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    for (size_t j = i; j < i + 4; ++j) {
      const int value = j * 3 / 4 >= size && text[j] == '=' ? 0 : Base64Value(text[j]);
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(group >> shift & 0xFF));
  }
  bytes.resize(size);
  return bytes;
}

Result<Canary> CanaryFromJson(const Json& json, int64_t dimensions) {
  ObjectReader reader(json, "canary");
  Canary canary{.text = reader.String("text"), .vector = {}};
  const std::string encoded = reader.String("vector");
  TRY(reader.Finish());
  const size_t size = static_cast<size_t>(dimensions) * sizeof(float);
  const std::optional<std::string> bytes = DecodeBase64(encoded, size);
  if (!bytes.has_value()) {
    return InvalidArgument("canary: its vector must be base64 of ", dimensions, " floats");
  }
  canary.vector.resize(static_cast<size_t>(dimensions));
  std::memcpy(canary.vector.data(), bytes->data(), size);
  return canary;
}

}  // namespace

std::string DescribeSpace(const ai::EmbeddingSpace& space) {
  return StrCat(space.model, " (provider ", space.provider, ", digest ",
                space.digest.empty() ? "unknown" : space.digest.substr(0, kDigestDigitsShown), ", ",
                space.dimensions, " dimensions, precision ", space.precision, ", pooling ",
                space.pooling, ", chunker ", space.chunker_version, ")");
}

Status CheckSpace(const std::string& what, const ai::EmbeddingSpace& index,
                  const ai::EmbeddingSpace& answering, SpaceUse use, bool has_passport) {
  ai::EmbeddingSpace compared = answering;
  if (use == SpaceUse::kSearch) compared.chunker_version = index.chunker_version;
  if (has_passport) {
    if (IsFloat(index.precision) && IsFloat(answering.precision)) {
      compared.precision = index.precision;
    }
    if (index.digest.empty() || answering.digest.empty()) compared.digest = index.digest;
  }
  if (compared == index) return OkStatus();
  return DriftError(what, index, answering, Difference(index, compared));
}

std::vector<std::string> CanaryTexts(const ai::EmbeddingModel& model) {
  std::vector<std::string> texts(kShortCanaries.begin(), kShortCanaries.end());
  const size_t limit = std::min(kLongCanaryTokens, static_cast<size_t>(model.space().max_tokens));
  std::string text;
  for (size_t number = 1;; ++number) {
    const std::string longer = text + LongCanarySentence(number);
    if (!text.empty() && model.CountTokens(longer) > limit) break;
    text = longer;
    // An estimate of nothing for every text would never end.
    if (text.size() > 16 * kLongCanaryTokens) break;
  }
  texts.push_back(std::move(text));
  return texts;
}

Result<Passport> MakePassport(ai::EmbeddingModel& model, Timestamp now, const CancelToken& cancel) {
  const std::vector<std::string> texts = CanaryTexts(model);
  ASSIGN_OR_RETURN(ai::Embeddings embedded, EmbedCanaries(model, texts, cancel));
  Passport passport{.canaries = {}, .made_at = now};
  Status refusal;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!embedded[i].ok()) {
      refusal = embedded[i].status();
    } else if (embedded[i]->size() == static_cast<size_t>(model.space().dimensions)) {
      passport.canaries.push_back({texts[i], *std::move(embedded[i])});
    } else {
      return Conflict("the model ", model.space().model, " answered with ", embedded[i]->size(),
                      " components instead of ", model.space().dimensions);
    }
  }
  if (passport.canaries.size() < kMinCanaries) {
    return Conflict("the model ", model.space().model,
                    " refuses most of the canary texts: ", refusal.message());
  }
  return passport;
}

Result<PassportCheck> ComparePassport(const std::string& what, const ai::EmbeddingSpace& space,
                                      const Passport& passport, ai::EmbeddingModel& model,
                                      Timestamp now, const CancelToken& cancel) {
  std::vector<std::string> texts;
  for (const Canary& canary : passport.canaries) texts.push_back(canary.text);
  ASSIGN_OR_RETURN(const ai::Embeddings embedded, EmbedCanaries(model, texts, cancel));
  PassportCheck check{.at = now, .outcome = {}, .worst_cosine = 1, .worst_text = {}};
  for (size_t i = 0; i < embedded.size(); ++i) {
    const std::vector<float>& known = passport.canaries[i].vector;
    const bool comparable = embedded[i].ok() && embedded[i]->size() == known.size();
    const double cosine = comparable ? Cosine(*embedded[i], known) : 0;
    if (cosine >= check.worst_cosine && !check.worst_text.empty()) continue;
    check.worst_cosine = cosine;
    check.worst_text = Beginning(texts[i]);
  }
  if (check.worst_cosine >= RequiredCosine(space)) return check;
  check.outcome = DriftError(
      what, space, model.space(),
      StrCat("the canary text ", QuoteForMessage(check.worst_text), " has a cosine of ",
             std::round(check.worst_cosine * 1e6) / 1e6, " to what it had when the index began, ",
             RequiredCosine(space), " was expected"));
  return check;
}

double RequiredCosine(const ai::EmbeddingSpace& space) {
  return space.provider == "embedded" ? kEmbeddedCosine : kServerCosine;
}

Json PassportToJson(const Passport& passport) {
  Json canaries = Json::array();
  for (const Canary& canary : passport.canaries) {
    const std::string_view bytes(reinterpret_cast<const char*>(canary.vector.data()),
                                 canary.vector.size() * sizeof(float));
    canaries.push_back({{"text", canary.text}, {"vector", Base64Encode(bytes)}});
  }
  return {{"made_at", FormatTimestamp(passport.made_at)}, {"canaries", std::move(canaries)}};
}

Result<Passport> PassportFromJson(const Json& json, int64_t dimensions) {
  ObjectReader reader(json, "passport");
  Passport passport;
  passport.made_at = ReadTime(reader, "made_at");
  const Json* canaries = reader.Raw("canaries");
  if (canaries == nullptr || !canaries->is_array() || canaries->empty()) {
    reader.Fail("canaries", "must be an array that is not empty");
  }
  TRY(reader.Finish());
  for (const Json& json_canary : *canaries) {
    ASSIGN_OR_RETURN(Canary canary, CanaryFromJson(json_canary, dimensions));
    passport.canaries.push_back(std::move(canary));
  }
  return passport;
}

}  // namespace lakehouse::search
