#include "checks.h"

#include <dirent.h>

#include <atomic>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

#include "count_new.h"
#include "measure.h"
#include "ordeal/resilience/circuit_breaker.h"

namespace ordeal::bench {

namespace {

using namespace resilience;
using namespace std::chrono_literals;
using Breaker = CircuitBreaker<CoarseClock>;

bool say(const char* what, bool held, const std::string& found) {
  std::printf("%-6s %s: %s\n", held ? "ok" : "FAILED", what, found.c_str());
  std::fflush(stdout);
  return held;
}

// Spins for a while, then sleeps: the last to come lets all go.
class Barrier {
 public:
  Barrier(uint32_t threads, int spins) : threads_(threads), spins_(spins) {}
  void wait() {
    uint32_t round = round_.load();
    if (arrived_.fetch_add(1) + 1 == threads_) {
      arrived_ = 0;
      round_.fetch_add(1);
      round_.notify_all();
      return;
    }
    for (int i = 0; i < spins_; ++i) {
      if (round_.load() != round) return;
    }
    round_.wait(round);
  }

 private:
  const uint32_t threads_;
  const int spins_;
  std::atomic<uint32_t> arrived_{0}, round_{0};
};

// All ask at one instant at which the open period has ended; who is admitted reports a failure, which opens again.
class Stampede {
 public:
  Stampede(uint32_t threads, uint32_t probes)
      : threads_(threads),
        probes_(probes),
        breaker_({.open_for = 1s, .open_jitter = 0, .probes = probes, .initial = State::kOpen}, ManualClock()),
        barrier_(threads, threads == 2 ? 20'000 : 0) {}

  // How many trials did not admit exactly as many as there are probes.
  uint64_t wrong(uint64_t trials) {
    std::vector<std::thread> racers;
    for (uint32_t i = 1; i < threads_; ++i) racers.emplace_back([this, trials] { race(trials, false); });
    race(trials, true);
    for (std::thread& racer : racers) racer.join();
    return wrong_;
  }

 private:
  void race(uint64_t trials, bool counts) {
    TimePoint now(2h);
    for (uint64_t i = 0; i < trials; ++i, now += 2s) {
      barrier_.wait();
      auto permit = breaker_.try_acquire(now);
      if (permit) admitted_.fetch_add(1);
      barrier_.wait();
      if (counts) wrong_ += admitted_.exchange(0) != probes_;
      permit.record(Outcome::kFailure, now);
    }
  }

  const uint32_t threads_, probes_;
  CircuitBreaker<ManualClock> breaker_;
  Barrier barrier_;
  std::atomic<uint32_t> admitted_{0};
  uint64_t wrong_ = 0;
};

bool stampede(uint32_t threads, uint32_t probes, uint64_t trials) {
  uint64_t wrong = Stampede(threads, probes).wrong(trials);
  std::string race = "E " + std::to_string(threads) + " threads, " + std::to_string(probes) + " probes";
  return say(race.c_str(), wrong == 0, std::to_string(wrong) + " of " + std::to_string(trials) + " trials wrong");
}

void record(Breaker& breaker, bool good, TimePoint now) {
  auto permit = breaker.try_acquire(now);
  permit.record(good ? Outcome::kSuccess : Outcome::kFailure, now);
}

constexpr uint64_t kEach = 10'000'000;

std::string with(uint32_t shards) { return " of two threads on " + std::to_string(shards) + " shard(s)"; }

bool counts_all_results(uint32_t shards) {
  TimePoint now = CoarseClock::now();
  Breaker breaker({.window = 24h, .buckets = 1, .failure_percent = 100, .shards = shards});
  record(breaker, true, now);
  in_both_threads([&](int) {
    for (uint64_t i = 0; i < kEach; ++i) record(breaker, i % 16 != 0, now);
  });
  BreakerSnapshot found = breaker.snapshot();
  uint64_t failures = 2 * ((kEach + 15) / 16), all = 2 * kEach + 1;
  bool held = found.failed == failures && found.succeeded == all - failures && found.window.calls() == all;
  return say(("F results" + with(shards)).c_str(), held,
             std::to_string(found.succeeded + found.failed) + " of " + std::to_string(all) + ", " +
                 std::to_string(found.window.calls()) + " in the window");
}

bool counts_all_refusals(uint32_t shards) {
  Breaker breaker({.shards = shards});
  breaker.open_for(24h);
  TimePoint now = CoarseClock::now();
  in_both_threads([&](int) {
    for (uint64_t i = 0; i < kEach; ++i) record(breaker, true, now);
  });
  uint64_t found = breaker.snapshot().refused;
  return say(("F refusals" + with(shards)).c_str(), found == 2 * kEach,
             std::to_string(found) + " of " + std::to_string(2 * kEach));
}

// One failure after another in turn of two threads that wait for each other, so that the exact call is known.
class InTurn {
 public:
  explicit InTurn(Breaker& breaker) : breaker_(breaker) {}
  // Whether it opened at call number `last` (from 0); `good(i)` says what call i comes to.
  template <class Good>
  bool opens_at(uint64_t last, TimePoint now, Good good) {
    in_both_threads([&](int thread) {
      for (uint64_t i = thread; i <= last; i += 2) {
        while (turn_.load() != i) std::this_thread::yield();
        if (breaker_.state() != State::kClosed) early_ = true;
        record(breaker_, good(i), now);
        turn_.store(i + 1);
      }
    });
    return !early_ && breaker_.state() == State::kOpen;
  }

