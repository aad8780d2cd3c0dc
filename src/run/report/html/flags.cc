#include "run/report/html/flags.h"

#include <algorithm>

namespace ordeal::report {
namespace {

constexpr double kSpace = 5;  // between leader and text, and between two texts

double left_of(const Flag& flag) { return flag.leftward ? flag.x - kSpace - text_width(flag.text) : flag.x; }
double right_of(const Flag& flag) { return flag.leftward ? flag.x : flag.x + kSpace + text_width(flag.text); }

}  // namespace

double text_width(std::string_view text) {
  auto starts = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
  return 6.3 * static_cast<double>(starts);
}

size_t place_flags(std::vector<Flag>& flags, double right_end) {
  std::stable_sort(flags.begin(), flags.end(), [](const Flag& a, const Flag& b) { return a.x < b.x; });
  size_t rows = 0;
  for (size_t i = 0; i < flags.size(); ++i) {
    Flag& flag = flags[i];
    flag.leftward = right_of(flag) > right_end && flag.x > right_end / 2;
    flag.row = 0;
    // A leader runs down from its row to the plot, so it must be below every earlier text that it would cross.
    for (size_t j = 0; j < i; ++j)
      if (right_of(flags[j]) + kSpace > left_of(flag)) flag.row = std::max(flag.row, flags[j].row + 1);
    rows = std::max(rows, flag.row + 1);
  }
  return rows;
}

}  // namespace ordeal::report
