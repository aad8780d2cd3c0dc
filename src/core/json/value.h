// The JSON value of the project is boost::json's; this header names it and adds what it lacks.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace ordeal::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

inline Array texts(const std::vector<std::string>& items) { return Array(items.begin(), items.end()); }

// Errors name line and column. Depth at most 32.
Result<Value> parse(std::string_view text);
// One line, keys in insertion order; whole doubles print as "1.0", not "1E0". NaN and infinities become strings. Always
// valid UTF-8: what is none in a text is written as valid_text() says.
std::string write(const Value& value);
// Two spaces an indent.
std::string write_pretty(const Value& value);

}  // namespace ordeal::json
