#include "ai/embedded_encoder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "ai/encoder/model_reader.h"
#include "ai/encoder/usable_cores.h"
#include "ai/self_check.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr int64_t kMaxThreads = 1024;
// What the self-check of a cross-encoder compares its texts with.
constexpr const char* kSelfCheckQuery = "night nurse in a hospital";

Status ApplyOverrides(const EmbeddedModelOptions& options, ModelConfig& config) {
  if (options.dimensions != 0) TRY(ShortenTo(options.dimensions, config));
  if (options.max_tokens != 0) {
    if (options.max_tokens < 0 || options.max_tokens > config.max_positions) {
      return InvalidArgument("max_tokens must be from 1 to the ", config.max_positions,
                             " positions of the model, not ", options.max_tokens);
    }
    config.max_tokens = options.max_tokens;
  }
  config.document_prefix = options.document_prefix.value_or(config.document_prefix);
  config.query_prefix = options.query_prefix.value_or(config.query_prefix);
  return OkStatus();
}

Status CheckTask(const ModelConfig& config, EncoderTask task, const std::string& directory) {
  if (task == EncoderTask::kEmbed && config.labels > 0) {
    return InvalidArgument("the model is a cross-encoder, which scores pairs and embeds nothing: ",
                           directory);
  }
  if (task == EncoderTask::kRerank && config.labels != 1) {
    return InvalidArgument("to rerank takes a cross-encoder with one label, not ",
                           config.labels == 0 ? "a sentence encoder" : "several labels", ": ",
                           directory);
  }
  return OkStatus();
}

// Checks that what the tokenizer makes is what the encoder takes.
Status CheckTokenizer(const Tokenizer& tokenizer, const ModelConfig& config, EncoderTask task,
                      const std::string& directory) {
  if (tokenizer.id_bound() > static_cast<size_t>(config.vocabulary_size)) {
    return InvalidArgument("the tokenizer has ", tokenizer.id_bound(), " ids, config.json ",
                           config.vocabulary_size, ": ", directory);
  }
  const auto limit = static_cast<size_t>(config.max_tokens);
  if (limit <= tokenizer.special_token_count()) {
    return InvalidArgument("the model has no room for text between ",
                           tokenizer.special_token_count(), " special tokens: ", directory);
  }
  if (task == EncoderTask::kEmbed) return OkStatus();
  const Result<TokenPair> pair = tokenizer.EncodePair("", "", limit);
  if (!pair.ok()) return pair.status().Annotate(directory);
  if (pair->second_begin < pair->ids.size() && config.token_types < 2) {
    return InvalidArgument("the tokenizer gives pairs two types of tokens, config.json ",
                           config.token_types, ": ", directory);
  }
  return OkStatus();
}

EncoderPoolOptions PoolOptions(const EmbeddedModelOptions& options) {
  const UsableCores cores = UsableCoresOfThisProcess();
  EncoderPoolOptions pool;
  pool.threads = options.threads > 0 ? static_cast<size_t>(options.threads) : cores.count;
  // Fewer threads than processors had better go where there is room.
  if (pool.threads == cores.processors.size()) pool.processors = cores.processors;
  if (options.metrics != nullptr) {
    pool.encoded_tokens = &options.metrics->GetCounter(
        "lakehouse_embedded_tokens_total",
        "Tokens that the encoder in this process has computed, duplicates left out.",
        {{"model", options.name}});
  }
  return pool;
}

}  // namespace

Result<EmbeddedEncoder> OpenEmbeddedEncoder(const EmbeddedModelOptions& options, EncoderTask task) {
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return InvalidArgument("threads must be from 0 to ", kMaxThreads, ", not ", options.threads);
  }
  const std::string& directory = options.directory;
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return NotFound("the model is not installed (tools/bootstrap installs all-MiniLM-L6-v2): ",
                    directory);
  }
  EmbeddedEncoder opened;
  ASSIGN_OR_RETURN(opened.config, ReadModelConfig(directory, options.name));
  TRY(CheckTask(opened.config, task, directory));
  TRY(ApplyOverrides(options, opened.config));
  const std::string tokenizer_directory =
      opened.config.transformer_directory.empty()
          ? directory
          : StrCat(directory, "/", opened.config.transformer_directory);
  ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::Load(tokenizer_directory));
  TRY(CheckTokenizer(tokenizer, opened.config, task, directory));
  opened.tokenizer = std::make_shared<const Tokenizer>(std::move(tokenizer));
  ASSIGN_OR_RETURN(const auto reader, ModelReader::Open(directory, opened.config));
  ASSIGN_OR_RETURN(opened.digest, reader->Digest());

  const auto limit = static_cast<size_t>(opened.config.max_tokens);
  const TokenizeText tokenize = [&](const std::string& text) -> Result<TokenPair> {
    if (task == EncoderTask::kRerank) {
      return opened.tokenizer->EncodePair(kSelfCheckQuery, text, limit);
    }
    return OneText(opened.tokenizer->Encode(text, limit));
  };
  FaithfulEncoderOptions faithful;
  faithful.model_name = options.name;
  faithful.precision = options.precision;
  faithful.pool = PoolOptions(options);
  ASSIGN_OR_RETURN(opened.pool, OpenFaithfulEncoder(opened.config, *reader, tokenize, faithful));
  return opened;
}

}  // namespace lakehouse::ai
