#include "core/json/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <cmath>

#include "core/base/text/text.h"

namespace ordeal::json {
namespace {

constexpr size_t kDepth = 32;

std::string write_double(double number) {
  if (std::isnan(number)) return "\"NaN\"";
  if (std::isinf(number)) return number > 0 ? "\"+Inf\"" : "\"-Inf\"";
  std::string text = fmt::format("{}", number);
  return text;
}

struct Writer {
  bool pretty;
  std::string out;

  // What is written can be read again, whatever bytes a name from outside was made of.
  void put_text(std::string_view text) { out += boost::json::serialize(Value(valid_text(text))); }

  void newline(int depth) {
    if (!pretty) return;
    out += '\n';
    out.append(static_cast<size_t>(depth) * 2, ' ');
  }

  void put(const Value& value, int depth) {
    if (value.is_object()) return put_object(value.get_object(), depth);
    if (value.is_array()) return put_array(value.get_array(), depth);
    if (value.is_string()) return put_text(value.get_string());
    out += value.is_double() ? write_double(value.get_double()) : boost::json::serialize(value);
  }

  void put_object(const Object& object, int depth) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : object) {
      if (!first) out += ',';
      first = false;
      newline(depth + 1);
      put_text(key);
      out += pretty ? ": " : ":";
      put(item, depth + 1);
    }
    if (!first) newline(depth);
    out += '}';
  }

  void put_array(const Array& array, int depth) {
    out += '[';
    bool first = true;
    for (const Value& item : array) {
      if (!first) out += ',';
      first = false;
      newline(depth + 1);
      put(item, depth + 1);
    }
    if (!first) newline(depth);
    out += ']';
  }
};

}  // namespace

Result<Value> parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kDepth;
  boost::json::stream_parser parser({}, options);
  boost::system::error_code error;
  size_t used = parser.write_some(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  if (!error && text.substr(used).find_first_not_of(" \t\r\n") != std::string_view::npos)
    error = boost::json::error::extra_data;
  if (!error) return parser.release();
  std::string_view before = text.substr(0, used);
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t start = before.rfind('\n');
  size_t column = start == std::string_view::npos ? used + 1 : used - start;
  std::string why = error == boost::json::error::too_deep ? fmt::format("nested deeper than {} levels", kDepth)
                                                          : "not JSON: " + error.message();
  return fail(Errc::kInvalidInput, fmt::format("line {}, column {}: {}", line, column, why));
}

std::string write(const Value& value) {
  Writer writer{false, {}};
  writer.put(value, 0);
  return std::move(writer.out);
}

std::string write_pretty(const Value& value) {
  Writer writer{true, {}};
  writer.put(value, 0);
  return std::move(writer.out) + "\n";
}

}  // namespace ordeal::json
