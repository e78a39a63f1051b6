// What people see while they wait: progress on standard error, only when it is a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace lakehouse::app {

// One line that is drawn again in place, at most ten times a second. Draws nothing when standard
// error is no terminal or `quiet`. Not thread-safe. Clears its line on destruction.
class ProgressLine {
 public:
  ProgressLine(bool quiet, std::string label);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Draws `label [####    ] 42 %  detail`; total 0 draws no bar.
  void Update(uint64_t done, uint64_t total, std::string_view detail);

 private:
  const bool visible_;
  const std::string label_;
  int64_t last_draw_micros_ = 0;
  bool drawn_ = false;
};

// "3 s", "4 min 05 s", "2 h 10 min".
std::string FormatDuration(double seconds);

// "12,345".
std::string FormatCount(uint64_t count);

}  // namespace lakehouse::app
