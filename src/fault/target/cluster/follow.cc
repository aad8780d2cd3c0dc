#include "fault/target/cluster/follow.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "fault/target/cluster/units.h"
#include "fault/target/draw.h"

namespace ordeal::target {
namespace {

using Picks = std::vector<ClusterPick>;

// Every unit of the view that runs, whatever the rules say of it; none where the target describes nobody any more.
std::set<std::string> running_keys(const Target& target, const cluster::View& view, const ClusterRules& rules) {
  Judge judge(target, view, rules);
  std::set<std::string> keys;
  auto units = find_units(target, rules, view);
  if (!units) return keys;
  for (const Unit& unit : *units)
    if (unit.runs()) keys.insert(key_of(judge.pick(unit)));
  return keys;
}

// How many are to be hit, of `allowed` that may be.
int64_t wanted(const Target& target, int64_t allowed) {
  if (target.count) return std::min(*target.count, allowed);
  return target.percentage ? take_percent(allowed, *target.percentage) : allowed;
}

// The most of `fresh`, from its beginning, that no gate refuses beside those that are alive; and what refuses one more.
struct Admitted {
  size_t count = 0;
  std::optional<GateRefusal> refusal;
};

class Admission {
 public:
  Admission(const Experiment& experiment, const AttackFacts& facts, const ClusterRules& rules,
            const cluster::View& view, const ClusterLoad& others, const Picks& alive, const ClusterJudged& judged)
      : experiment_(experiment), facts_(facts), rules_(rules), view_(view), others_(others) {
    choice_.chosen = alive;
    choice_.candidates = judged.candidates;
    choice_.uids = judged.uids;
  }

  Result<Admitted> most_of(const Picks& fresh) {
    Admitted admitted{fresh.size(), {}};
    admitted.refusal = TRY(refusal_with(fresh, fresh.size()));
    if (!admitted.refusal) return admitted;
    size_t low = 0, high = fresh.size();  // `high` is refused; more is never allowed where less is not
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      auto refusal = TRY(refusal_with(fresh, middle));
      if (refusal)
        high = middle;
      else
        low = middle + 1;
    }
    admitted.count = low == 0 ? 0 : low - 1;
    return admitted;
  }

 private:
  Result<std::optional<GateRefusal>> refusal_with(const Picks& fresh, size_t count) {
    ClusterChoice choice = choice_;
    choice.chosen.insert(choice.chosen.end(), fresh.begin(), fresh.begin() + static_cast<std::ptrdiff_t>(count));
    Gates gates = TRY(judge_gates(experiment_, facts_, rules_, view_, choice, others_));
    std::optional<GateRefusal> first;
    if (!gates.refusals.empty()) first = std::move(gates.refusals.front());
    return first;
  }

  const Experiment& experiment_;
  const AttackFacts& facts_;
  const ClusterRules& rules_;
  const cluster::View& view_;
  const ClusterLoad& others_;
  ClusterChoice choice_;
};

// Sorts the held into those that run still and the keys of those that do not.
Picks alive_of(const Following& state, const std::set<std::string>& running, std::vector<std::string>& gone) {
  Picks alive;
  for (const ClusterPick& pick : state.held) {
    if (running.count(key_of(pick)))
      alive.push_back(pick);
    else
      gone.push_back(key_of(pick));
  }
  return alive;
}

// Those that were never allowed before.
Picks newcomers(Picks&& allowed, Following& state) {
  Picks fresh;
  for (ClusterPick& pick : allowed)
    if (state.seen.insert(key_of(pick)).second) fresh.push_back(std::move(pick));
  return fresh;
}

Picks draw_of(Picks&& fresh, int64_t more, uint64_t seed, std::vector<Refusal>& left_out) {
  std::vector<size_t> drawn = draw(fresh.size(), std::max<int64_t>(more, 0), seed);
  Picks asked;
  for (size_t i = 0, next = 0; i < fresh.size(); ++i) {
    if (next < drawn.size() && drawn[next] == i) {
      asked.push_back(std::move(fresh[i]));
      ++next;
    } else {
      left_out.push_back({fresh[i].model_victim.name, "not drawn: as many as the target asks for are hit"});
    }
  }
  return asked;
}

// What a gate refuses now may be let in once others are gone.
void admit(Picks&& asked, const Admitted& admitted, Following& state, Followed& followed) {
  for (size_t i = 0; i < asked.size(); ++i) {
    if (i >= admitted.count) {
      state.seen.erase(key_of(asked[i]));
      followed.left_out.push_back({asked[i].model_victim.name, admitted.refusal->sentence});
      continue;
    }
    state.held.push_back(asked[i]);
    followed.taken.push_back(std::move(asked[i]));
  }
}

}  // namespace

Result<Followed> follow(const Experiment& experiment, const AttackFacts& facts, const ClusterRules& rules,
                        const cluster::View& view, const ClusterLoad& others, uint64_t seed, Following& state) {
  const Target& target = experiment.target;
  Followed followed;
  if (!target.follow) return followed;
  Picks hit = alive_of(state, running_keys(target, view, rules), followed.gone);
  // Whom a kill has hit stays hit: the pod that comes in its place is no further victim.
  if (facts.one_way) hit = state.held;
  auto judged = judge_in_cluster(target, view, rules);
  if (!judged && judged.error().code == Errc::kNotInjected) return followed;  // nobody is there now
  if (!judged) return tl::unexpected(judged.error());
  int64_t more = wanted(target, static_cast<int64_t>(judged->allowed.size())) - static_cast<int64_t>(hit.size());
  Picks fresh = newcomers(std::move(judged->allowed), state);
  Picks asked = draw_of(std::move(fresh), more, seed, followed.left_out);
  Admission admission(experiment, facts, rules, view, others, hit, *judged);
  Admitted admitted = TRY(admission.most_of(asked));
  admit(std::move(asked), admitted, state, followed);
  return followed;
}

}  // namespace ordeal::target
