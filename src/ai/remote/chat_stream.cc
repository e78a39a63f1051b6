#include "ai/remote/chat_stream.h"

#include <utility>

#include "ai/remote/json_fields.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kMaxTextBytes = 64 << 20;

// What both protocols have in common.
class AnswerBuilder {
 public:
  AnswerBuilder(GenerateSink sink, ChatStream::OnError on_error)
      : sink_(std::move(sink)), on_error_(std::move(on_error)) {}

  // Parses one JSON object and returns it unless it tells of an error.
  Result<Json> Open(std::string_view text, bool is_error = false) const {
    Result<Json> json = ParseJson(text);
    if (!json.ok() || !json->is_object()) {
      return on_error_(StrCat("a piece that is no JSON object: ", QuoteForMessage(text)));
    }
    const Json* error = FindField(*json, "error");
    if (error == nullptr && !is_error) return json;
    if (error == nullptr) error = &*json;
    const std::string message =
        error->is_string() ? error->get<std::string>() : TextField(*error, "message");
    return on_error_(message.empty() ? DumpJson(*error) : message);
  }

  Status Append(const std::string& piece) {
    if (piece.empty()) return OkStatus();
    if (piece.size() > kMaxTextBytes - answer_.text.size()) {
      return Unavailable("the server generates more bytes than ", kMaxTextBytes);
    }
    answer_.text += piece;
    return sink_ ? sink_(piece) : OkStatus();
  }

  Result<GenerateAnswer> Finish(bool is_whole) {
    if (is_whole) {
      if (answer_.finish_reason.empty()) answer_.finish_reason = "stop";
      return std::move(answer_);
    }
    return on_error_(StrCat("the stream ended before the text did, after ", answer_.text.size(),
                            " bytes of it"));
  }

  GenerateAnswer& answer() { return answer_; }

 private:
  const GenerateSink sink_;
  const ChatStream::OnError on_error_;
  GenerateAnswer answer_;
};

class OllamaChatStream final : public ChatStream {
 public:
  OllamaChatStream(GenerateSink sink, OnError on_error)
      : builder_(std::move(sink), std::move(on_error)),
        lines_([this](std::string_view line) { return TakeLine(line); }) {}

  Status Feed(std::string_view bytes) override { return lines_.Feed(bytes); }

  Result<GenerateAnswer> Finish() override {
    TRY(lines_.Finish());
    return builder_.Finish(done_);
  }

 private:
  Status TakeLine(std::string_view line) {
    if (TrimWhitespace(line).empty()) return OkStatus();
    ASSIGN_OR_RETURN(const Json json, builder_.Open(line));
    if (const Json* message = FindField(json, "message"); message != nullptr) {
      TRY(builder_.Append(TextField(*message, "content")));
    }
    const Json* done = FindField(json, "done");
    if (done == nullptr || !done->is_boolean() || !done->get<bool>()) return OkStatus();
    done_ = true;
    GenerateAnswer& answer = builder_.answer();
    answer.finish_reason = TextField(json, "done_reason");
    answer.prompt_tokens = IntField(json, "prompt_eval_count");
    answer.completion_tokens = IntField(json, "eval_count");
    return OkStatus();
  }

  AnswerBuilder builder_;
  LineSplitter lines_;
  bool done_ = false;
};

class OpenAiChatStream final : public ChatStream {
 public:
  OpenAiChatStream(GenerateSink sink, OnError on_error)
      : builder_(std::move(sink), std::move(on_error)),
        events_([this](std::string_view event, std::string_view data) {
          return TakeEvent(event, data);
        }) {}

  Status Feed(std::string_view bytes) override { return events_.Feed(bytes); }

  Result<GenerateAnswer> Finish() override {
    TRY(events_.Finish());
    // Some servers leave out the mark of the end, others the reason.
    return builder_.Finish(ended_ || !builder_.answer().finish_reason.empty());
  }

 private:
  Status TakeEvent(std::string_view event, std::string_view data) {
    if (TrimWhitespace(data) == "[DONE]") {
      ended_ = true;
      return OkStatus();
    }
    ASSIGN_OR_RETURN(const Json json, builder_.Open(data, event == "error"));
    GenerateAnswer& answer = builder_.answer();
    if (const Json* usage = FindField(json, "usage"); usage != nullptr) {
      answer.prompt_tokens = IntField(*usage, "prompt_tokens");
      answer.completion_tokens = IntField(*usage, "completion_tokens");
    }
    const Json* choices = FindArrayField(json, "choices");
    if (choices == nullptr || choices->empty()) return OkStatus();
    const Json& choice = choices->front();
    if (const Json* delta = FindField(choice, "delta"); delta != nullptr) {
      TRY(builder_.Append(TextField(*delta, "content")));
    }
    const std::string reason = TextField(choice, "finish_reason");
    if (!reason.empty()) answer.finish_reason = reason;
    return OkStatus();
  }

  AnswerBuilder builder_;
  EventSplitter events_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ChatStream> MakeOllamaChatStream(GenerateSink sink, ChatStream::OnError on_error) {
  return std::make_unique<OllamaChatStream>(std::move(sink), std::move(on_error));
}

std::unique_ptr<ChatStream> MakeOpenAiChatStream(GenerateSink sink, ChatStream::OnError on_error) {
  return std::make_unique<OpenAiChatStream>(std::move(sink), std::move(on_error));
}

}  // namespace lakehouse::ai
