#include "run/session/cluster/cluster_session.h"

#include <algorithm>

#include "watch/sources/source_watcher.h"

namespace ordeal::session {
namespace {

constexpr Nanos kInjectAtMost = 75s;  // the world itself gives up after 60 s
constexpr size_t kMostTroubles = 20;
constexpr const char* kAfterFailedRevert =
    "look at the node that is named: `ordeal revert` and `ordeal verify-clean` on it; `kubectl get halts` shows "
    "whether "
    "the cluster is halted";

Result<engine::Setup> make_setup(const ClusterPrepared& prepared, const ClusterRun& run) {
  engine::Setup setup{prepared.experiment, prepared.victims, {}, {}, prepared.warnings, prepared.sample_every};
  setup.one_way = run.one_way;
  setup.one_by_one = false;
  setup.follow = prepared.experiment.target.follow;
  setup.candidates = static_cast<int64_t>(prepared.choice.allowed.size());
  setup.injector = "an agent";
  setup.inject_at_most = kInjectAtMost;
  setup.revert_at_most = 2 * run.lease + 5s;
  setup.after_failed_revert = kAfterFailedRevert;
  for (const Expectation& expectation : prepared.experiment.expect) {
    setup.judges.push_back(TRY(judge::Judge::create(expectation)));
    bool counted = !watch::counted_from(expectation, prepared.experiment.sources).empty();
    setup.triggers.push_back(counted ? judge::FastTrigger::create(prepared.experiment, expectation) : std::nullopt);
  }
  return setup;
}

}  // namespace

Result<std::unique_ptr<ClusterSession>> ClusterSession::create(const ClusterPrepared& prepared, ClusterRun run,
                                                               ClusterNow now, Send send, Now clock, WallOffset offset,
                                                               const MakeParts& make_parts, engine::Sink sink) {
  std::unique_ptr<ClusterSession> session(new ClusterSession(now.pods));
  session->pages_ = prepared.pages;
  engine::Setup setup = TRY(make_setup(prepared, run));
  std::string id = run.run;
  session->world_ =
      std::make_unique<ClusterWorld>(std::move(run), prepared.targets, std::move(now), std::move(send), clock);
  session->parts_ = TRY(make_parts(session->world_->inbox()));
  ClusterWorld& world = *session->world_;
  session->engine_ = std::make_unique<engine::Session>(
      std::move(setup),
      engine::World{*session->parts_.watcher, world, *session->parts_.actuator, world, std::move(clock)}, world.inbox(),
      engine::Session::Options{id, offset, prepared.experiment.sources.interval}, std::move(sink));
  return session;
}

// Each trouble once, whatever its numbers, and not more than a few.
void ClusterSession::collect_troubles() {
  if (!parts_.troubles) return;
  for (const std::string& trouble : parts_.troubles()) {
    std::string kind = trouble;
    std::erase_if(kind, [](unsigned char c) { return std::isdigit(c) != 0; });
    if (told_.size() >= kMostTroubles || std::find(told_.begin(), told_.end(), kind) != told_.end()) continue;
    told_.push_back(std::move(kind));
    world_->inbox().push_back(engine::Warning{trouble});
  }
}

void ClusterSession::drop_pages() {
  if (pages_.empty() || std::exchange(pods_judged_, pods_.changes()) == pods_.changes()) return;
  for (const PodPage& page : take_gone(pages_, pods_))
    if (parts_.drop_page) parts_.drop_page(page.url);
}

void ClusterSession::dispatch() {
  drop_pages();
  parts_.watcher->dispatch();
  parts_.dispatch_actuator();
  collect_troubles();
  world_->dispatch();
  engine_->dispatch();
  if (engine_->finished()) world_->revert_all("the run has ended");
  world_->flush();
}

BootTime ClusterSession::next_wake() const {
  return engine_->finished() ? world_->next_wake() : std::min(engine_->next_wake(), world_->next_wake());
}

}  // namespace ordeal::session
