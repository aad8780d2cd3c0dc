#include "fault/guard/link/client.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/model/run/exit_code.h"
#include "fault/guard/link/find_guard.h"
#include "fault/guard/link/wire.h"
#include "fault/guard/recovery/dead_runs.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kStartLimit = 10s;
constexpr Nanos kEndLimit = 5s;
constexpr Nanos kFinishLimit = 10s;  // a revert and its reaper's goodbye on a slow disk
constexpr Nanos kStoppedLimit = 500ms;
constexpr Nanos kLookAgain = 50ms;
constexpr int kMostUnanswered = 16;  // apply requests

bool answers_a_request(GuardEvent::Type kind) {
  using Type = GuardEvent::Type;
  return kind == Type::kChecked || kind == Type::kCheckFailed || kind == Type::kApplied || kind == Type::kApplyFailed;
}

GuardEvent event_of(GuardEvent::Type kind, int impact, const std::string& victim = "") {
  GuardEvent event;
  event.kind = kind;
  event.impact = impact;
  event.victim = victim;
  return event;
}

GuardEvent failed(GuardEvent::Type kind, const messages::Failure& said) {
  GuardEvent event = event_of(kind, said.impact);
  event.error = {said.code, said.error, 0, said.hint, nullptr};
  return event;
}

GuardEvent ending(GuardEvent::Type kind, const messages::End& said) {
  GuardEvent event = event_of(kind, -1);
  event.by = said.by;
  event.why = said.why;
  return event;
}

GuardEvent translate(const messages::Checked& said) { return event_of(GuardEvent::Type::kChecked, said.impact); }
GuardEvent translate(const messages::CheckFailed& said) { return failed(GuardEvent::Type::kCheckFailed, said); }
GuardEvent translate(const messages::ApplyFailed& said) { return failed(GuardEvent::Type::kApplyFailed, said); }
GuardEvent translate(const messages::Halting& said) { return ending(GuardEvent::Type::kHalting, said); }
GuardEvent translate(const messages::Halted& said) { return ending(GuardEvent::Type::kHalted, said); }
GuardEvent translate(const messages::NothingInForce&) { return event_of(GuardEvent::Type::kNothingInForce, -1); }

GuardEvent translate(const messages::Applied& said) {
  GuardEvent event = event_of(GuardEvent::Type::kApplied, said.impact, said.victim);
  event.steps = said.steps;
  event.applied = said.applied;
  return event;
}

GuardEvent translate(const messages::VictimGone& said) {
  GuardEvent event = event_of(GuardEvent::Type::kVictimGone, said.impact, said.victim);
  event.why = said.why;
  return event;
}

GuardEvent translate(const messages::Reverted& said) {
  GuardEvent event = event_of(GuardEvent::Type::kReverted, said.impact, said.victim);
  event.why = said.why;
  event.applied = said.applied;
  event.reverted = said.reverted;
  event.took = said.took;
  event.broken = said.broken;
  event.clean = said.clean;
  event.proof = said.proof;
  event.error = {Errc::kRevertFailed, said.error, 0, "", nullptr};
  return event;
}

bool is_check(const ToGuard& request) { return std::holds_alternative<messages::Check>(request); }
const messages::Hit& hit_of(const ToGuard& request) {
  if (const auto* check = std::get_if<messages::Check>(&request)) return *check;
  return std::get<messages::Apply>(request);
}

// Nothing that the guard says may be lost: the run ends as an error.
GuardEvent not_understood(const Error& error) {
  GuardEvent event;
  event.kind = GuardEvent::Type::kHalting;
  event.by = "error";
  event.why = "the guard sent something that this program does not understand: " + error.message();
  return event;
}

GuardEvent hung(double seconds) {
  GuardEvent event;
  event.hung = true;
  event.why = fmt::format("it made no progress for {:.1f} s", seconds);
  return event;
}

GuardEvent not_asked(const ToGuard& request, const Error& error) {
  const messages::Hit& hit = hit_of(request);
  auto kind = is_check(request) ? GuardEvent::Type::kCheckFailed : GuardEvent::Type::kApplyFailed;
  GuardEvent event = event_of(kind, hit.impact, hit.victim.name);
  event.error = wrap(error, "cannot ask the guard to hit " + hit.victim.name).value();
  return event;
}

}  // namespace

namespace {

// The file that the engine has read may be a pipe, or another one by now.
Result<UniqueFd> in_memory(const std::string& text) {
  UniqueFd fd(::memfd_create("inventory", MFD_CLOEXEC));
  if (!fd) return fail_errno("cannot make a file in memory");
  if (::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return fail_errno("cannot write a file in memory");
  return fd;
}

}  // namespace

namespace {

// What a helper's command line says must hold wherever it is read.
std::string absolute(const std::string& folder) {
  if (folder.empty()) return folder;
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error);
  return error ? folder : path.lexically_normal().string();
}

}  // namespace

