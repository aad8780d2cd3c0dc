// Machine: one run from first check to verdict, as a pure state machine: (now, event) -> actions. Time, randomness and
// the world come in as events and leave as actions, so that a test can run ten thousand of them with crashes and
// lost messages. Nothing counts as held that was not proven: a look counts for the phase in which all of its data was
// taken, whenever its answer came (machine_evidence.cc).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/model/input/experiment.h"
#include "core/model/run/run_event.h"
#include "core/model/run/verdict.h"
#include "core/model/seams.h"
#include "judge/counted_phase.h"
#include "judge/fast_trigger.h"
#include "judge/judge.h"

namespace ordeal::engine {

// What comes in.
struct Tick {};
struct Observed {
  size_t expectation;
  Observation observation;
};
struct Checked {
  int impact;
};
struct CheckFailed {
  int impact;
  Error error;
};
struct Applied {
  int impact;
  std::vector<Step> steps;
  BootTime at;
};
struct ApplyFailed {
  int impact;
  Error error;
};
struct VictimGone {
  int impact;
  std::string why;
};
struct Reverted {
  int impact;
  bool clean;
  bool broken;  // it stopped working before anybody ended it
  std::string why;
  std::string error;
  BootTime applied;
  BootTime reverted;
  Nanos took;
  Proof proof;
};
// The guard's answer to RevertAll: nothing is in force, and nothing will be any more.
struct NothingInForce {};
// The guard ends everything by itself (by: latch, person, lease, error), or a person asks (signal).
struct HaltAsked {
  std::string by;
  std::string why;
};
// The guard is gone without goodbye, and ended where it hung. `left` names what neither its reaper nor the standby
// could undo; empty is clean. `how` says what happened to it.
struct GuardLost {
  std::string left;
  std::string how = "the guard ended unexpectedly";
};
// One action of the rollback; `last` when none follows.
struct Acted {
  events::Action action;
  bool last;
};
// What a victim that was killed has become: `there` while it lives again; `began` is when its first new process did.
struct Returned {
  int impact;
  bool there;
  BootTime began;
};
// One more victim for an attack that is in force (`follow`): it is injected too, and reverted with the others.
struct Joined {
  Victim victim;
};
// Something that a person should know of watching, and that decides nothing.
struct Warning {
  std::string text;
};
using Event = std::variant<Tick, Warning, Observed, Checked, CheckFailed, Applied, ApplyFailed, VictimGone, Reverted,
                           NothingInForce, HaltAsked, GuardLost, Acted, Returned, Joined>;

// What goes out. Every request may be repeated without harm.
struct Observe {
  size_t expectation;
  BootTime since;  // when what it looks at began: the watching, the fault in force, or its end
};
// Whether Inject would succeed; asked for all victims before the first step that cannot be undone.
struct Check {
  int impact;          // the index of the victim
  bool ahead = false;  // of an attack that comes later: nothing is held for it yet
};
struct Inject {
  int impact;  // the index of the victim
};
// Whether a victim that was killed is back, with a process that began after `since`.
struct LookForReturn {
  int impact;
  BootTime since;
};
struct Renew {};
struct RevertAll {
  std::string why;
};
struct Act {
  std::string why;
};
// A line of the run's history.
struct Emit {
  events::Data data;
};
struct Finish {
  Verdict verdict;
};
using Action = std::variant<Observe, Check, Inject, Renew, RevertAll, Act, LookForReturn, Emit, Finish>;
using Actions = std::vector<Action>;

// The victims that one attack hits at one time: of all the run, of a pulse, of a step of a ramp.
struct Wave {
  size_t part = 0;   // of the experiment's
  std::string name;  // of that part; "" where there is but one attack
  Nanos at{0};       // since what starts first is in force
  Attack attack;
  bool one_way = false;
  size_t victims = 0;  // as many as follow in `victims`
  bool ahead = true;   // it can be checked before it starts: nothing that starts earlier holds what it hits

