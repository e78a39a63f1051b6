#include "ai/remote/model_prefixes.h"

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

struct Family {
  std::string_view mark;  // In the name, lowered, without the owner.
  std::string_view document;
  std::string_view query;
};

constexpr std::string_view kRepresent = "Represent this sentence for searching relevant passages: ";

// The first that fits counts.
constexpr Family kFamilies[] = {
    {"e5-mistral", "",
     "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"
     "Query: "},
    {"multilingual-e5", "passage: ", "query: "},
    {"e5-", "passage: ", "query: "},
    {"bge-m3", "", ""},
    {"bge-small-en", "", kRepresent},
    {"bge-base-en", "", kRepresent},
    {"bge-large-en", "", kRepresent},
    {"mxbai-embed", "", kRepresent},
    {"snowflake-arctic-embed2", "", "query: "},
    {"arctic-embed", "", kRepresent},
    {"nomic-embed-text", "search_document: ", "search_query: "},
    {"embeddinggemma", "title: none | text: ", "task: search result | query: "},
    {"qwen3-embedding", "",
     "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"
     "Query:"},
};

}  // namespace

ModelPrefixes PrefixesOfFamily(std::string_view model) {
  const std::string lowered = ToLowerAscii(model);
  std::string_view name = lowered;
  if (const size_t slash = name.rfind('/'); slash != std::string_view::npos) {
    name.remove_prefix(slash + 1);
  }
  for (const Family& family : kFamilies) {
    if (name.find(family.mark) != std::string_view::npos) {
      return {std::string(family.document), std::string(family.query)};
    }
  }
  return {};
}

ModelPrefixes PrefixesOf(const AiModelConfig& config, std::string_view model) {
  ModelPrefixes prefixes = PrefixesOfFamily(model);
  if (config.document_prefix != "auto") prefixes.document = config.document_prefix;
  if (config.query_prefix != "auto") prefixes.query = config.query_prefix;
  return prefixes;
}

}  // namespace lakehouse::ai
