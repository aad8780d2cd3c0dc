#include "fault/guard/guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "core/base/defer.h"
#include "core/base/io/failpoint.h"
#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "fault/guard/link/wire.h"
#include "fault/guard/recovery/dead_runs.h"
#include "fault/guard/recovery/journal.h"
#include "platform/host/halt_request.h"
#include "platform/host/latch.h"
#include "platform/host/own_cgroup.h"
#include "platform/host/priority.h"
#include "platform/host/state/state_dirs.h"
#include "platform/sys/process/process.h"
#include "platform/sys/process/protected.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kRenewEvery = 250ms;
constexpr Nanos kWatchVictimsEvery = 50ms;
constexpr Nanos kCheckLatchEvery = 200ms;
constexpr Nanos kReadRulesEvery = 100ms;
constexpr Nanos kHearAtMost = 50ms;

// What each long step may take on a machine that is slow. What hangs inside of one is found that much later, and so is
// kept as long as what is in force already; network rules end after 2 s by the kernel's own lease all the same.
constexpr Nanos kApplyBudget = 5s;   // looks at every process, waits for the reaper's disk, freezes
constexpr Nanos kMostGoing = 5s;     // that what was let go is waited for at the end, all together
constexpr Nanos kSlice = 5ms;        // between two looks whether it is over
constexpr Nanos kRevertBudget = 5s;  // of one impact; waits for the reaper
constexpr Nanos kWorkBudget = 1s;    // a round, a look for newcomers, reading the rules: every process, or a disk
constexpr Nanos kRenewBudget = 1s;   // one transaction of an impact, behind those of others
constexpr Nanos kLatchBudget = 5s;   // a disk

Result<UniqueFd> watch_halts(const host::Paths& paths, const std::string& run_folder) {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return fail_errno("cannot make an inotify instance");
  constexpr uint32_t kWritten = IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE;
  for (const std::string& folder : {paths.state, run_folder})
    if (::inotify_add_watch(fd.get(), folder.c_str(), kWritten) < 0) return fail_errno("cannot watch " + folder);
  // The folder of the host's latch need not exist; then looking every kCheckLatchEvery has to do.
  for (const std::string& latch : paths.latches) {
    (void)::inotify_add_watch(fd.get(), std::filesystem::path(latch).parent_path().c_str(), kWritten);
    (void)::inotify_add_watch(fd.get(), host::requests_folder(latch).c_str(), kWritten);
  }
  return fd;
}

// A bare "Operation not permitted" helps nobody.
Unexpected explain(Error error, const AttackInfo& info) {
  if (error.sys_errno != EPERM && error.sys_errno != EACCES) return tl::unexpected(std::move(error));
  return wrap(std::move(error), info.type + " needs " + join(info.capabilities, "; "));
}

messages::Failure failure(int impact, const Error& error) {
  return {impact, error.code, error.message(), error.advice()};
}

}  // namespace

Guard::Guard(GuardOptions options, host::Paths paths, host::Registration registration, std::unique_ptr<Pulse> pulse,
             ReaperLink reaper, StandingRules rules)
    : options_(std::move(options)),
      paths_(std::move(paths)),
      registration_(std::move(registration)),
      pulse_(std::move(pulse)),
      reaper_(std::move(reaper)),
      rules_(std::move(rules)),
      leases_(options_.lease),
      random_(Random::fresh_seed()) {}

Result<Guard> Guard::start(GuardOptions options) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  host::Paths paths = TRY(host::Paths::find(options.state_dir));
  TRY_VOID(paths.make());
  TRY_VOID(paths.check_private());
  host::note_state_dir(paths);
  StandingRules rules = TRY(StandingRules::read(options.policies, options.inventory));
  host::Registration registration = TRY(host::Registration::enter(paths, options.run_id));
  failpoint("guard.registered");
  auto pulse = std::make_unique<Pulse>(std::vector<int>{options.engine.get()});
  ReaperLink reaper = TRY(ReaperLink::start(options.run_id, options.state_dir, registration.lock_fd(), *pulse));
  pulse->add(reaper.fd());
  UniqueFd inotify = TRY(watch_halts(paths, registration.folder()));
  Guard guard(std::move(options), std::move(paths), std::move(registration), std::move(pulse), std::move(reaper),
              std::move(rules));
  guard.inotify_ = std::move(inotify);
  Nanos silence_limit = host::raise_priority();
  guard.reaper_.limit_silence(silence_limit);
  guard.send(messages::Ready{guard.reaper_.own_cgroup(), silence_limit});
  return guard;
}

