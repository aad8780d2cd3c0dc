#include "report/markup.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace ordeal::report {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

// The length of the UTF-8 sequence at the start of `text`, 0 when it is not valid or not allowed in XML.
size_t valid_sequence(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 || lead == '\t' || lead == '\n' ? (lead == 0x7f ? 0 : 1) : 0;
  size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  uint32_t point = lead & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3fu);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  bool forbidden = point < kLeast[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ||
                   (point >= 0x80 && point < 0xa0) || point == 0xfffe || point == 0xffff;
  return forbidden ? 0 : size;
}

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
    size_t size = valid_sequence(text);
    std::string_view special = entity(text[0]);
    if (size == 0)
      out += kReplacement;
    else
      out += special.empty() ? text.substr(0, size) : special;
    text.remove_prefix(std::max<size_t>(size, 1));
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