Result<GuardClient> GuardClient::start(const GuardStart& options) {
  GuardClient client = TRY(begin(options));
  TRY_VOID(client.await_guard(options));
  TRY_VOID(client.start_standby(options));
  TRY_VOID(client.await_standby());
  return client;
}

Result<GuardClient> GuardClient::begin(const GuardStart& options) {
  auto [ours, theirs] = TRY(message_pair());
  constexpr int kSocket = 3;
  constexpr int kInventory = 4;
  sys::SpawnOptions spawn;
  spawn.program = TRY(find_guard());
  spawn.argv = {"ordeal-guard", "--guard",
                "--run",        options.run_id,
                "--socket",     std::to_string(kSocket),
                "--lease-ms",   fmt::format("{}", std::chrono::duration_cast<milliseconds>(options.lease).count())};
  if (!options.state_dir.empty()) spawn.argv.insert(spawn.argv.end(), {"--state-dir", absolute(options.state_dir)});
  for (const std::string& policy : options.policies) spawn.argv.insert(spawn.argv.end(), {"--policy", policy});
  UniqueFd inventory = TRY(in_memory(options.inventory));
  spawn.argv.insert(spawn.argv.end(), {"--inventory", std::to_string(kInventory)});
  spawn.pass = {{theirs.get(), kSocket}, {inventory.get(), kInventory}};
  return GuardClient(std::move(ours), TRY(sys::Child::start(spawn)));
}

Result<> GuardClient::await_guard(const GuardStart& options) {
  auto ready = await_message(socket_.get(), kStartLimit);
  if (!ready) return no_start(options, ready.error());
  FromGuard said = TRY(from_message<FromGuard>(*ready));
  const auto* is_ready = std::get_if<messages::Ready>(&said);
  if (!is_ready) return fail(Errc::kInternal, "the guard did not report that it is ready");
  peer_pulse_.set_limit(std::max<Nanos>(is_ready->silence, 500ms) + kEngineGrace);
  peer_pulse_.expect(boot_now());
  return {};
}

Result<> GuardClient::start_standby(const GuardStart& options) {
  standby_ = std::make_unique<StandbyLink>(
      TRY(StandbyLink::start(TRY(find_guard()), options.run_id, absolute(options.state_dir))));
  return {};
}

// Why the guard did not start: its own exit code says more than the end of its socket. What it began is removed here,
// since it may have died before it had a reaper.
Unexpected GuardClient::no_start(const GuardStart& options, const Error& cause) {
  socket_.reset();
  auto status = process_->wait(kEndLimit);
  Errc code = Errc::kInternal;
  auto exit = status && status->signal == 0 ? exit_code_from(status->code) : std::nullopt;
  if (exit == ExitCode::kBadInput) code = Errc::kInvalidInput;
  if (exit == ExitCode::kRefused) code = Errc::kRefused;
  std::string what = "the guard did not start: " + cause.message();
  auto paths = host::Paths::find(options.state_dir);
  auto buried = paths ? remove_run(*paths, options.run_id, kEndLimit) : Result<>{};
  if (!buried) return fail(Errc::kRevertFailed, what + "; and " + buried.error().message(), "run `ordeal revert`");
  return fail(code, what);
}

GuardClient::~GuardClient() {
  if (!process_) return;
  socket_.reset();
  process_->wait(kEndLimit);
  if (standby_ && ended_) standby_->shut_down();
}

// A guard that does not read is dealt with by its reaper, and then its socket closes.
Result<> GuardClient::send(const ToGuard& request) { return send_message(socket_.get(), to_message(request)); }

messages::Hit GuardClient::hit(int impact, const Victim& victim, const Attack& attack) const {
  auto index = static_cast<size_t>(impact);
  messages::Share share = index < shares_.size() ? shares_[index] : messages::Share{0, candidates_};
  return {impact, victim, attack, candidates_, exemptions_, share};
}

void GuardClient::check(int impact, const Victim& victim, const Attack& attack) {
  ask(messages::Check{hit(impact, victim, attack)});
}

void GuardClient::check_ahead(int impact, const Victim& victim, const Attack& attack) {
  ask(messages::Check{hit(impact, victim, attack), true});
}

void GuardClient::inject(int impact, const Victim& victim, const Attack& attack) {
  ask(messages::Apply{hit(impact, victim, attack)});
}

void GuardClient::ask(ToGuard request) {
  waiting_.push_back(std::move(request));
  send_waiting();
}

