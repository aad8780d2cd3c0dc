// How the resources of a cluster stand in JSON, field by field: their codecs (resources.cc) and their schemas (the
// definitions in charts/ordeal/crds) are made from this one description.
#pragma once

#include "core/model/cluster/resources.h"
#include "core/model/fields.h"

namespace ordeal::json {

template <>
struct Shape<cluster::Renewal> {
  using R = cluster::Renewal;
  // All of it is always written: a merge patch must be able to take a value back.
  static constexpr auto kFields =
      std::tuple{must("count", &R::count), must("halt", &R::halt), must("go", &R::go), must("stop", &R::stop)};
};
template <>
struct Shape<cluster::LookLine> {
  using L = cluster::LookLine;
  static constexpr auto kFields =
      std::tuple{must("name", &L::name), must("value", &L::value), must("reading", &L::reading)};
};
template <>
struct Shape<cluster::ExperimentStatus> {
  using S = cluster::ExperimentStatus;
  static constexpr auto kFields = std::tuple{may("observedGeneration", &S::observed_generation),
                                             may("run", &S::run),
                                             may("holder", &S::holder),
                                             may("phase", &S::phase),
                                             may("verdict", &S::verdict),
                                             may("reason", &S::reason),
                                             may("exit", &S::exit),
                                             may("candidates", &S::candidates),
                                             may("victims", &S::victims),
                                             may("injected", &S::injected),
                                             may("reverted", &S::reverted),
                                             may("started", &S::started),
                                             may("ended", &S::ended),
                                             may("renewal", &S::renewal),
                                             may("looks", &S::looks),
                                             may("conditions", &S::conditions)};
};
template <>
struct Shape<cluster::ClusterVictim> {
  using V = cluster::ClusterVictim;
  static constexpr auto kFields =
      std::tuple{must("kind", &V::kind), may("namespace", &V::namespace_), may("pod", &V::pod),
                 may("uid", &V::uid),    may("container", &V::container),  may("containerID", &V::container_id)};
};
template <>
struct Shape<cluster::PlannedImpact> {
  using P = cluster::PlannedImpact;
  static constexpr auto kFields = std::tuple{must("id", &P::id), must("victim", &P::victim), must("attack", &P::attack),
                                             may("atMs", &P::at), may("peers", &P::peers)};
};
template <>
struct Shape<cluster::InjectionSpec> {
  using S = cluster::InjectionSpec;
  static constexpr auto kFields = std::tuple{must("run", &S::run),
                                             must("experiment", &S::experiment),
                                             must("experimentUID", &S::experiment_uid),
                                             must("node", &S::node),
                                             must("leaseMs", &S::lease),
                                             may("waitsForGo", &S::waits_for_go),
                                             must("candidates", &S::candidates),
                                             may("nodes", &S::nodes),
                                             must("impacts", &S::impacts)};
};
template <>
struct Shape<cluster::ImpactStatus> {
  using S = cluster::ImpactStatus;
  static constexpr auto kFields = std::tuple{must("id", &S::id),
                                             must("state", &S::state),
                                             may("error", &S::error),
                                             may("hint", &S::hint),
                                             may("code", &S::code),
                                             must("steps", &S::steps),
                                             may("inForceMs", &S::in_force),
                                             may("tookMs", &S::took),
                                             may("broken", &S::broken),
                                             may("clean", &S::clean),
                                             may("why", &S::why),
                                             must("proof", &S::proof)};
};
template <>
struct Shape<cluster::InjectionStatus> {
  using S = cluster::InjectionStatus;
  static constexpr auto kFields =
      std::tuple{must("state", &S::state),         may("agent", &S::agent), may("renewal", &S::renewal),
                 may("haltedBy", &S::halted_by),   may("why", &S::why),     must("impacts", &S::impacts),
                 may("conditions", &S::conditions)};
};

}  // namespace ordeal::json
