#include "prometheus/promql/store/labels.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::promql {
namespace {

bool plain(std::string_view name, bool colon_allowed) {
  auto legal = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colon_allowed && c == ':');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::all_of(name.begin(), name.end(), legal);
}

}  // namespace

Labels::Labels(std::vector<Pair> pairs) {
  auto by_name = [](const Pair& a, const Pair& b) { return a.first < b.first; };
  std::stable_sort(pairs.begin(), pairs.end(), by_name);
  std::string encoded;
  for (size_t i = 0; i < pairs.size(); ++i) {
    bool again = i + 1 < pairs.size() && pairs[i + 1].first == pairs[i].first;
    if (!again && !pairs[i].second.empty()) append(encoded, pairs[i].first, pairs[i].second);
  }
  adopt(encoded);
}

void Labels::append(std::string& to, std::string_view name, std::string_view value) {
  for (std::string_view text : {name, value}) {
    auto size = static_cast<uint32_t>(text.size());
    to += static_cast<char>(std::min<uint32_t>(size, kLong));
    if (size >= kLong) to.append(reinterpret_cast<const char*>(&size), sizeof size);
    to += text;
  }
}

void Labels::adopt(const std::string& encoded) {
  release();
  block_ = nullptr;
  if (encoded.empty()) return;
  block_ = allocate(encoded.size());
  std::memcpy(reinterpret_cast<char*>(block_ + 1), encoded.data(), encoded.size());
}

void Labels::set(std::string_view name, std::string_view value) {
  if (get(name) == value) return;
  std::string encoded;
  encoded.reserve(bytes() + name.size() + value.size() + 10);
  bool placed = value.empty();
  for (const auto& [key, old] : *this) {
    if (!placed && name <= key) {
      append(encoded, name, value);
      placed = true;
    }
    if (key != name) append(encoded, key, old);
  }
  if (!placed) append(encoded, name, value);
  adopt(encoded);
}

size_t LabelsView::size() const {
  size_t count = 0;
  for (Iterator at = begin(); at != end(); ++at) ++count;
  return count;
}

bool LabelsView::operator<(const LabelsView& other) const {
  Iterator a = begin(), b = other.begin();
  for (; a != end() && b != other.end(); ++a, ++b)
    if (*a != *b) return *a < *b;
  return !(a != end()) && b != other.end();
}

std::string LabelsView::text() const {
  std::string_view metric = get(kMetricName);
  std::string head, body;
  if (plain(metric, true)) {
    head = metric;
  } else if (!metric.empty()) {
    body = promql::quoted(metric);
  }
  for (const auto& [name, value] : *this) {
    if (name == kMetricName) continue;
    if (!body.empty()) body += ", ";
    body += plain(name, false) ? std::string(name) : promql::quoted(name);
    body += "=" + promql::quoted(value);
  }
  return body.empty() && !head.empty() ? head : head + "{" + body + "}";
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
