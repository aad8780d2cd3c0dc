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

// How a time limit cuts these delays short, or "". The attempts take time too, hence "about".
std::string cut_short(Duration limit, const std::vector<Duration>& delays) {
  Duration sum{0};
  size_t fit = 1;
  for (Duration delay : delays) {
    sum += delay;
    if (sum < limit) ++fit;
  }
  if (fit > delays.size()) return "";
  return "its delays add up to " + seconds_text(sum) + ", so about " + std::to_string(fit) +
         (fit == 1 ? " attempt fits" : " attempts fit");
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
  each_pair(policies, PolicyKind::kTimeLimit, PolicyKind::kRetry, [&](const PolicyFacts& limit, const PolicyFacts& in) {
    std::string effect = cut_short(limit.limit, in.delays);
    if (!effect.empty()) found.push_back(limit.text + " is outside of " + in.text + ": " + effect);
  });
  warn(PolicyKind::kRetry, PolicyKind::kCircuitBreaker, "it retries refusals, and every refusal costs its delays",
       [](const PolicyFacts& retry, const PolicyFacts&) { return retry.retries_refused; });
  warn(PolicyKind::kCircuitBreaker, PolicyKind::kRetry,
       "it sees one call for all attempts, and cannot stop those that follow a trip", always);
  warn(PolicyKind::kBulkhead, PolicyKind::kRetry, "a slot is held while waiting for the next attempt", always);
  warn(PolicyKind::kCircuitBreaker, PolicyKind::kFallback, "it sees the fallback's answers, and never opens", always);
  warn(PolicyKind::kRetry, PolicyKind::kFallback, "it sees the fallback's answers, and never retries", always);
  return found;
}

}  // namespace ordeal::resilience::detail
