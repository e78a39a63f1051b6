#include "base/log.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/json.h"

namespace lakehouse {
namespace {

struct Logger {
  Logger() : output("lakehouse", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    output.set_pattern("%v");
  }
  spdlog::logger output;
  std::atomic<bool> json{false};
};

// Never destroyed: other objects may log while the process ends.
Logger& ProcessLogger() {
  static auto* const logger = new Logger;
  return *logger;
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  CHECK(false);
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  CHECK(false);
}

bool NeedsQuotes(std::string_view value) {
  const auto is_special = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F || byte == '"' || byte == '=' || byte == '\\';
  };
  return value.empty() || std::any_of(value.begin(), value.end(), is_special) ||
         !IsValidUtf8(value);
}

void AppendTextField(std::string& line, std::string_view key, std::string_view value) {
  if (!line.empty()) line.push_back(' ');
  StrAppend(line, key, '=');
  if (NeedsQuotes(value)) {
    AppendJsonString(line, value);
  } else {
    line.append(value);
  }
}

void AppendJsonField(std::string& line, std::string_view key, std::string_view value) {
  line.push_back(line.empty() ? '{' : ',');
  AppendJsonString(line, key);
  line.push_back(':');
  AppendJsonString(line, value);
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view text) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (text == LevelName(level)) return level;
  }
  return InvalidArgument("unknown log level: expected debug, info, warning or error, got ",
                         QuoteForMessage(text));
}

void ConfigureLog(const LogOptions& options) {
  Logger& logger = ProcessLogger();
  logger.output.set_level(SpdlogLevel(options.level));
  logger.json.store(options.json, std::memory_order_relaxed);
}

std::string FormatLogRecord(Timestamp time, LogLevel level, std::string_view message,
                            std::span<const LogField> fields, bool json) {
  const auto append = json ? AppendJsonField : AppendTextField;
  std::string line;
  append(line, "time", FormatTimestamp(time));
  append(line, "level", LevelName(level));
  append(line, "message", message);
  for (const LogField& field : fields) append(line, field.key, field.value);
  if (json) line.push_back('}');
  return line;
}

void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  Logger& logger = ProcessLogger();
  const spdlog::level::level_enum spdlog_level = SpdlogLevel(level);
  if (!logger.output.should_log(spdlog_level)) return;
  const std::string line =
      FormatLogRecord(Clock::System().Now(), level, message, {fields.begin(), fields.size()},
                      logger.json.load(std::memory_order_relaxed));
  logger.output.log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace lakehouse
