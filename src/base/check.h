// Assertions as contracts. CHECK is always on and means "a programmer made an error": it logs the
// place and aborts. Neither macro is ever used on anything that a user or a file can influence.
#pragma once

namespace lakehouse::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace lakehouse::internal

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) [[unlikely]]                                        \
      ::lakehouse::internal::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

// For conditions that are too costly in a release build.
#ifdef NDEBUG
#define DCHECK(condition) \
  do {                    \
  } while (false && (condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