ExitCode Guard::run() {
  while (!done_) {
    wait();                 // something is ready, or something is due
    receive_from_engine();  // its requests; its end is ours
    receive_from_reaper();  // without a reaper nothing may be in force
    receive_halt();         // the latch, or this run's own halt
    end_what_is_due();      // length and lease, before more is done: it may have stood still for long
    end_gone();             // what was let go, and is over
    work_impacts();         // held packets, kill rounds, burners
    watch_victims();        // who is gone is hit no more
    watch_rules();          // a policy that has changed binds at once
    watch_newcomers();      // who joins what is hit, and must not be
    renew_kernel_leases();  // what the kernel drops by itself in 1 s
    beat();
  }
  return leave();
}

void Guard::wait() {
  std::vector<pollfd> fds{{options_.engine.get(), POLLIN, 0},
                          {reaper_.fd(), POLLIN, 0},
                          {inotify_.get(), POLLIN, 0},
                          {newcomers_.fd(), POLLIN, 0}};
  BootTime now = boot_now();
  BootTime until = now + beat_interval(!active_.empty());
  if (!active_.empty()) until = std::min(until, now + kWatchVictimsEvery);
  if (auto due = leases_.next()) until = std::min(until, *due);
  for (const auto& [id, active] : active_) {
    if (active.leaving) {
      until = std::min(until, now + kSlice);
      continue;
    }
    for (int fd : active.impact->descriptors()) fds.push_back({fd, POLLIN, 0});
    if (auto next = active.impact->next_work()) until = std::min(until, *next);
  }
  if (!inbox_.empty()) until = now;
  Nanos left = std::max(Nanos(0), until - now);
  timespec limit = to_timespec(left);
  ::ppoll(fds.data(), fds.size(), &limit, nullptr);
  overslept_ = overslept(boot_now() - now, left);
}

void Guard::receive_from_engine() {
  // A hundred requests must not keep a halt waiting, nor one that takes long the engine's renewal.
  for (BootTime until = boot_now() + kHearAtMost; !done_ && boot_now() < until;) {
    auto listening = inbox_.fill(options_.engine.get());
    if (!listening) return end_by("error", "what the engine sent cannot be read: " + listening.error().message());
    if (!*listening) return end_by("engine", "the engine is gone");
    auto request = inbox_.next();
    if (!request) return;
    std::visit([this](const auto& message) { answer(message); }, *request);
  }
}

void Guard::answer(const messages::Renew&) {
  leases_.renew(boot_now());
  admitted_until_ = boot_now() + options_.lease;
}

void Guard::answer(const messages::Revert& request) {
  reverting_ = true;
  dismiss_admitted();
  end_all(request.why);
  send(messages::NothingInForce{});
}

void Guard::answer(const messages::Bye&) {
  end_all("the run is over");
  done_ = true;
}

void Guard::answer(const messages::Check& request) {
  int id = request.impact;
  if (request.ahead) {
    Pulse::Step checking = pulse_->step(kApplyBudget);
    auto fit = judge_ahead(request);
    return fit ? send(messages::Checked{id}) : send(messages::CheckFailed{failure(id, fit.error())});
  }
  if (!admitted_.count(id) && !answers_.count(id)) {
    Pulse::Step checking = pulse_->step(kApplyBudget);
    auto active = admit(request);
    if (!active) return send(messages::CheckFailed{failure(id, active.error())});
    admitted_.insert_or_assign(id, std::move(*active));
    admitted_until_ = boot_now() + options_.lease;
  }
  send(messages::Checked{id});
}

void Guard::answer(const messages::Apply& request) {
  receive_halt();  // many applies may have been asked for before it
  if (done_) return;
  int id = request.impact;
  if (auto answered = answers_.find(id); answered != answers_.end()) return send(answered->second);
  if (active_.count(id)) return;  // it is answered when it is in force
  if (auto applied = apply(request); !applied) refuse_apply(id, applied.error());
}

void Guard::refuse_apply(int id, const Error& error) {
  send(answers_.insert_or_assign(id, messages::ApplyFailed{failure(id, error)}).first->second);
}

// Their claims are free again.
void Guard::dismiss_admitted() {
  if (admitted_.empty()) return;
  Pulse::Step dismissing = pulse_->step(kRevertBudget);
  std::vector<std::string> claims;
  int64_t given_back = 0;
  while (!admitted_.empty()) {
    shares_.remove(admitted_.begin()->first);
    ActiveImpact active = std::move(admitted_.extract(admitted_.begin()).mapped());
    for (std::string& claim : claims_of(active)) claims.push_back(std::move(claim));
    given_back += shares_.counts(active.victim);
  }
  (void)registration_.release(claims, given_back);
}

