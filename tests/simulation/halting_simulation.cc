// The fast trigger over simulated traffic, through the same code as in a run: how often it halts although the share of
// bad events is exactly what is allowed, and how long a breach lasts until it is noticed. Prints both tables.
// ORDEAL_RUNS=n makes n runs of each row (default: see below).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "core/base/random.h"
#include "judge/fast_trigger.h"

namespace ordeal::judge {
namespace {

constexpr Nanos kTick = 100ms;
constexpr double kAllowed = 0.05;

struct Bits {
  using result_type = uint64_t;
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }
  uint64_t operator()() { return random.next(); }
  Random random;
};

size_t runs_of_a_row(size_t usual) {
  const char* text = std::getenv("ORDEAL_RUNS");
  return text ? static_cast<size_t>(std::atoll(text)) : usual;
}

FastTrigger make_trigger(Nanos length) {
  Experiment experiment;
  experiment.attack.length = length;
  experiment.sources.interval = kTick;
  Expectation expectation;
  expectation.query = "sum(rate(bad[1m])) / sum(rate(all[1m]))";
  expectation.condition = fmt::format("result < {}", kAllowed);
  return *FastTrigger::create(experiment, expectation);
}

// Requests that come by themselves, `burst` at a time; each burst fails or passes as one.
class Traffic {
 public:
  Traffic(uint64_t seed, double rate, int burst, FastTrigger trigger)
      : bits_{Random(seed)}, arrivals_(rate * to_seconds(kTick) / burst), burst_(burst), trigger_(std::move(trigger)) {}

  void baseline(Nanos length, double share) {
    for (Nanos passed{0}; passed < length; passed += kTick) trigger_.learn(next(share), now_);
    trigger_.arm(now_);
  }
  // The time from `lead` after the attack began, when `share` of the events begins to be bad instead of `before`, until
  // an alarm; nullopt when there is none.
  std::optional<Nanos> attack(Nanos length, double share, Nanos lead = Nanos(0), double before = 0) {
    BootTime begin = now_ + lead;
    while (now_ - begin < length - lead) {
      double broken = std::clamp(to_seconds(now_ + kTick - begin) / to_seconds(kTick), 0.0, 1.0);  // part of the look
      if (trigger_.observe(next(before + broken * (share - before)), now_)) return now_ - begin;
    }
    return std::nullopt;
  }

 private:
  Counts next(double share) {
    now_ += kTick;
    int events = arrivals_(bits_);
    Counts::Group& group = counts_.groups.front();
    group.total += events * burst_;
    if (events > 0) group.bad += std::binomial_distribution<int>(events, share)(bits_) * burst_;
    counts_.read_until_ms = 1 + now_.time_since_epoch() / 1ms;
    return counts_;
  }

