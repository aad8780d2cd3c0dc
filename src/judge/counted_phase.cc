#include "judge/counted_phase.h"

#include <algorithm>
#include <cmath>

#include "judge/cusum.h"

namespace ordeal::judge {
namespace {

// Kullback-Leibler divergence of two coins, in nats.
double divergence(double p, double q) {
  double heads = p > 0 ? p * std::log(p / q) : 0;
  double tails = p < 1 ? (1 - p) * std::log((1 - p) / (1 - q)) : 0;
  return heads + tails;
}

std::optional<CountedShare> greatest(const std::map<std::string, CountedShare>& shares) {
  std::optional<CountedShare> found;
  for (const auto& [name, share] : shares)
    if (share.total > 0 && (!found || share.share() > found->share())) found = share;
  return found;
}

}  // namespace

CountedPhase::Groups CountedPhase::groups_of(const Counts& counts) {
  Groups groups;
  for (const Counts::Group& group : counts.groups) groups[group.name] = group;
  return groups;
}

void CountedPhase::before(const Counts& counts) {
  if (counts.trouble.empty()) base_ = last_ = groups_of(counts);
}

void CountedPhase::add(const Counts& counts, bool inside) {
  if (!counts.trouble.empty()) return;
  last_ = groups_of(counts);
  if (inside && !first_) first_ = last_;
}

std::map<std::string, CountedShare> CountedPhase::since(const Groups& base) const {
  std::map<std::string, CountedShare> shares;
  for (const auto& [name, group] : last_) {
    auto found = base.find(name);
    const Counts::Group& from = found == base.end() ? Counts::Group{} : found->second;
    double total = std::max(0.0, group.total - from.total);
    shares[name] = {name, std::clamp(group.bad - from.bad, 0.0, total), total};
  }
  return shares;
}

std::optional<CountedShare> CountedPhase::inside() const { return first_ ? greatest(since(*first_)) : std::nullopt; }

bool CountedPhase::supports(double allowed) const {
  auto worst = inside();
  return worst && worst->share() <= allowed;
}

std::optional<CountedShare> CountedPhase::contradiction(double allowed, double dispersion) const {
  std::map<std::string, CountedShare> beyond_chance;
  for (const auto& [name, share] : since(base_)) {
    if (share.share() <= allowed) continue;
    double evidence = share.total * divergence(share.share(), allowed) / std::max(1.0, dispersion);
    if (evidence >= -std::log(kFalseAlarms)) beyond_chance[name] = share;
  }
  return greatest(beyond_chance);
}

}  // namespace ordeal::judge