Result<> Guard::apply(const messages::Apply& request) {
  int id = request.impact;
  if (active_.empty()) reaper_.expect_beats(boot_now());
  Pulse::Step applying = pulse_->step(kApplyBudget);
  auto admitted = admitted_.extract(id);
  bool fresh = admitted.empty();
  ActiveImpact active = fresh ? TRY(admit(request)) : std::move(admitted.mapped());
  // The world may have gone on since it was admitted.
  auto made = fresh ? Result<>{} : judge_now(active);
  if (made) made = make_impact(active, request);
  if (!made) {
    if (made.error().code == Errc::kRevertFailed) return tl::unexpected(made.error());
    shares_.remove(id);
    (void)registration_.release(claims_of(active), shares_.counts(active.victim));
    return tl::unexpected(made.error());
  }
  BootTime applied = active.applied;
  leases_.awaited(id, applied);
  active_.insert_or_assign(id, std::move(active));
  failpoint("guard.applied");
  note_in_force(id, applied);
  return {};
}

void Guard::note_in_force(int id, BootTime since) {
  ActiveImpact& active = active_.at(id);
  if (answers_.count(id) || !active.impact->in_force()) return;
  active.applied = since;
  leases_.applied(id, active.applied, active.attack.total());
  messages::Applied reply{id, active.victim.name, active.steps, active.applied};
  send(answers_.insert_or_assign(id, std::move(reply)).first->second);
}

Result<> Guard::refuse_when_halted() const {
  if (done_ || reverting_) return fail(Errc::kRefused, "the run is ending");
  if (auto latch = host::latch_engaged(paths_))
    return fail(Errc::kRefused, "the halt latch is engaged: " + latch->reason, "`ordeal resume` releases it");
  auto halt = read_file(registration_.folder() + "/halt");
  if (halt || halt.error().sys_errno != ENOENT) return fail(Errc::kRefused, "the run was halted");
  return {};
}

Result<> Guard::judge_now(ActiveImpact& active) {
  TRY_VOID(refuse_when_halted());
  TRY_VOID(rules_.refresh());
  TRY_VOID(check_victim(active.victim));
  for (const Victim& peer : active.attack.peers) TRY_VOID(check_victim(peer));
  const fault::Fault* fault = TRY(fault::find_fault(active.attack.type));
  std::vector<Step> steps = TRY(fault->plan(active.victim, active.attack, rules_.protection()));
  fault::Reach reach = TRY(fault->reach(active.victim, active.attack));
  if (auto allowed = fault::refuse_protected_in(reach, rules_.protection()); !allowed)
    return wrap(allowed.error(), active.victim.name + " is refused");
  if (active.steps.empty()) active.steps = std::move(steps);  // afterwards it holds what these claim
  auto may = fault->may_apply(active.victim, active.attack, rules_.protection());
  return may ? Result<>{} : explain(std::move(may).error(), fault->info());
}

Result<Guard::ActiveImpact> Guard::judge(const messages::Hit& request) {
  ActiveImpact active;
  active.victim = request.victim;
  active.attack = TRY(resolve_arguments(request.attack, TRY(fault::find_fault(request.attack.type))->info()));
  TRY_VOID(judge_now(active));
  TRY_VOID(VictimWatch().add(0, active.victim));  // it is who was chosen
  for (const Victim& peer : active.attack.peers) TRY_VOID(VictimWatch().add(0, peer));
  TRY_VOID(shares_.check(request.share, active.victim, rules_.policies()));
  return active;
}

Result<> Guard::judge_ahead(const messages::Hit& request) {
  ActiveImpact active = TRY(judge(request));
  return registration_.check(claims_of(active), rules_.policies(), shares_.counts(active.victim), request.candidates);
}

Result<Guard::ActiveImpact> Guard::admit(const messages::Hit& request) {
  ActiveImpact active = TRY(judge(request));
  TRY_VOID(
      registration_.claim(claims_of(active), rules_.policies(), shares_.counts(active.victim), request.candidates));
  shares_.add(request.impact, request.share, active.victim);
  return active;
}

