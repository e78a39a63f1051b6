#include "ai/encoder/text_encoder.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "ai/encoder/encoder_head.h"
#include "ai/encoder/encoder_layers.h"
#include "ai/encoder/f32_layers.h"
#include "ai/encoder/narrow_kernels.h"
#include "ai/encoder/narrow_layers.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

// Layers may touch this many rows beyond the last one.
constexpr size_t kSpareRows = 7;

size_t FloatsOf(const EmbeddingWeights& weights) {
  return weights.words.size() + weights.positions.size() + weights.types.size() +
         weights.norm.gamma.size() + weights.norm.beta.size();
}

Result<std::unique_ptr<EncoderLayers>> LoadLayers(const ModelConfig& config, ModelReader& reader,
                                                  Precision precision,
                                                  const EncoderKernels& kernels) {
  if (precision == Precision::kF32) return LoadF32Layers(config, reader, kernels);
  return LoadNarrowLayers(config, reader, precision, kernels);
}

}  // namespace

struct TextEncoder::Model {
  ModelConfig config;
  Precision precision;
  const EncoderKernels& kernels;
  EncoderShape shape;
  EmbeddingWeights embeddings;
  EncoderHead head;
  std::unique_ptr<EncoderLayers> layers;
};

class TextEncoder::Workspace {
 public:
  Workspace(const Model& model, std::unique_ptr<ThreadTeam> team,
            std::unique_ptr<EncoderLayers::Buffers> buffers)
      : model_(model), team_(std::move(team)), buffers_(std::move(buffers)) {
    head_scratch_.resize(team_->size() * model.head.scratch_floats());
  }

  Status Encode(std::span<const TokenSequence> texts, std::span<float> vectors) {
    Prepare(texts);
    const RaggedBatch batch{.begins = begins_, .wanted_rows = wanted_rows_};
    model_.layers->Prepare(batch, *buffers_);
    team_->Run([&](size_t member) {
      const Share texts_share(texts.size(), member, team_->size(), 1);
      for (size_t i = texts_share.begin; i < texts_share.end; ++i) Gather(texts[i], begins_[i]);
      team_->Meet();
      model_.layers->Run(batch, *buffers_, *team_, member, hidden_.data());
      team_->Meet();
      for (size_t i = texts_share.begin; i < texts_share.end; ++i) {
        const size_t row = wanted_rows_.empty() ? begins_[i] : i;
        model_.head.Apply(hidden_.data() + row * model_.shape.stride, texts[i].ids.size(),
                          model_.shape.stride,
                          head_scratch_.data() + member * model_.head.scratch_floats(),
                          vectors.subspan(i * model_.head.dimensions(), model_.head.dimensions()));
      }
    });
    return model_.layers->status(*buffers_);
  }

 private:
  // Lays out the rows and makes room for them.
  void Prepare(std::span<const TokenSequence> texts) {
    begins_.assign(1, 0);
    wanted_rows_.clear();
    for (const TokenSequence& text : texts) {
      if (model_.head.wants_one_row()) {
        wanted_rows_.push_back(begins_.back() + model_.head.WantedRow(text.ids.size()));
      }
      begins_.push_back(begins_.back() + text.ids.size());
    }
    const size_t floats = (begins_.back() + kSpareRows) * model_.shape.stride;
    if (hidden_.size() < floats) hidden_.resize(floats);
  }

  // Writes the rows of one text, from `row` on.
  void Gather(const TokenSequence& text, size_t row) {
    const EmbeddingWeights& weights = model_.embeddings;
    const size_t width = model_.shape.width;
    const size_t stride = model_.shape.stride;
    const size_t tokens = text.ids.size();
    float* const rows = hidden_.data() + row * stride;
    for (size_t position = 0; position < tokens; ++position) {
      float* out = rows + position * stride;
      const float* word = weights.words.data() + static_cast<size_t>(text.ids[position]) * width;
      std::copy_n(word, width, out);
      if (!weights.types.empty()) {
        const float* type = weights.types.data() + (position >= text.second_begin ? width : 0);
        for (size_t i = 0; i < width; ++i) out[i] += type[i];
      }
      if (!weights.positions.empty()) {
        const float* positions = weights.positions.data() + position * width;
        for (size_t i = 0; i < width; ++i) out[i] += positions[i];
      }
    }
    model_.kernels.add_layer_norm({.row = rows,
                                   .residual = nullptr,
                                   .rows = tokens,
                                   .width = width,
                                   .stride = stride,
                                   .gamma = weights.norm.gamma.data(),
                                   .beta = weights.norm.beta.data(),
                                   .epsilon = model_.shape.epsilon});
  }

