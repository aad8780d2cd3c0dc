#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prometheus/metrics/exposition.h"

namespace ordeal::metrics {
namespace {

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

bool plain(std::string_view name, bool colon_allowed) {
  auto legal = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colon_allowed && c == ':');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), legal);
}

std::string name_text(std::string_view name, bool colon_allowed) {
  return plain(name, colon_allowed) ? std::string(name) : "\"" + escaped(name, true) + "\"";
}

void write_sample(const Sample& sample, std::string& out) {
  std::string head, body;
  for (const auto& [name, value] : sample.labels) {
    if (name != "__name__") {
      body += fmt::format("{}{}=\"{}\"", body.empty() ? "" : ",", name_text(name, false), escaped(value, true));
    } else if (plain(value, true)) {
      head = value;
    } else {
      body = name_text(value, true) + (body.empty() ? "" : ",") + body;
    }
  }
  out += head;
  if (!body.empty()) out += "{" + body + "}";
  out += " " + number_text(sample.value);
  if (sample.timestamp_ms) out += fmt::format(" {}", *sample.timestamp_ms);
  out += "\n";
}

}  // namespace

std::string_view type_name(Type type) {
  constexpr std::string_view kNames[] = {"untyped", "counter", "gauge",    "histogram",
                                         "summary", "info",    "stateset", "gaugehistogram"};
  return kNames[static_cast<size_t>(type)];
}

std::optional<Type> type_named(std::string_view name) {
  if (name == "unknown") return Type::kUnknown;
  for (int i = 0; i <= static_cast<int>(Type::kGaugeHistogram); ++i) {
    if (type_name(static_cast<Type>(i)) == name) return static_cast<Type>(i);
  }
  return std::nullopt;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string write_exposition(const std::vector<Family>& families) {
  std::string out;
  for (const Family& family : families) {
    std::string name = name_text(family.name, true);
    if (!family.help.empty()) out += fmt::format("# HELP {} {}\n", name, escaped(family.help, false));
    out += fmt::format("# TYPE {} {}\n", name, type_name(family.type));
    for (const Sample& sample : family.samples) write_sample(sample, out);
  }
  return out;
}

}  // namespace ordeal::metrics