Result<> Guard::make_impact(ActiveImpact& active, const messages::Apply& request) {
  int id = request.impact;
  const fault::Fault* fault = TRY(fault::find_fault(active.attack.type));
  fault::Reach reach = TRY(fault->reach(active.victim, active.attack));
  TRY_VOID(victim_watch_.add(id, active.victim));
  Defer watch_no_more([&] { victim_watch_.remove(id); });
  failpoint("guard.before_apply");
  fault::Context context{boot_now(), active.attack.total(), &random_, &reaper_, request.exemptions};
  context.protection = [this]() -> Result<const fault::Protection*> {
    TRY_VOID(refuse_when_halted());
    TRY_VOID(rules_.refresh());
    return &rules_.protection();
  };
  newcomers_.add(id, active.victim, reach);
  Defer look_no_more([&] { newcomers_.remove(id); });
  // The claims are taken by now: whoever halts either sees them, or is seen here.
  TRY_VOID(refuse_when_halted());
  auto impact = fault->apply(active.victim, active.attack, context);
  if (!impact && impact.error().code == Errc::kRevertFailed) revert_failed(active.victim.name, impact.error());
  if (!impact) return explain(std::move(impact).error(), fault->info());
  active.impact = std::move(*impact);
  active.applied = boot_now();
  if (active.impact->outlives_victim()) newcomers_.let_leave(id);
  look_no_more.cancel();
  watch_no_more.cancel();
  return {};
}

Result<> Guard::check_victim(const Victim& victim) const {
  for (const Policy& policy : rules_.policies())
    if (auto refusal = refusal_of(policy, victim))
      return fail(Errc::kRefused, victim.name + " is refused by " + refusal->rule);
  if (victim.kind == VictimKind::kHost) return {};
  for (const ProcessId& id : victim.processes) {
    auto process = sys::read_process(id.pid);
    if (!process || process->start_ticks != id.start_ticks) continue;
    if (auto rule = sys::always_protected(*process))
      return fail(Errc::kRefused,
                  fmt::format("{} holds process {} ({}): {}", victim.name, id.pid, process->comm, *rule));
  }
  return {};
}

std::vector<std::string> Guard::claims_of(const ActiveImpact& active) const {
  std::vector<std::string> claims;
  for (const Step& step : active.steps) claims.insert(claims.end(), step.claims.begin(), step.claims.end());
  return claims;
}

void Guard::receive_from_reaper() {
  BootTime now = boot_now();
  if (overslept_ > Nanos(0)) reaper_.forgive(overslept_);
  // What cannot be undone does not wait for silence.
  bool hurry =
      std::any_of(active_.begin(), active_.end(), [](auto& item) { return item.second.impact->outlives_victim(); });
  bool alive = reaper_.receive(now) && (active_.empty() || !(reaper_.hangs(now) || (hurry && reaper_.stopped())));
  if (alive || reaper_lost_) return;
  reaper_lost_ = true;
  reaper_.kill();  // from now on undoing is ours alone
  end_by("error", "the reaper is gone or hung");
}

void Guard::receive_halt() {
  char buffer[4096];
  bool changed = false;
  while (::read(inotify_.get(), buffer, sizeof buffer) > 0) changed = true;
  BootTime now = boot_now();
  if (!changed && now - latch_checked_ < kCheckLatchEvery) return;
  latch_checked_ = now;
  if (auto latch = host::latch_engaged(paths_)) {
    end_by_latch(*latch);
  } else if (auto asked = host::requested_halt_of(paths_, options_.run_id)) {
    end_by("person", asked->reason);
  } else if (auto halt = read_file(registration_.folder() + "/halt"); halt || halt.error().sys_errno != ENOENT) {
    end_by("person", halt ? valid_text(*halt) : "the request cannot be read");
  }
}

// The latch is root's before anything ends, so that whoever asked takes nothing back. A slow disk is waited for when
// all has ended.
void Guard::end_by_latch(const host::LatchState& latch) {
  {
    Pulse::Step adopting = pulse_->step(kLatchBudget);
    (void)host::adopt_request(latch);
  }
  end_by("latch", latch.reason);
  Pulse::Step keeping = pulse_->step(kLatchBudget);
  host::sync_adopted(latch);
  host::remove_old_requests(paths_);
}

void Guard::work_impacts() {
  std::vector<std::pair<int, std::string>> broken;
  BootTime now = boot_now();
  // Announced once, and each impact that is worked on is progress: a thousand of them would drown the listeners.
  std::optional<Pulse::Step> round;
  auto is_long = [&](auto& item) { return !item.second.leaving && item.second.impact->is_long(now); };
  if (std::any_of(active_.begin(), active_.end(), is_long)) round.emplace(*pulse_, kWorkBudget);
  for (auto& [id, active] : active_) {
    if (active.leaving) continue;
    if (auto worked = active.impact->work(now); !worked) broken.emplace_back(id, worked.error().message());
    note_in_force(id, boot_now());
    beat();
  }
  round.reset();
  for (const auto& [id, why] : broken) end({id}, why, true);
}

