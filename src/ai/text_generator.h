// What a language model is asked for, and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"

namespace lakehouse::ai {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant".
  std::string content;
};

struct GenerateRequest {
  std::vector<ChatMessage> messages;  // Not empty; the last is the user's.
  int64_t max_tokens = 0;             // 0: as the model likes.
  std::optional<double> temperature;
  std::optional<int64_t> seed;
  std::vector<std::string> stop;
  CancelToken cancel = {};
};

struct GenerateAnswer {
  std::string text;
  std::string finish_reason;  // "stop", "length" or what the server said.
  int64_t prompt_tokens = 0;  // 0: not known, as below.
  int64_t completion_tokens = 0;
};

// Receives the text piece by piece; an error stops the generation.
using GenerateSink = std::function<Status(std::string_view piece)>;

}  // namespace lakehouse::ai
