#include "run/report/html/markup.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "core/base/text/printable.h"

namespace ordeal::report {
namespace {

std::string_view entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    CodePoint point = first_code_point(text);
    std::string_view piece = text.substr(0, point.bytes), special = entity(text[0]);
    bool space = text[0] == '\n' || text[0] == '\t';
    if (!special.empty())
      out += special;
    else
      out += space ? std::string(piece) : printable(piece);
    text.remove_prefix(point.bytes);
  }
  return out;
}

std::string coordinate(double value) {
  double tenths = std::round(value * 10);
  if (!std::isfinite(tenths)) tenths = 0;
  auto whole = static_cast<int64_t>(tenths);
  return whole % 10 == 0 ? fmt::format("{}", whole / 10) : fmt::format("{:.1f}", tenths / 10);
}

void Markup::start(std::string_view name, Attributes attributes) {
  out_ += '<';
  out_ += name;
  for (const auto& [key, value] : attributes) {
    out_ += ' ';
    out_ += key;
    out_ += "=\"";
    out_ += value.text();
    out_ += '"';
  }
}

Markup& Markup::open(std::string_view name, Attributes attributes) {
  start(name, attributes);
  out_ += '>';
  stack_.emplace_back(name);
  return *this;
}

Markup& Markup::close() {
  if (stack_.empty()) return *this;
  out_ += "</" + stack_.back() + ">";
  stack_.pop_back();
  return *this;
}

Markup& Markup::empty(std::string_view name, Attributes attributes) {
  start(name, attributes);
  out_ += "/>";
  return *this;
}

Markup& Markup::element(std::string_view name, Attributes attributes, std::string_view content) {
  return open(name, attributes).text(content).close();
}

Markup& Markup::text(std::string_view content) {
  out_ += escape(content);
  return *this;
}

Markup& Markup::raw(std::string_view markup) {
  out_ += markup;
  return *this;
}

std::string Markup::take() {
  while (!stack_.empty()) close();
  return std::move(out_);
}

}  // namespace ordeal::report