void Guard::watch_victims() {
  for (const auto& [id, why] : victim_watch_.gone()) {
    auto found = active_.find(id);
    if (found == active_.end() || found->second.impact->outlives_victim()) {
      victim_watch_.remove(id);
      continue;
    }
    if (answers_.count(id)) send(messages::VictimGone{id, found->second.victim.name, why});
    end({id}, "the victim is gone: " + why);
  }
}

void Guard::watch_rules() {
  BootTime now = boot_now();
  if (active_.empty() || now - rules_checked_ < kReadRulesEvery) return;
  rules_checked_ = now;
  int before = rules_.version();
  std::vector<std::pair<int, std::string>> forbidden;
  Pulse::Step reading = pulse_->step(kWorkBudget);
  auto known = rules_.refresh();
  if (known && rules_.version() == before) return;
  newcomers_.forget();
  for (const auto& [id, active] : active_) {
    if (active.leaving) continue;
    auto allowed = known ? check_victim(active.victim) : known;
    for (const Victim& peer : active.attack.peers)
      if (allowed) allowed = check_victim(peer);
    if (allowed && active.victim.kind == VictimKind::kProcess && !active.impact->outlives_victim())
      allowed = fault::refuse_protected_in(fault::whole_victim(active.victim), rules_.protection());
    if (!allowed) forbidden.emplace_back(id, allowed.error().message());
  }
  for (const auto& [id, why] : forbidden) end({id}, why, true);
}

void Guard::watch_newcomers() {
  if (active_.empty()) return;
  BootTime now = boot_now();
  std::vector<Newcomers::Found> joined;
  {
    std::optional<Pulse::Step> looking;
    if (newcomers_.is_long(now)) looking.emplace(*pulse_, kWorkBudget);
    joined = newcomers_.look(now, rules_.protection());
  }
  for (const Newcomers::Found& found : joined)
    if (!found.may_give_way || !gives_way(found.impact)) end({found.impact}, found.why, true);
}

bool Guard::gives_way(int id) {
  auto found = active_.find(id);
  if (found == active_.end() || !found->second.impact->leave_others_alone().value_or(false)) return false;
  newcomers_.add(id, found->second.victim, fault::whole_victim(found->second.victim));
  return true;
}

void Guard::end_what_is_due() {
  if (!admitted_.empty() && boot_now() >= admitted_until_) dismiss_admitted();
  std::vector<int> over;
  for (const LeaseTable::Due& due : leases_.due(boot_now())) {
    if (due.why == LeaseTable::Why::kLease) return end_by("lease", "the engine did not renew its lease");
    over.push_back(due.impact);
  }
  end(over, "attack finished");
}

void Guard::renew_kernel_leases() {
  BootTime now = boot_now();
  if (active_.empty() || now - renewed_ < kRenewEvery) return;
  renewed_ = now;
  std::vector<std::pair<int, std::string>> broken;
  for (Pulse::Step renewing = pulse_->step(kRenewBudget); auto& [id, active] : active_) {
    if (active.leaving) continue;
    if (auto renewed = active.impact->renew(); !renewed) broken.emplace_back(id, renewed.error().message());
    beat();
  }
  for (const auto& [id, why] : broken) end({id}, why, true);
}

void Guard::beat() { pulse_->beat(boot_now(), !active_.empty()); }

void Guard::end(const std::vector<int>& impacts, const std::string& why, bool broken) {
  let_go(impacts, why, broken);
  end_gone();
}

void Guard::let_go(const std::vector<int>& impacts, const std::string& why, bool broken) {
  for (int id : impacts) {
    auto found = active_.find(id);
    if (found == active_.end() || found->second.leaving) continue;
    found->second.leaving = Leaving{why, broken, found->second.impact->let_go().value_or(BootTime{})};
    leases_.ended(id);
    victim_watch_.remove(id);
    newcomers_.remove(id);
    beat();
  }
}

