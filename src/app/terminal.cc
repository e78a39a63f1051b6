#include "app/terminal.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <unistd.h>

#include "base/strings.h"

namespace lakehouse::app {

namespace {

constexpr int64_t kDrawIntervalMicros = 100'000;
constexpr uint64_t kBarWidth = 24;

}  // namespace

ProgressLine::ProgressLine(bool quiet, std::string label)
    : visible_(!quiet && isatty(STDERR_FILENO) == 1), label_(std::move(label)) {}

ProgressLine::~ProgressLine() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressLine::Update(uint64_t done, uint64_t total, std::string_view detail) {
  if (!visible_) return;
  const int64_t now = Clock::System().MonotonicMicros();
  if (drawn_ && now - last_draw_micros_ < kDrawIntervalMicros) return;
  last_draw_micros_ = now;
  drawn_ = true;
  std::string line = label_;
  if (total > 0) {
    const uint64_t filled = std::min(done, total) * kBarWidth / total;
    StrAppend(line, " [", std::string(filled, '#'), std::string(kBarWidth - filled, ' '), "] ",
              std::min(done, total) * 100 / total, " %");
  }
  StrAppend(line, "  ", detail);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

std::string FormatDuration(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 60) return StrCat(whole, " s");
  if (whole < 3600)
    return StrCat(whole / 60, " min ", whole % 60 < 10 ? "0" : "", whole % 60, " s");
  return StrCat(whole / 3600, " h ", whole / 60 % 60, " min");
}

std::string FormatCount(uint64_t count) {
  std::string digits = StrCat(count);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<size_t>(i), ",");
  }
  return digits;
}

}  // namespace lakehouse::app