 private:
  Breaker& breaker_;
  std::atomic<uint64_t> turn_{0};
  std::atomic<bool> early_{false};
};

// A random sequence, and where it must open: worked out here with whole numbers.
struct Sequence {
  std::vector<bool> good;
  uint64_t minimum, percent, opens_at = 0;

  explicit Sequence(std::mt19937_64& random) : minimum(1 + random() % 200), percent(1 + random() % 95) {
    uint64_t good_percent = random() % 100;
    for (uint64_t failed = 0, i = 0;; ++i) {
      good.push_back(i < 2000 && random() % 100 < good_percent);
      failed += !good.back();
      // A success opens only by meeting the minimum.
      bool judged = !good.back() || i + 1 == minimum;
      opens_at = i;
      if (judged && i + 1 >= minimum && failed > 0 && failed * 100 >= percent * (i + 1)) return;
    }
  }
};

bool opens_exactly(const Sequence& sequence, bool by_two) {
  TimePoint now = CoarseClock::now();
  Breaker breaker({.failure_percent = static_cast<double>(sequence.percent), .minimum_calls = sequence.minimum});
  auto good = [&](uint64_t i) { return sequence.good[i]; };
  if (by_two) return InTurn(breaker).opens_at(sequence.opens_at, now, good);
  for (uint64_t i = 0; i <= sequence.opens_at; ++i) {
    if (breaker.state() != State::kClosed) return false;
    record(breaker, good(i), now);
  }
  return breaker.state() == State::kOpen;
}

// Two threads fail as fast as they can: it opens at failure number `minimum`, all later ones come late.
bool opens_exactly_in_a_race(uint64_t minimum) {
  TimePoint now = CoarseClock::now();
  uint64_t counted = 0;
  Breaker breaker({.minimum_calls = minimum, .on_event = [&](const Event& event) { counted = event.window.failed; }});
  in_both_threads([&](int) {
    for (uint64_t i = 0; i < minimum; ++i) record(breaker, false, now);
  });
  return counted == minimum && breaker.snapshot().failed == minimum;
}

size_t entries_of(const char* folder) {
  size_t count = 0;
  DIR* open = opendir(folder);
  while (readdir(open) != nullptr) ++count;
  closedir(open);
  return count;
}

struct Cost {
  double bytes;  // each
  size_t threads, files;
};

Cost cost_of_breakers(const CircuitBreakerOptions& options) {
  constexpr int kBreakers = 10'000;
  std::vector<std::unique_ptr<Breaker>> all;
  all.reserve(kBreakers);
  size_t threads = entries_of("/proc/self/task"), files = entries_of("/proc/self/fd");
  int64_t before = live_bytes();
  for (int i = 0; i < kBreakers; ++i) all.push_back(std::make_unique<Breaker>(options));
  for (auto& breaker : all) {
    record(*breaker, true, CoarseClock::now());
    record(*breaker, false, CoarseClock::now());
  }
  return {static_cast<double>(live_bytes() - before) / kBreakers, entries_of("/proc/self/task") - threads,
          entries_of("/proc/self/fd") - files};
}

}  // namespace

bool check_stampede(const Trials& trials) {
  bool held = stampede(2, 1, trials.of_two);
  held &= stampede(100, 1, trials.of_hundred / 2);
  return stampede(100, 10, trials.of_hundred / 2) && held;
}

bool check_records() {
  bool held = true;
  for (uint32_t shards : {4, 1}) held = counts_all_results(shards) && counts_all_refusals(shards) && held;
  return held;
}

bool check_exactness() {
  constexpr int kSequences = 1000, kRaces = 20'000;
  std::mt19937_64 random(1);
  int alone = 0, in_turn = 0, racing = 0;
  for (int i = 0; i < kSequences; ++i) {
    Sequence sequence(random);
    alone += !opens_exactly(sequence, false);
    in_turn += i % 10 == 0 && !opens_exactly(sequence, true);
  }
  for (uint64_t i = 0; i < kRaces; ++i) racing += !opens_exactly_in_a_race(1 + i % 50);
  auto of = [](int wrong, int all) { return std::to_string(wrong) + " of " + std::to_string(all); };
  return say("G opens at the very failure, four shards", alone + in_turn + racing == 0,
             "wrong " + of(alone, kSequences) + " sequences by one thread, " + of(in_turn, kSequences / 10) +
                 " by two in turn, " + of(racing, kRaces) + " races of two");
}

bool check_memory() {
  Cost plain = cost_of_breakers({}), slow = cost_of_breakers({.slow_after = 100ms});
  auto text = [](auto number) { return std::to_string(static_cast<int>(number)); };
  return say("H one of 10000 breakers with four shards", plain.bytes <= 1024 && plain.threads + plain.files == 0,
             text(plain.bytes) + " bytes, " + text(slow.bytes) + " if slow calls count; " + text(plain.threads) +
                 " threads and " + text(plain.files) + " descriptors for all");
}

}  // namespace ordeal::bench