  Nanos end() const { return at + attack.total(); }
};

struct Setup {
  Experiment experiment;  // with its arguments resolved
  std::vector<Victim> victims;
  std::vector<judge::Judge> judges;                         // one per expectation
  std::vector<std::optional<judge::FastTrigger>> triggers;  // likewise, where something can be counted
  std::vector<std::string> warnings;                        // what a reader of the record should know
  Nanos sample_every{0};   // how often the source takes samples, as far as that is known
  bool one_way = false;    // the attack cannot be undone: all victims are checked before the first is hit
  int64_t candidates = 0;  // that the rules allow, of which the victims were chosen; 0 is not known
  // Of an attack that cannot be undone: the next victim is hit when the last one was, so that fewer are when one fails.
  // Else all at once, for an injector that lets all of them go by one word.
  bool one_by_one = true;
  std::string at_most{};  // what the fault could be noticed by; "" is not said
  // Nothing is injected and nobody is hit: what is seen decides alone, and the run ends when each expectation was seen
  // to hold, or after the attack's length.
  bool only_looks = false;
  // Victims come and go: one that went away is not missed, as long as one is hit.
  bool follow = false;
  // In the order of their starts, the first ones at 0; none: all victims, hit by the experiment's attack at once.
  std::vector<Wave> waves{};
  std::vector<events::Part> parts{};  // as the record tells of them
  // Whom the injector speaks for, how long it may be silent, and what to do about a fault that stays.
  std::string injector = "the guard";
  Nanos inject_at_most = 10s, revert_at_most = 10s;
  std::string after_failed_revert =
      "the halt latch is engaged; check the host, run `ordeal revert`, then `ordeal verify-clean`";
};

class Machine {
 public:
  explicit Machine(Setup setup);

  Actions start(BootTime now);
  Actions handle(BootTime now, const Event& event);

  Phase phase() const { return phase_; }
  bool finished() const { return phase_ == Phase::kDone; }
  const Victim& victim(int impact) const { return setup_.victims.at(static_cast<size_t>(impact)); }
  const Attack& attack(int impact) const { return of(impact).asked; }
  // When a wave is to start next; nothing where none is.
  std::optional<BootTime> next_start() const;

 private:
  enum class ImpactState { kNone, kChecking, kChecked, kAsked, kInForce, kFailed, kEnded };
  struct Impact {
    size_t wave = 0;
    ImpactState state = ImpactState::kNone;
    bool lost = false;    // the victim went, or the fault broke
    bool gone = false;    // the victim went
    bool joined = false;  // it came during the attack
    bool ahead = false;   // it is being checked, and its attack comes later
    BootTime applied{};
    std::optional<BootTime> reverted;
    Proof proof;
    bool asked = false;           // the guard may have hit it
    bool reported = false;        // and has said what became of it
    std::optional<BootTime> hit;  // since when it was in force
    std::optional<Nanos> back;    // how long after the hit a process of it began anew
    bool there = false;           // it was there when looked for last
  };
  // A wave as it goes.
  struct WaveState {
    Wave plan;
    Attack asked;      // of the injector: what comes late is that much shorter
    size_t first = 0;  // of its impacts
    size_t size = 0;
    bool begun = false;
    BootTime begun_at{};
    size_t next = 0;     // every one before it was injected, or failed its check
    int counts[7] = {};  // of its impacts, by state
    int lost = 0;        // of those that matter
    int ignored = 0;     // that do not matter
  };
  // Of several attacks: what was seen while one of them was in force.
  struct SeenWave {
    std::optional<BootTime> last;  // until when the data of the newest look that held was taken
    bool undiluted = false;
    judge::CountedPhase counted;
  };
  // How new what was seen is. Samples may be as old as the source is slow; its answers may not.
  struct Freshness {
    std::optional<BootTime> newest;    // the latest beginning of its newest samples
    std::optional<BootTime> answered;  // the last look that proves something
  };
  // What proves that an expectation held in a phase: readings that held, of data that was taken in the phase alone.
  struct Evidence {
    std::optional<BootTime> held;       // the earliest end of such data
    std::optional<BootTime> undiluted;  // of those whose windows do not reach back before the phase
    Freshness fresh;
    std::map<size_t, SeenWave> waves;   // that were in force while such data was taken
    std::map<size_t, Freshness> parts;  // of each attack, until its own end
    bool had_data = false;
    std::string why_not;   // the last look in it proves nothing; "" is not so
    bool doubted = false;  // it gave data all the same
    judge::CountedPhase counted;
  };
  // What was seen of one expectation in the present phase.
  struct LookState {
    std::optional<BootTime> last_answer;
    BootTime waiting_since{};  // for an answer
    std::optional<BootTime> holds_since;
    Evidence during, after;
    Reading last = Reading::kNoData;
    bool pending = false;  // the last look of the attack violated, and not for long enough to be a breach
    std::string lack;      // the last look gave no data, for want of something that is not the system's
    std::string unseen;
    bool breach_told = false;
    bool return_judged = false;
    bool recovery_judged = false;
    bool trouble_told = false;
  };
  struct Breach {
    std::string text;  // "error rate was 0.034, expected result < 0.01"
    std::optional<double> value;
    std::string trigger;  // expression, cusum, silence
    Nanos since{0};
    std::string hint;
  };

