#include "core/model/cluster/names.h"

#include <fmt/format.h>

namespace ordeal::cluster {
namespace {

constexpr size_t kMostOfLabel = 63;
constexpr size_t kMostOfName = 253;
constexpr size_t kHashed = 17;  // "-" and 16 digits

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv): tells long names apart, keeps no secret.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

// The beginning of `name`, which is too long, and what tells `whole` from others; a part between dots ends in no "-".
std::string shortened(std::string_view name, std::string_view whole, size_t most) {
  std::string_view begin = name.substr(0, most - kHashed);
  while (!begin.empty() && std::string_view(".-_").find(begin.back()) != std::string_view::npos) begin.remove_suffix(1);
  return fmt::format("{}-{:016x}", begin, hash_of(whole));
}

}  // namespace

std::string label_value(std::string_view name) {
  return name.size() <= kMostOfLabel ? std::string(name) : shortened(name, name, kMostOfLabel);
}

std::string injection_name(std::string_view experiment, std::string_view run, std::string_view node) {
  std::string_view tail = run.substr(run.rfind('-') + 1);  // the random part
  std::string name = fmt::format("{}-{}-{}", experiment, tail, node);
  if (name.size() <= kMostOfName) return name;
  return shortened(name, fmt::format("{}/{}/{}", experiment, run, node), kMostOfName);
}

}  // namespace ordeal::cluster
