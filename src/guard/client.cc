#include "guard/client.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "guard/dead_runs.h"
#include "guard/wire.h"
#include "json/reader.h"
#include "model/exit_code.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kStartLimit = 10s;
constexpr Nanos kEndLimit = 5s;
constexpr Nanos kFinishLimit = 10s;  // a revert and its reaper's goodbye on a slow disk
constexpr Nanos kStoppedLimit = 500ms;
constexpr Nanos kLookAgain = 50ms;
constexpr int kMostUnanswered = 16;  // apply requests

std::string text_of(const json::Object& message, std::string_view key) {
  const json::Value* value = message.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

int64_t number_of(const json::Object& message, std::string_view key) {
  const json::Value* value = message.if_contains(key);
  return value && value->is_number() ? value->to_number<int64_t>() : -1;
}

bool answers_a_request(GuardEvent::Kind kind) {
  using Kind = GuardEvent::Kind;
  return kind == Kind::kChecked || kind == Kind::kCheckFailed || kind == Kind::kApplied || kind == Kind::kApplyFailed;
}

bool of_an_impact(GuardEvent::Kind kind) {
  return answers_a_request(kind) || kind == GuardEvent::Kind::kVictimGone || kind == GuardEvent::Kind::kReverted;
}

Result<GuardEvent> decode(const json::Object& message) try {
  static const std::map<std::string, GuardEvent::Kind> kKinds{{"checked", GuardEvent::Kind::kChecked},
                                                              {"check_failed", GuardEvent::Kind::kCheckFailed},
                                                              {"applied", GuardEvent::Kind::kApplied},
                                                              {"apply_failed", GuardEvent::Kind::kApplyFailed},
                                                              {"victim_gone", GuardEvent::Kind::kVictimGone},
                                                              {"halting", GuardEvent::Kind::kHalting},
                                                              {"halted", GuardEvent::Kind::kHalted},
                                                              {"reverted", GuardEvent::Kind::kReverted},
                                                              {"nothing_in_force", GuardEvent::Kind::kNothingInForce}};
  auto kind = kKinds.find(text_of(message, "op"));
  if (kind == kKinds.end()) return fail(Errc::kInternal, "the guard said " + text_of(message, "op"));
  GuardEvent event;
  event.kind = kind->second;
  event.impact = static_cast<int>(number_of(message, "impact"));
  if (of_an_impact(event.kind) && event.impact < 0) return fail(Errc::kInternal, "a message without its impact");
  event.victim = text_of(message, "victim");
  event.why = text_of(message, "why");
  event.by = text_of(message, "by");
  event.clean = text_of(message, "result") != "failed";
  event.broken = message.contains("broken") && message.at("broken") == true;
  event.error.code = message.contains("code") ? static_cast<Errc>(number_of(message, "code")) : Errc::kRevertFailed;
  event.error.what = text_of(message, "error");
  event.error.hint = text_of(message, "hint");
  event.applied =
      BootTime(Nanos(number_of(message, event.kind == GuardEvent::Kind::kReverted ? "applied_boot_ns" : "boot_ns")));
  event.reverted =
      BootTime(Nanos(number_of(message, event.kind == GuardEvent::Kind::kReverted ? "reverted_boot_ns" : "boot_ns")));
  if (const json::Value* took = message.if_contains("took_ms"))
    event.took = from_seconds(took->to_number<double>() / 1e3);
  if (const json::Value* steps = message.if_contains("steps"))
    for (const json::Value& step : steps->as_array()) event.steps.push_back(TRY(step_from_json(step)));
  if (const json::Value* proof = message.if_contains("proof")) event.proof = TRY(proof_from_json(*proof));
  return event;
} catch (const std::exception& error) {
  return fail(Errc::kInternal, error.what());
}

// Nothing that the guard says may be lost: the run ends as an error.
GuardEvent not_understood(const Error& error) {
  GuardEvent event;
  event.kind = GuardEvent::Kind::kHalting;
  event.by = "error";
  event.why = "the guard said what this program does not understand: " + error.message();
  return event;
}

GuardEvent hung(double seconds) {
  GuardEvent event;
  event.hung = true;
  event.why = fmt::format("it got on with nothing for {:.1f} s", seconds);
  return event;
}

GuardEvent not_asked(bool check, int impact, const std::string& victim, const Error& error) {
  GuardEvent event;
  event.kind = check ? GuardEvent::Kind::kCheckFailed : GuardEvent::Kind::kApplyFailed;
  event.impact = impact;
  event.victim = victim;
  event.error = wrap(error, "cannot ask the guard to hit " + victim).value();
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

Result<std::string> find_guard() {
  std::error_code error;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const std::filesystem::path& folder :
       {self.parent_path(), self.parent_path().parent_path(), std::filesystem::path("/usr/libexec/ordeal")})
    if (std::filesystem::path path = folder / "ordeal-guard"; ::access(path.c_str(), X_OK) == 0) return path.string();
  return fail(Errc::kInternal, "ordeal-guard is not beside " + self.string(), "install both programs in one folder");
}

Result<GuardClient> GuardClient::start(const GuardStart& options) {
  auto [ours, theirs] = TRY(message_pair());
  constexpr int kSocket = 3;
  constexpr int kInventory = 4;
  sys::SpawnOptions spawn;
  spawn.program = TRY(find_guard());
  spawn.argv = {"ordeal-guard", "--guard",
                "--run",        options.run_id,
                "--socket",     std::to_string(kSocket),
                "--lease-ms",   fmt::format("{}", std::chrono::duration_cast<milliseconds>(options.lease).count())};
  if (!options.state_dir.empty()) spawn.argv.insert(spawn.argv.end(), {"--state-dir", options.state_dir});
  for (const std::string& policy : options.policies) spawn.argv.insert(spawn.argv.end(), {"--policy", policy});
  UniqueFd inventory = TRY(in_memory(options.inventory));
  spawn.argv.insert(spawn.argv.end(), {"--inventory", std::to_string(kInventory)});
  spawn.pass = {{theirs.get(), kSocket}, {inventory.get(), kInventory}};
  GuardClient client(std::move(ours), TRY(sys::Child::start(spawn)));
  theirs.reset();
  auto ready = await_message(client.socket_.get(), kStartLimit);
  if (!ready) return client.no_start(options, ready.error());
  client.heard_.set_limit(milliseconds(std::max<int64_t>(number_of(*ready, "silence_ms"), 500)) + kEngineGrace);
  client.heard_.expect(boot_now());
  client.journalled_ = ready->contains("journalled") && ready->at("journalled") == true;
  TRY_VOID(client.start_standby(options));
  return client;
}

Result<> GuardClient::start_standby(const GuardStart& options) {
  standby_ =
      std::make_unique<StandbyLink>(TRY(StandbyLink::start(TRY(find_guard()), options.run_id, options.state_dir)));
  return standby_->await_ready();
}

// Why the guard did not start: its own exit code says more than the end of its socket. What it began is removed here,
// since it may have died before it had a reaper.
Unexpected GuardClient::no_start(const GuardStart& options, const Error& cause) {
  socket_.reset();
  auto status = process_->wait(kEndLimit);
  Errc code = Errc::kInternal;
  if (status && status->signal == 0 && status->code == static_cast<int>(ExitCode::kBadInput))
    code = Errc::kInvalidInput;
  if (status && status->signal == 0 && status->code == static_cast<int>(ExitCode::kRefused)) code = Errc::kRefused;
  std::string what = "the guard did not start: " + cause.message();
  auto paths = Paths::find(options.state_dir);
  auto buried = paths ? bury_run(*paths, options.run_id, kEndLimit) : Result<>{};
  if (!buried) return fail(Errc::kRevertFailed, what + "; and " + buried.error().message(), "run `ordeal revert`");
  return fail(code, what);
}

GuardClient::~GuardClient() {
  if (!process_) return;
  socket_.reset();
  process_->wait(kEndLimit);
  if (standby_ && ended_) standby_->goodbye();
}

// A guard that does not read is dealt with by its reaper, and then its socket closes.
Result<> GuardClient::send(const json::Object& request) { return send_message(socket_.get(), request); }

void GuardClient::check(int impact, const Victim& victim, const Attack& attack) {
  ask("check", impact, victim, attack);
}

void GuardClient::inject(int impact, const Victim& victim, const Attack& attack) {
  ask("apply", impact, victim, attack);
}

void GuardClient::ask(const char* op, int impact, const Victim& victim, const Attack& attack) {
  json::Array exemptions;
  for (const packets::Exemption& exemption : exemptions_) exemptions.push_back(to_json(exemption));
  waiting_.push_back({op == std::string_view("check"),
                      impact,
                      victim.name,
                      {{"v", kWireVersion},
                       {"op", op},
                       {"impact", impact},
                       {"victim", to_json(victim)},
                       {"attack", to_json(attack)},
                       {"candidates", candidates_},
                       {"exemptions", std::move(exemptions)}}});
  send_waiting();
}

void GuardClient::send_waiting() {
  for (; !waiting_.empty() && unanswered_ < kMostUnanswered; waiting_.pop_front()) {
    const Asked& next = waiting_.front();
    if (!awaits_answer()) heard_.expect(boot_now());
    if (auto sent = send(next.request)) {
      ++unanswered_;
    } else {
      unsent_.push_back(not_asked(next.check, next.impact, next.victim, sent.error()));
    }
  }
}

void GuardClient::renew() { (void)send({{"v", kWireVersion}, {"op", "renew"}}); }

void GuardClient::revert_all(const std::string& why) {
  Error ending{Errc::kNotInjected, "the run is ending", 0, "", nullptr};
  for (const Asked& asked : waiting_)
    if (!asked.check) unsent_.push_back(not_asked(false, asked.impact, asked.victim, ending));
  waiting_.clear();
  if (!awaits_answer()) heard_.expect(boot_now());
  revert_asked_ = true;
  (void)send({{"v", kWireVersion}, {"op", "revert"}, {"why", why}});
}

// Any message is a sign of life; true for one that is nothing else.
bool GuardClient::hear_beat(BootTime now, const json::Object& message) {
  if (text_of(message, "op") != "beat") {
    heard_.heard(now);
    return false;
  }
  return understand(message, [&](const json::Object& beat) { heard_.heard(now, beat_from_json(beat)); }).has_value();
}

std::vector<GuardEvent> GuardClient::events() {
  std::vector<GuardEvent> events = std::exchange(unsent_, {});
  BootTime now = boot_now();  // of before: what comes while this process waits for a CPU is in time
  while (!gone_) {
    auto received = receive_message(socket_.get());
    gone_ = !received || received->closed;
    if (gone_) events.push_back(GuardEvent{});
    if (gone_ || (!received->message && !received->unreadable)) break;
    if (received->message && hear_beat(now, *received->message)) continue;
    auto event = received->message ? decode(*received->message)
                                   : tl::unexpected(Error{Errc::kInternal, *received->unreadable, 0, "", nullptr});
    events.push_back(event ? std::move(*event) : not_understood(event.error()));
    if (answers_a_request(events.back().kind)) --unanswered_;
    if (events.back().kind == GuardEvent::Kind::kNothingInForce) revert_asked_ = false;
  }
  if (!gone_ && hangs(now)) {
    gone_ = true;
    events.push_back(hung(to_seconds(now - heard_.last())));
  }
  send_waiting();
  return events;
}

bool GuardClient::awaits_answer() const { return unanswered_ > 0 || revert_asked_; }

bool GuardClient::hangs(BootTime now) const {
  if (!heard_.active() && !awaits_answer()) return false;
  return heard_.hangs(now) || (heard_.silent(now) && is_stopped(process_->pid()));
}

std::optional<BootTime> GuardClient::look_again() const {
  if (gone_ || (!heard_.active() && !awaits_answer())) return std::nullopt;
  return std::max(heard_.silent_from(), boot_now()) + kLookAgain;
}

Result<DeadRun> GuardClient::end_run(Nanos grace) {
  auto dead = standby_->end_run(grace);
  ended_ = dead && dead->failed.empty();
  return dead;
}

// A guard that is stopped is not waited for.
Result<int> GuardClient::finish() {
  (void)send({{"v", kWireVersion}, {"op", "bye"}});
  BootTime begin = boot_now();
  auto status = process_->wait(kLookAgain);
  while (!status && boot_now() - begin < kFinishLimit) {
    if (boot_now() - begin > kStoppedLimit && is_stopped(process_->pid())) break;
    status = process_->wait(kLookAgain);
  }
  if (!status) return lost_at_the_end("did not end when it was told to");
  if (status->signal != 0) return lost_at_the_end(status->text());
  ended_ = true;
  return status->code;
}

Unexpected GuardClient::lost_at_the_end(const std::string& how) {
  auto dead = end_run(Nanos(0));
  std::string what = "the guard " + how;
  if (dead && dead->failed.empty()) return fail(Errc::kInternal, what + "; everything is undone");
  std::string left = dead ? dead->failed.front() : dead.error().message();
  return fail(Errc::kRevertFailed, what + ", and something may be left: " + left);
}

}  // namespace ordeal::guard