  void on(const Tick&);
  void on(const Observed& event);
  void on(const Warning& event);
  void on(const Checked& event);
  void on(const CheckFailed& event);
  void on(const Applied& event);
  void on(const ApplyFailed& event);
  void on(const VictimGone& event);
  void on(const Reverted& event);
  void on(const NothingInForce&);
  void on(const HaltAsked& event);
  void on(const GuardLost& event);
  void on(const Acted& event);
  void on(const Returned& event);
  void on(const Joined& event);

  void enter(Phase phase, const std::string& why);
  // Those that start at once; what cannot be undone when all else is in force.
  void begin_first();
  void begin(WaveState& wave);
  void inject(size_t index);
  void after_checks(const WaveState& wave);
  // Ends the run where so many are not enough.
  bool fits(const WaveState& wave, int fit);
  // Before the first step that cannot be undone, of all attacks that come later and cannot be undone either.
  void look_ahead();
  void after_look_ahead();
  void inject_checked();
  void inject_next(WaveState& wave);
  bool more_to_inject(const WaveState& wave) const;
  void fail_victim(int index, const Error& error);
  std::string why_victims_failed(const WaveState& wave) const;
  // Each wave whose time has come, once those before it are off.
  void start_due();
  bool waits_for_others(const WaveState& wave) const;
  const WaveState* fell_short() const;
  void check_wave(const WaveState& wave, bool refused);
  void too_few(const WaveState& wave);
  // Whether it came so late that little of it is left.
  bool late(const WaveState& wave, BootTime at);
  void fail_late(const WaveState& wave, Nanos late);
  void watch_answers();
  void look_for_returns();
  void tell_who_is_not_back();
  bool waits_for_returns() const;
  // What no revert gives back, of all victims, and whether they came back; "" when nothing was hit.
  std::string lasting() const;
  Verdict with_lasting(Verdict verdict) const;
  void tick_before();
  void tick_inject();
  void tick_during();
  bool has_seen_enough() const;
  void tick_revert();
  void tick_after();
  Nanos recovery_at_most() const;
  void judge_recoveries();
  void not_recovered(size_t index);
  void look_again();
  void judge(size_t index, const Observation& observation);
  void on_counts(size_t index, const Observation& observation, const judge::Judgement& judgement);
  void take_evidence(size_t index, const Observation& observation, const judge::Judgement& judgement);
  void count_evidence(size_t index, const Observation& observation);
  void give_up(size_t index, const std::string& lack);
  // What was counted while the fault was in force speaks against an expectation, whatever its query said.
  void judge_counts();
  void warn_once(size_t index, const std::string& text);
  void arm_triggers();
  void note_reading(size_t index, const judge::Judgement& judgement, Nanos took);
  void on_breach(size_t index, const Breach& breach);
  // Ends the run when too few victims are left.
  void lose(int impact, const std::string& what, const std::string& why, const std::string& hint);
  void begin_revert(const std::string& why);
  void after_last_reverted();
  void after_all_reverted();
  void begin_rollback();
  void check_enough_victims();
  bool enough_hit(const WaveState& wave) const;
  void fail_with(Outcome outcome, std::string reason, std::string hint = {});
  void finish();
  Verdict held_or_not() const;
  // Why nothing that was seen proves that the expectation held while the fault was in force, or afterwards.
  std::optional<Verdict> unproven(size_t index) const;
  std::optional<Verdict> unproven_during(size_t index) const;
  std::optional<Verdict> unproven_after(size_t index) const;
  std::optional<Verdict> unknown_series() const;
  bool proven_after(size_t index) const;
  // What was seen of the attack proves nothing, and it is over.
  bool hopeless() const;
  // The queries' windows lie within the phase, or what was counted in it agrees.
  bool diluted(size_t index, const Evidence& evidence, BootTime end) const;
  std::string diluted_text(size_t index, const Evidence& evidence, const char* phase) const;
  // Enough victims are hit from one to the other; of several waves, from those that start first to the last one.
  BootTime force_begin() const;
  BootTime force_end() const;
  BootTime begin_of(const WaveState& wave) const;
  BootTime end_of(const WaveState& wave) const;
  // What the data of a look in this wave may reach back to: a ramp goes on from step to step.
  BootTime reach_of(size_t wave) const;
  bool taken_in(size_t wave, const Observation& observation) const;
  void see_waves(Evidence& evidence, const Observation& observation) const;
  bool is_proven_in(size_t index, size_t wave) const;
  // By one of its waves; of a ramp by the last one, which is the hardest.
  bool is_proven_part(size_t index, size_t part) const;
  bool is_ramp(size_t part) const;
  // Of its last wave; the end of time before that is in force.
  BootTime end_of_part(size_t part) const;
  void note_looks(Freshness& fresh, const Observation& observation) const;
  // For how long nothing was seen before `end`, where that is too long.
  std::optional<Nanos> silence_before(BootTime end, size_t index, const Freshness& fresh) const;
  std::optional<Verdict> unseen_part(size_t index) const;
  std::optional<Verdict> unseen_part(size_t index, const WaveState& wave) const;
  std::optional<Verdict> unconfirmed(const WaveState& wave) const;
  bool taken_in_force(const Observation& observation) const;
  // When what a look of this phase sees began.
  BootTime since() const;