  const Model& model_;
  const std::unique_ptr<ThreadTeam> team_;
  const std::unique_ptr<EncoderLayers::Buffers> buffers_;
  std::vector<size_t> begins_;
  std::vector<size_t> wanted_rows_;
  std::vector<float> hidden_;
  std::vector<float> head_scratch_;
};

void TextEncoder::WorkspaceDeleter::operator()(Workspace* workspace) const { delete workspace; }

TextEncoder::TextEncoder(std::unique_ptr<Model> model) : model_(std::move(model)) {}
TextEncoder::~TextEncoder() = default;

bool TextEncoder::CanCompute(Precision precision, const EncoderKernels& kernels) {
  if (precision == Precision::kF32) return true;
  return kernels.narrow != nullptr && kernels.narrow->supported();
}

Result<std::unique_ptr<TextEncoder>> TextEncoder::Load(const ModelConfig& config,
                                                       ModelReader& reader, Precision precision,
                                                       const EncoderKernels& kernels) {
  if (!CanCompute(precision, kernels)) {
    return InvalidArgument(
        "this processor cannot compute in bf16 or int8 (it lacks AVX512-BF16 or AVX512-VNNI); use "
        "precision f32");
  }
  ASSIGN_OR_RETURN(EmbeddingWeights embeddings, reader.ReadEmbeddings());
  ASSIGN_OR_RETURN(EncoderHead head, EncoderHead::Load(config, reader, kernels));
  ASSIGN_OR_RETURN(std::unique_ptr<EncoderLayers> layers,
                   LoadLayers(config, reader, precision, kernels));
  return std::unique_ptr<TextEncoder>(new TextEncoder(
      std::make_unique<Model>(Model{config, precision, kernels, EncoderShape(config),
                                    std::move(embeddings), std::move(head), std::move(layers)})));
}

Result<TextEncoder::WorkspacePointer> TextEncoder::MakeWorkspace(
    const WorkspaceOptions& options) const {
  CHECK(options.threads > 0);
  ASSIGN_OR_RETURN(std::unique_ptr<ThreadTeam> team, ThreadTeam::Start(options.threads));
  ASSIGN_OR_RETURN(std::unique_ptr<EncoderLayers::Buffers> buffers,
                   model_->layers->MakeBuffers(options.threads));
  return WorkspacePointer(new Workspace(*model_, std::move(team), std::move(buffers)));
}

Status TextEncoder::Encode(std::span<const TokenSequence> texts, Workspace& workspace,
                           std::span<float> vectors) const {
  CHECK(vectors.size() == texts.size() * dimensions());
  const ModelConfig& config = model_->config;
  for (const TokenSequence& text : texts) {
    CHECK(!text.ids.empty() && text.ids.size() <= static_cast<size_t>(config.max_positions));
    CHECK(text.second_begin == text.ids.size() || config.token_types > 1);
    for (const int32_t id : text.ids) CHECK(id >= 0 && id < config.vocabulary_size);
  }
  if (texts.empty()) return OkStatus();
  try {
    return workspace.Encode(texts, vectors);
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory for the encoder's buffers");
  }
}

size_t TextEncoder::dimensions() const { return model_->head.dimensions(); }
Precision TextEncoder::precision() const { return model_->precision; }

size_t TextEncoder::weight_bytes() const {
  return FloatsOf(model_->embeddings) * sizeof(float) + model_->head.weight_bytes() +
         model_->layers->weight_bytes();
}

}  // namespace lakehouse::ai
