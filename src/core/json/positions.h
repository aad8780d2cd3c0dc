// Where each value of a JSON text stands: the parser says nothing of that. Also finds the key that stands twice in one
// object: parsers keep the last and say nothing; a person who wrote two meant only one of them.
// Rule: the text must be one that json::parse takes.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ordeal::json {

// All field paths of a text together; an honest file needs a thousandth of it.
constexpr size_t kMaxPathBytes = 16 << 20;

// The line on which the value of each field path begins ("attack.args.delay", "expect[0].name"; "" is the whole).
Result<std::map<std::string, int>> find_lines(std::string_view text);

}  // namespace ordeal::json
