// FastTrigger: judges one expectation by what its series count, look by look, beside the expression as written: a
// window of a minute cannot see a breach in a second. It learns from the baseline how the counts scatter and how much
// traffic there is, and speaks only during the attack. Two ways to an alarm:
//
//   cusum    more events are bad than the condition allows (cusum.h), with a bound h of at least 1.5 times the greatest
//            sum of the baseline. The first kEarly of the attack has a head start, which may cost kEarlyShare as many
//            false alarms as all looks without one, and h is that much higher;
//   silence  events have ceased to come while all counters that had some are still read: none for
//            ln(N / alpha) * phi / rate, and for at least `patience`, the `for`, and three times the longest pause of
//            the baseline. Only with at least kLeastTraffic events in the baseline, and only on
//            scraped pages.
//
// The sums begin anew at each alarm of the cusum. With a `for`, it counts when another one comes at least so long after
// it, without a pause between alarms that is longer than kBurst and twice the time that the last one took to come: a
// burst that is shorter is dropped. Pure: time comes in.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/model/seams.h"
#include "judge/cusum.h"
#include "judge/dispersion.h"
#include "judge/trigger_design.h"

namespace ordeal::judge {

constexpr double kLeastTraffic = 20;  // events
constexpr Nanos kLeastPatience = 1s;
constexpr Nanos kEarly = 2s;
constexpr double kEarlyShare = 0.05;

struct FastOptions {
  double allowed = 0;   // share of bad events, in (0, 1)
  int64_t ticks = 1;    // looks during the attack, for the bound
  int64_t early = 0;    // those that have a head start; 0 is none
  Nanos for_{0};        // of the expectation
  bool silence = true;  // events that cease are an alarm
  Nanos patience = kLeastPatience;
  std::string bad = "events were bad";  // what is counted, for a person
};

struct FastAlarm {
  enum class Rule { kCusum, kSilence };
  Rule kind = Rule::kCusum;
  std::string group;  // which one, when the query has several
  std::string text;   // "57 of 240 events were bad (23.8 %) within 900 ms; 1 % allowed"
};
const char* to_text(FastAlarm::Rule kind);

class FastTrigger {
 public:
  explicit FastTrigger(FastOptions options) : options_(options) {}
  // With the looks of `experiment`'s attack; nullopt where the expectation has nothing to count.
  static std::optional<FastTrigger> create(const Experiment& experiment, const Expectation& expectation);

  // Before the attack.
  void learn(const Counts& counts, BootTime now);
  // Events that count for nothing: whoever is watched has still time to come true.
  void pass_over(const Counts& counts, BootTime now);
  // The attack begins: what was learned is fixed.
  void arm(BootTime now);
  // During the attack. An alarm is told once.
  std::optional<FastAlarm> observe(const Counts& counts, BootTime now);

  const FastOptions& options() const { return options_; }
  // Of the baseline, at least 1; known once armed.
  double dispersion() const { return dispersion_; }
  // The greatest sum over its bound: 1 is an alarm.
  double closeness() const;
  // "" when nothing was counted. What arm() has fixed: "212/s; also halts after 1 s without
  // a request".
  std::string learned() const;

 private:
  // Alarms of the cusum without a long pause between them.
  struct Alarms {
    BootTime first, last, since;  // since: where the evidence of the first begins
    Nanos took{0};                // the last one
    double bad = 0, total = 0;    // since then
  };
  struct Group {
    Counts::Group last;
    CusumBank bank;
    std::optional<Alarms> alarms;
  };
  struct Delta {
    double bad = 0, total = 0;
  };

  Group& group_of(const Counts::Group& counted);
  static Delta advance(Group& group, const Counts::Group& counted);
  void follow_traffic(const Counts& counts);
  double head_start() const;
  double bound() const;
  std::optional<FastAlarm> look_at(Group& group, const Delta& delta, BootTime now);
  FastAlarm too_many(const Group& group, BootTime now) const;
  std::optional<FastAlarm> look_for_silence() const;

  FastOptions options_;
  std::map<std::string, Group> groups_;
  BootTime last_events_{};  // the last look at which any had come

  double greatest_learned_ = 0;  // sum over the baseline, at a dispersion of 1
  BinomialDispersion bad_;
  PoissonDispersion traffic_;
  double dispersion_ = 1;

  // Of all groups together, by the times of samples.
  double events_ = 0;
  int64_t last_event_ms_ = 0, read_until_ms_ = 0;
  int64_t silent_after_ms_ = 0;  // 0 is never
  int64_t looks_ = 0;            // of the attack
  bool armed_ = false, told_ = false;
};

}  // namespace ordeal::judge