// First everything that is over is reverted, then it is reported: a thousand victims wait for no report.
void Guard::end_gone() {
  BootTime now = boot_now();
  std::vector<int> over;
  for (const auto& [id, active] : active_)
    if (active.leaving && (now >= active.leaving->until || !active.impact->is_going())) over.push_back(id);
  // What started last goes first: it may stand on what was there before it. Nobody waits for what does not die.
  std::stable_sort(over.begin(), over.end(),
                   [this](int a, int b) { return active_.at(a).applied > active_.at(b).applied; });
  std::stable_partition(over.begin(), over.end(), [this](int id) { return !active_.at(id).impact->is_going(); });
  std::vector<Ended> all;
  for (int id : over) all.push_back(revert(id));
  report(all);
}

void Guard::report(const std::vector<Ended>& all) {
  if (all.empty()) return;
  Pulse::Step telling = pulse_->step(kRevertBudget);
  std::vector<std::string> claims;
  int64_t given_back = 0;
  for (const Ended& ended : all) {
    send_ended(ended);
    if (!ended.result) continue;  // what stays in force stays claimed
    shares_.remove(ended.id);
    given_back += shares_.counts(ended.active.victim);
    for (std::string& claim : claims_of(ended.active)) claims.push_back(std::move(claim));
  }
  if (!claims.empty() || given_back > 0) (void)registration_.release(claims, given_back);
}

// In slices: those who listen hear of us.
void Guard::await_gone() {
  BootTime until = boot_now() + kMostGoing;
  for (auto& [id, active] : active_) active.leaving->until = std::min(active.leaving->until, until);
  for (; !active_.empty(); beat()) {
    std::this_thread::sleep_for(kSlice);
    end_gone();
  }
}

Guard::Ended Guard::revert(int id) {
  Pulse::Step step = pulse_->step(kRevertBudget);
  Ended ended{id, std::move(active_.extract(id).mapped()), {}, {}, {}};
  BootTime start = boot_now();
  ended.result = ended.active.impact->revert();
  ended.reverted = boot_now();
  ended.took = ended.reverted - start;
  failpoint("guard.reverted");
  return ended;
}

void Guard::send_ended(const Ended& ended) {
  if (!ended.result) revert_failed(ended.active.victim.name, ended.result.error());
  if (answers_.count(ended.id)) return send_reverted(ended);
  if (!ended.result) return refuse_apply(ended.id, ended.result.error());
  std::string why = "it was not in force yet: " + ended.active.leaving->why;
  refuse_apply(ended.id, Error{Errc::kNotInjected, std::move(why), 0, "", nullptr});
}

void Guard::send_reverted(const Ended& ended) {
  messages::Reverted message{ended.id,
                             ended.active.victim.name,
                             ended.active.leaving->why,
                             ended.active.applied,
                             ended.reverted,
                             ended.took,
                             ended.active.leaving->broken,
                             ended.result.has_value(),
                             ended.result ? "" : ended.result.error().message(),
                             ended.active.impact->proof(ended.reverted)};
  send(message);
}

void Guard::revert_failed(const std::string& victim, const Error& error) {
  failed_ = true;
  Pulse::Step step = pulse_->step(kLatchBudget);
  (void)host::engage_for_failed_revert(paths_, fmt::format("a revert failed on {}: {}", victim, error.message()),
                                       options_.run_id);
}

void Guard::end_all(const std::string& why) {
  std::vector<int> ids;
  for (const auto& [id, active] : active_) ids.push_back(id);
  end(ids, why);
  await_gone();
}

void Guard::end_by(const std::string& by, const std::string& why) {
  if (done_) return;
  send(messages::Halting{{by, why}});
  end_all(why);
  send(messages::Halted{{by, why}});
  done_ = true;
}

void Guard::send(const FromGuard& message) {
  // An engine that does not read is hung; its lease will end the run.
  (void)send_message(options_.engine.get(), to_message(message));
}

ExitCode Guard::leave() {
  using Shutdown = ReaperLink::Shutdown;
  Pulse::Step leaving = pulse_->step(kMostBudget);
  Shutdown shutdown = reaper_lost_ ? Shutdown::kLost : reaper_.shut_down();
  if (shutdown == Shutdown::kFailed) failed_ = true;
  if (shutdown == Shutdown::kLost) {
    if (!failed_) ::unlink(paths_.journal(options_.run_id).c_str());
    // What stays is found by its folder, which then stays too, by the next start.
    if (!host::leave_own_cgroup(options_.run_id, host::Role::kReaper, kExitTimeout)) return ExitCode::kRevertFailed;
  }
  host::remove_request_of(paths_, options_.run_id);
  registration_.leave();
  return failed_ ? ExitCode::kRevertFailed : ExitCode::kHeld;
}

}  // namespace ordeal::guard
