// Flags: labels above a plot, each at its instant, stacked in rows so that no label covers another or is crossed by
// the leader of a later one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ordeal::report {

struct Flag {
  double x = 0;
  std::string mark_class;  // of the leader and the text
  std::string text;
  size_t row = 0;         // set by place_flags
  bool leftward = false;  // the text ends at x, because there is no room to the right
};

// An estimate for the sans-serif of the page at 11 px; on the large side.
double text_width(std::string_view text);
// Sorts by x and sets row and leftward; gives the number of rows.
size_t place_flags(std::vector<Flag>& flags, double right_end);

}  // namespace ordeal::report
