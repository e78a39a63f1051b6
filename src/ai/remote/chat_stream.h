// Generated text as servers stream it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ai/remote/line_splitter.h"
#include "ai/text_generator.h"
#include "base/json.h"
#include "base/status.h"

namespace lakehouse::ai {

// Puts an answer together and passes its pieces on. Not thread-safe.
class ChatStream {
 public:
  // Describes an error that the server put into the stream.
  using OnError = std::function<Status(std::string_view message)>;

  virtual ~ChatStream() = default;
  // Takes bytes of the body. An error of the caller's sink is returned as it is; kUnavailable for
  // an error in the stream, or what is no such stream.
  virtual Status Feed(std::string_view bytes) = 0;
  // The answer, when the server said that it is whole; else kUnavailable.
  virtual Result<GenerateAnswer> Finish() = 0;
};

// The lines of Ollama's /api/chat. `sink` may be null.
std::unique_ptr<ChatStream> MakeOllamaChatStream(GenerateSink sink, ChatStream::OnError on_error);
// The events of OpenAI's /v1/chat/completions.
std::unique_ptr<ChatStream> MakeOpenAiChatStream(GenerateSink sink, ChatStream::OnError on_error);

}  // namespace lakehouse::ai
