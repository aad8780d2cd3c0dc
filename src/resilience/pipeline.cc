#include "ordeal/resilience/pipeline.h"

namespace ordeal::resilience::detail {

namespace {

using Policies = std::vector<PolicyFacts>;

// Calls `visit(outer, inner)` for each pair of these kinds in this order.
template <class Visit>
void each_pair(const Policies& policies, PolicyKind outer, PolicyKind inner, Visit visit) {
  for (size_t i = 0; i < policies.size(); ++i) {
    for (size_t j = i + 1; j < policies.size(); ++j) {
      if (policies[i].kind == outer && policies[j].kind == inner) visit(policies[i], policies[j]);
    }
  }
}

}  // namespace

std::string describe(const Policies& policies) {
  std::string text;
  for (const PolicyFacts& policy : policies) text += (text.empty() ? "" : " > ") + policy.text;
  return text;
}

std::vector<std::string> warnings(const Policies& policies) {
  std::vector<std::string> found;
  auto warn = [&](PolicyKind outer, PolicyKind inner, const char* effect, auto applies) {
    each_pair(policies, outer, inner, [&](const PolicyFacts& out, const PolicyFacts& in) {
      if (applies(out, in)) found.push_back(out.text + " is outside of " + in.text + ": " + effect);
    });
  };
  auto always = [](const PolicyFacts&, const PolicyFacts&) { return true; };
  auto shorter = [](const PolicyFacts& limit, const PolicyFacts& retry) { return limit.limit <= retry.first_delay; };
  warn(PolicyKind::kTimeLimit, PolicyKind::kRetry, "the time is over before the first retry", shorter);
  warn(PolicyKind::kCircuitBreaker, PolicyKind::kRetry,
       "it sees one call for all attempts, and cannot stop those that follow a trip", always);
  warn(PolicyKind::kBulkhead, PolicyKind::kRetry, "a slot is held while waiting for the next attempt", always);
  warn(PolicyKind::kCircuitBreaker, PolicyKind::kFallback, "it sees the fallback's answers, and never opens", always);
  warn(PolicyKind::kRetry, PolicyKind::kFallback, "it sees the fallback's answers, and never retries", always);
  return found;
}

}  // namespace ordeal::resilience::detail