  // Nothing that is still to be seen can change the verdict.
  bool over() const;
  bool counts_in_phase(size_t index) const;
  // The time that its `within` gives it in this phase was not over when the data was taken.
  bool has_time(size_t index, const Observation& observation) const;
  // The first look after that time decides whether it came back.
  void judge_return(size_t index, const Observation& observation);
  // The last reading lets the run go on: it holds, or has no data and may pass.
  bool goes_on(size_t index) const;
  bool watching_is_alive() const;
  // Every change of an impact's state, so that none has to be counted again.
  void set(Impact& impact, ImpactState state);
  int count(ImpactState state) const { return counts_[static_cast<size_t>(state)]; }
  // Whether what becomes of it says anything about the run: not of a victim that may come and go, and went.
  bool matters(const Impact& impact) const;
  int victims_of(const WaveState& wave) const { return static_cast<int>(wave.size) - wave.ignored; }
  int needed(const WaveState& wave) const;
  WaveState& of(const Impact& impact) { return waves_[impact.wave]; }
  const WaveState& of(int impact) const { return waves_[impacts_.at(static_cast<size_t>(impact)).wave]; }
  int count(const WaveState& wave, ImpactState state) const { return wave.counts[static_cast<size_t>(state)]; }
  bool several() const { return waves_.size() > 1; }
  bool hits() const { return phase_ == Phase::kInject || (several() && phase_ == Phase::kDuring); }
  bool is_under_way(const WaveState& wave) const;  // asked of the injector, and not answered
  bool all_begun() const;
  // "latency: " in front of what is said of one of several.
  std::string of_part(const WaveState& wave) const { return wave.plan.name.empty() ? "" : wave.plan.name + ": "; }
  // Around each change of what matters() looks at, and of `lost`: -1 before, 1 after.
  void account(const Impact& impact, int sign);
  Nanos in_phase() const { return now_ - entered_; }
  void emit(events::Data data) { out_.emplace_back(Emit{std::move(data)}); }
  void note(events::Level level, std::string text) { emit(events::Note{level, std::move(text)}); }

  Setup setup_;
  std::vector<LookState> looks_;
  std::vector<WaveState> waves_;
  std::vector<Impact> impacts_;
  Phase phase_ = Phase::kCheck;
  BootTime now_{};
  BootTime entered_{};
  BootTime watching_since_{};
  BootTime attack_end_{};
  BootTime after_begin_{};
  std::set<std::string> remarked_;
  BootTime looked_for_returns_{};
  BootTime guard_answered_{};          // to a check or an inject
  BootTime origin_{};                  // what starts first is in force
  int counts_[7] = {};                 // of impacts, by state
  std::optional<Verdict> verdict_;     // the strongest so far; nothing means that all went well
  std::optional<std::string> breach_;  // what to tell the actuator
  bool looked_ahead_ = false;
  size_t ahead_ = 0;  // checks of what comes later that are not answered yet
  bool acting_ = false;
  bool halt_asked_ = false;
  Actions out_;
};

}  // namespace ordeal::engine
