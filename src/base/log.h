// Structured logging to standard error: one line a record, `key=value` fields or JSON.
// The only user of spdlog. Thread-safe.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace lakehouse {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One field of a record. The value is text already; never a secret.
struct LogField {
  template <typename T>
  LogField(std::string_view key_text, const T& field_value)
      : key(key_text), value(StrCat(field_value)) {}
  std::string_view key;
  std::string value;
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  bool json = false;
};

// Parses "debug", "info", "warning" or "error".
Result<LogLevel> ParseLogLevel(std::string_view text);

// Replaces the process-wide settings; call before threads start.
void ConfigureLog(const LogOptions& options);

// Formats one record as one line without its end. Text: `time=… level=info message="…" key=value`,
// where a value that holds white space, quotes, `=` or control characters, or is empty, is written
// as a JSON string. JSON: one object with the same keys, every value a string.
std::string FormatLogRecord(Timestamp time, LogLevel level, std::string_view message,
                            std::span<const LogField> fields, bool json);

// Writes one record. `message` is static text; what varies goes into fields.
void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

inline void LogInfo(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

}  // namespace lakehouse