  Bits bits_;
  std::poisson_distribution<int> arrivals_;
  int burst_;
  FastTrigger trigger_;
  BootTime now_{};
  Counts counts_{{{"", 0, 0}}, 0, ""};
};

// The greatest probability under which at most `seen` of `runs` have a chance of 5 % (Clopper and Pearson 1934).
double upper_bound(size_t seen, size_t of) {
  double runs = static_cast<double>(of), low = 0, high = 1;
  for (int step = 0; step < 60; ++step) {
    double p = (low + high) / 2, chance = 0;
    for (double k = 0; k <= static_cast<double>(seen); ++k)
      chance += std::exp(std::lgamma(runs + 1) - std::lgamma(k + 1) - std::lgamma(runs - k + 1) + k * std::log(p) +
                         (runs - k) * std::log1p(-p));
    (chance > 0.05 ? low : high) = p;
  }
  return high;
}

TEST(Halting, AtExactlyTheThresholdTenMinutesPassWithoutAFalseHalt) {
  struct Row {
    double rate;
    int burst;
    double before;  // share of bad events in the baseline
    size_t runs;
  };
  fmt::print("false halts in 10 minutes at exactly {:g} %, looks every {}\n", kAllowed * 100, kTick / 1ms);
  size_t all_runs = 0, all_halts = 0;
  const Row rows[] = {{20, 1, kAllowed, 1000}, {200, 1, kAllowed, 1000}, {1000, 1, kAllowed, 200},
                      {200, 1, 0, 1000},       {20, 1, 0, 1000},         {200, 5, kAllowed, 200}};
  for (const Row& row : rows) {
    size_t runs = runs_of_a_row(row.runs), halts = 0;
    for (size_t run = 0; run < runs; ++run) {
      Traffic traffic(run * 7919 + static_cast<uint64_t>(row.rate) + static_cast<uint64_t>(row.burst), row.rate,
                      row.burst, make_trigger(10min));
      traffic.baseline(10s, row.before);
      halts += traffic.attack(10min, kAllowed).has_value();
    }
    fmt::print("{:5g} requests/s{}{} {:3} of {} runs, below {:.2g} % with 95 % confidence\n", row.rate,
               row.before == 0 ? ", none bad before" : "",
               row.burst > 1 ? fmt::format(" in bursts of {}", row.burst) : "", halts, runs,
               upper_bound(halts, runs) * 100);
    if (row.burst == 1) all_runs += runs, all_halts += halts;
  }
  double bound = upper_bound(all_halts, all_runs);
  fmt::print(
      "independent requests: {} of {} runs, below {:.2g} % with 95 % confidence; the theorem says at most {:g} %\n",
      all_halts, all_runs, bound * 100, kFalseAlarms * 100);
  EXPECT_LT(bound, kFalseAlarms) << "the seeds are fixed: these runs are the same on every machine";
}

// Medians in seconds, by requests a second and share; prints their table.
std::map<std::pair<double, double>, double> time_to_alarm(Nanos lead) {
  const double shares[] = {0.10, 0.20, 0.50, 1.0};
  fmt::print(
      "seconds from breach to alarm, median/p95; the breach comes {:g} s after the injection; {:g} % is allowed, 1 % "
      "is usual\n{:>10}",
      to_seconds(lead), kAllowed * 100, "req/s");
  for (double share : shares) fmt::print("{:>13.0f} %", share * 100);
  size_t runs = runs_of_a_row(100);
  std::map<std::pair<double, double>, double> median;
  for (double rate : {20.0, 50.0, 100.0, 200.0, 500.0, 1000.0}) {
    fmt::print("\n{:>10g}", rate);
    for (double share : shares) {
      std::vector<double> delays;
      for (size_t run = 0; run < runs; ++run) {
        Traffic traffic(run * 104729 + static_cast<uint64_t>(rate * share), rate, 1, make_trigger(10min));
        traffic.baseline(60s, 0.01);
        auto delay = traffic.attack(10min, share, lead + kTick * (run % 10) / 10, 0.01);
        delays.push_back(delay ? to_seconds(*delay) : INFINITY);
      }
      std::sort(delays.begin(), delays.end());
      median[{rate, share}] = delays[delays.size() / 2];
      fmt::print("{:>15}", fmt::format("{:.2f}/{:.2f}", delays[delays.size() / 2], delays[delays.size() * 95 / 100]));
    }
  }
  fmt::print("\n");
  return median;
}

// The cap on bursts makes 0.55 s the least, half a look less than six; the dispersion's noise costs a look or two.
TEST(Halting, ABreachIsSeenAsSoonAsTheEvidenceAllows) {
  auto soon = time_to_alarm(1s), later = time_to_alarm(30s);
  EXPECT_LE((soon[{200, 0.20}]), 0.8);
  EXPECT_LE((soon[{200, 0.10}]), 3.5);
  EXPECT_LE((later[{200, 0.20}]), 0.9);
  EXPECT_LE((later[{200, 0.10}]), 4.5);
  for (auto& median : {soon, later}) {
    EXPECT_LE((median.at({200, 0.50})), 0.7);
    EXPECT_LE((median.at({20, 1.0})), 0.8);
  }
}

}  // namespace
}  // namespace ordeal::judge