void GuardClient::send_waiting() {
  for (; !waiting_.empty() && unanswered_ < kMostUnanswered; waiting_.pop_front()) {
    if (!awaits_answer()) peer_pulse_.expect(boot_now());
    if (auto sent = send(waiting_.front())) {
      ++unanswered_;
    } else {
      unsent_.push_back(not_asked(waiting_.front(), sent.error()));
    }
  }
}

void GuardClient::renew() { (void)send(messages::Renew{}); }

void GuardClient::revert_all(const std::string& why) {
  Error ending{Errc::kNotInjected, "the run is ending", 0, "", nullptr};
  for (const ToGuard& request : waiting_)
    if (!is_check(request)) unsent_.push_back(not_asked(request, ending));
  waiting_.clear();
  if (!awaits_answer()) peer_pulse_.expect(boot_now());
  revert_asked_ = true;
  (void)send(messages::Revert{why});
}

// Any message is a sign of life; nothing comes of one that is nothing else.
Result<std::optional<GuardEvent>> GuardClient::receive(BootTime now, const json::Object& message) {
  auto said = from_message<FromGuard>(message);
  const auto* beat = said ? std::get_if<Beat>(&*said) : nullptr;
  if (beat) {
    peer_pulse_.received(now, *beat);
    return std::nullopt;
  }
  peer_pulse_.received(now);
  if (!said) return tl::unexpected(std::move(said).error());
  auto to_event = [](const auto& what) -> Result<std::optional<GuardEvent>> {
    using Said = std::decay_t<decltype(what)>;
    if constexpr (std::is_same_v<Said, Beat> || std::is_same_v<Said, messages::Ready>) {
      return fail(Errc::kInternal, "the guard reports again that it is ready");
    } else {
      return translate(what);
    }
  };
  return std::visit(to_event, *said);
}

std::vector<GuardEvent> GuardClient::events() {
  std::vector<GuardEvent> events = std::exchange(unsent_, {});
  BootTime now = boot_now();  // of before: what comes while this process waits for a CPU is in time
  while (!gone_) {
    auto received = receive_message(socket_.get());
    gone_ = !received || received->closed;
    if (gone_) events.push_back(GuardEvent{});
    if (gone_ || (!received->message && !received->unreadable)) break;
    auto event = received->message ? receive(now, *received->message) : fail(Errc::kInternal, *received->unreadable);
    if (event && !*event) continue;
    events.push_back(event ? std::move(**event) : not_understood(event.error()));
    if (answers_a_request(events.back().kind)) --unanswered_;
    if (events.back().kind == GuardEvent::Type::kNothingInForce) revert_asked_ = false;
  }
  if (!gone_ && hangs(now)) {
    gone_ = true;
    events.push_back(hung(to_seconds(now - peer_pulse_.last())));
  }
  send_waiting();
  return events;
}

bool GuardClient::awaits_answer() const { return unanswered_ > 0 || revert_asked_; }

bool GuardClient::hangs(BootTime now) const {
  if (!peer_pulse_.active() && !awaits_answer()) return false;
  return peer_pulse_.hangs(now) || (peer_pulse_.silent(now) && is_stopped(process_->pid()));
}

std::optional<BootTime> GuardClient::look_again() const {
  if (gone_ || (!peer_pulse_.active() && !awaits_answer())) return std::nullopt;
  return std::max(peer_pulse_.silent_from(), boot_now()) + kLookAgain;
}

Result<DeadRun> GuardClient::end_run(Nanos grace) {
  auto dead = standby_->end_run(grace);
  ended_ = dead && dead->failed.empty();
  return dead;
}

// A guard that is stopped is not waited for.
Result<ExitCode> GuardClient::finish() {
  (void)send(messages::Bye{});
  BootTime begin = boot_now();
  auto status = process_->wait(kLookAgain);
  while (!status && boot_now() - begin < kFinishLimit) {
    if (boot_now() - begin > kStoppedLimit && is_stopped(process_->pid())) break;
    status = process_->wait(kLookAgain);
  }
  if (!status) return lost_at_the_end("did not exit when told to");
  if (status->signal != 0) return lost_at_the_end(status->text());
  auto code = exit_code_from(status->code);
  if (!code) return lost_at_the_end(status->text());
  ended_ = true;
  return *code;
}

Unexpected GuardClient::lost_at_the_end(const std::string& how) {
  auto dead = end_run(Nanos(0));
  std::string what = "the guard " + how;
  if (dead && dead->failed.empty()) return fail(Errc::kInternal, what + "; everything is undone");
  std::string left = dead ? dead->failed.front() : dead.error().message();
  return fail(Errc::kRevertFailed, what + ", and something may be left behind: " + left);
}

}  // namespace ordeal::guard
