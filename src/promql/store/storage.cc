#include "promql/store/storage.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::promql {
namespace {

bool by_name(const Labels::Pair& a, const Labels::Pair& b) { return a.first < b.first; }

bool plain(std::string_view name, bool colon_allowed) {
  auto legal = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colon_allowed && c == ':');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), legal);
}

}  // namespace

Labels::Labels(std::vector<Pair> pairs) : pairs_(std::move(pairs)) {
  std::stable_sort(pairs_.begin(), pairs_.end(), by_name);
  std::vector<Pair> kept;
  kept.reserve(pairs_.size());
  for (Pair& pair : pairs_) {
    if (!kept.empty() && kept.back().first == pair.first) kept.pop_back();
    kept.push_back(std::move(pair));
  }
  std::erase_if(kept, [](const Pair& pair) { return pair.second.empty(); });
  pairs_ = std::move(kept);
}

std::string_view Labels::get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

void Labels::set(std::string_view name, std::string_view value) {
  auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name,
                             [](const Pair& pair, std::string_view wanted) { return pair.first < wanted; });
  bool found = at != pairs_.end() && at->first == name;
  if (value.empty()) {
    if (found) pairs_.erase(at);
  } else if (found) {
    at->second = value;
  } else {
    pairs_.emplace(at, name, value);
  }
}

size_t Labels::hash() const {
  size_t hash = 0xcbf29ce484222325u;
  auto mix = [&hash](const std::string& text) {
    hash = (hash ^ std::hash<std::string>{}(text)) * 0x100000001b3u;
    hash ^= hash >> 29;
  };
  for (const auto& [name, value] : pairs_) {
    mix(name);
    mix(value);
  }
  return hash;
}

std::string Labels::text() const {
  std::string_view metric = get(kMetricName);
  std::string head, body;
  if (plain(metric, true)) {
    head = metric;
  } else if (!metric.empty()) {
    body = quoted(metric);
  }
  for (const auto& [name, value] : pairs_) {
    if (name == kMetricName) continue;
    if (!body.empty()) body += ", ";
    body += plain(name, false) ? name : quoted(name);
    body += "=" + quoted(value);
  }
  return body.empty() && !head.empty() ? head : head + "{" + body + "}";
}

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value == std::floor(value) && std::abs(value) < 1e15 ? value + 0.0 : value);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace ordeal::promql
