// Error values. A fallible function returns Status or Result<T>; nothing in Lakehouse reports
// failure through bool, out-parameters, error strings or exceptions that leave a module.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse {

// Says what the caller can do about a failure.
enum class StatusCode {
  kOk,
  kInvalidArgument,     // Fix the request: what was sent can never succeed.
  kNotFound,            // Name something that exists.
  kConflict,            // Reload the current state, then decide again.
  kOutOfScope,          // Ask through a profile that is bound to the thing.
  kUnauthenticated,     // Send a valid key.
  kPermissionDenied,    // Ask the owner: this caller may never do it.
  kResourceExhausted,   // Free memory or disk, raise a limit, or send less at once.
  kUnavailable,         // Retry later: a part is down or busy.
  kDeadlineExceeded,    // Retry with more time or less work.
  kCancelled,           // Nothing: somebody asked for the stop.
  kCommitStateUnknown,  // Replay the same request: it may or may not have been applied.
  kInternal,            // Report it: this is a bug or damaged storage.
};

// Returns the stable word of the API for a code, for example "not_found".
std::string_view StatusCodeName(StatusCode code);

// The outcome of an operation without a value. Cheap to move; immutable.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  // What was wrong, what was expected and, where one exists, the call that mends it.
  const std::string& message() const { return message_; }
  // "not_found: message", or "ok".
  std::string ToString() const;
  // Returns the same error with `context` and ": " put before its message; ok stays ok.
  Status Annotate(std::string_view context) const;

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status OkStatus() { return {}; }

// One factory per code. Arguments are concatenated: static text first, values last.
#define LAKEHOUSE_STATUS_FACTORY(Name)                   \
  template <typename... Args>                            \
  Status Name(const Args&... args) {                     \
    return Status(StatusCode::k##Name, StrCat(args...)); \
  }
LAKEHOUSE_STATUS_FACTORY(InvalidArgument)
LAKEHOUSE_STATUS_FACTORY(NotFound)
LAKEHOUSE_STATUS_FACTORY(Conflict)
LAKEHOUSE_STATUS_FACTORY(OutOfScope)
LAKEHOUSE_STATUS_FACTORY(Unauthenticated)
LAKEHOUSE_STATUS_FACTORY(PermissionDenied)
LAKEHOUSE_STATUS_FACTORY(ResourceExhausted)
LAKEHOUSE_STATUS_FACTORY(Unavailable)
LAKEHOUSE_STATUS_FACTORY(DeadlineExceeded)
LAKEHOUSE_STATUS_FACTORY(Cancelled)
LAKEHOUSE_STATUS_FACTORY(CommitStateUnknown)
LAKEHOUSE_STATUS_FACTORY(Internal)
#undef LAKEHOUSE_STATUS_FACTORY

// A value or the error that prevented it. Never holds an ok Status without a value.
template <typename T>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<T, Status>, "use Status itself");

 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  // Takes anything that converts to T, for example a unique_ptr to a derived class.
  template <typename U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::decay_t<U>, Status> &&
           !std::is_same_v<std::decay_t<U>, T> && !std::is_same_v<std::decay_t<U>, Result>)
      Result(U&& value)
      : value_(std::forward<U>(value)) {}               // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    CHECK(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  // The error; ok when a value is held.
  const Status& status() const { return status_; }

  // REQUIRES: ok().
  T& operator*() & {
    CHECK(ok());
    return *value_;
  }
  const T& operator*() const& {
    CHECK(ok());
    return *value_;
  }
  T&& operator*() && {
    CHECK(ok());
    return std::move(*value_);
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }
  T value_or(T fallback) const& { return ok() ? *value_ : std::move(fallback); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace lakehouse

#define LAKEHOUSE_CONCAT_INNER(a, b) a##b
#define LAKEHOUSE_CONCAT(a, b) LAKEHOUSE_CONCAT_INNER(a, b)

// Evaluates a Status expression and returns it from the enclosing function unless it is ok.
#define TRY(expr)                                                      \
  do {                                                                 \
    if (auto try_status = (expr); !try_status.ok()) return try_status; \
  } while (false)

// Evaluates a Result expression; returns its error, or moves its value into `lhs`.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_INNER(LAKEHOUSE_CONCAT(assign_result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_INNER(result, lhs, expr) \
  auto result = (expr);                           \
  if (!result.ok()) return result.status();       \
  lhs = *std::move(result)
