// The first option out of its range, as a sentence: "probes is 0: it must be between 1 and 1000".
#pragma once

#include <cstdio>
#include <string>

#include "ordeal/resilience/time.h"

namespace ordeal::resilience {

class RangeCheck {
 public:
  RangeCheck& that(bool holds, const char* option, const std::string& found, const char* range) {
    if (!holds && error_.empty()) error_ = std::string(option) + " is " + found + ": it must be " + range;
    return *this;
  }
  RangeCheck& within(const char* option, double value, double least, double most, const char* range) {
    return that(value >= least && value <= most, option, number(value), range);
  }
  RangeCheck& within(const char* option, Duration value, Duration least, Duration most, const char* range) {
    return that(value >= least && value <= most, option, std::to_string(value.count()) + " ns", range);
  }
  std::string error() const { return error_; }

  static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
  }

 private:
  std::string error_;
};

}  // namespace ordeal::resilience
