#include "measure.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "count_new.h"

namespace ordeal::bench {

namespace {

constexpr double kBurst = 4e6;  // ns
constexpr double kOverlap = 0.8, kRunning = 0.9;

int64_t nanos(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// How long this thread stood ready without a processor.
int64_t waited() {
  long long running = 0, waiting = 0;
  if (FILE* file = std::fopen("/proc/thread-self/schedstat", "r")) {
    if (std::fscanf(file, "%lld %lld", &running, &waiting) != 2) waiting = 0;
    std::fclose(file);
  }
  return waiting;
}

struct Span {
  int64_t begin = 0, end = 0, cpu = 0, waited = 0;
  uint64_t allocations = 0;
  double length() const { return static_cast<double>(end - begin); }
};

bool was_running(const Case& measured, const Span& span) {
  double lost = measured.blocks ? static_cast<double>(span.waited) : span.length() - static_cast<double>(span.cpu);
  return lost < (1 - kRunning) * span.length();
}

bool overlap(const Span& a, const Span& b) {
  auto both = static_cast<double>(std::min(a.end, b.end) - std::max(a.begin, b.begin));
  return both > kOverlap * static_cast<double>(std::max(a.end, b.end) - std::min(a.begin, b.begin));
}

Span timed(const Case& measured, uint64_t calls) {
  Span span;
  TimePoint now = resilience::CoarseClock::now();
  uint64_t allocated = allocations();
  span.begin = nanos(CLOCK_MONOTONIC);
  int64_t cpu = nanos(CLOCK_THREAD_CPUTIME_ID);
  measured.run(now, calls);
  span.cpu = nanos(CLOCK_THREAD_CPUTIME_ID) - cpu;
  span.end = nanos(CLOCK_MONOTONIC);
  span.allocations = allocations() - allocated;
  return span;
}

// By the thread's own time, which no other program lengthens.
uint64_t calls_for_a_burst(const Case& measured) {
  for (uint64_t calls = 64;; calls *= 2) {
    auto took = static_cast<double>(timed(measured, calls).cpu);
    if (took > kBurst / 4) return static_cast<uint64_t>(static_cast<double>(calls) * kBurst / took);
  }
}

class Second {
 public:
  Second() : thread_([this] { serve(); }) {}
  ~Second() {
    post(nullptr);
    thread_.join();
  }
  void both(const std::function<void(int)>& work) {
    ready_ = false;
    post(&work);
    while (!ready_.load()) {
    }
    work(0);
    done_.wait(false);
    done_ = false;
  }

 private:
  void post(const std::function<void(int)>* work) {
    work_ = work;
    jobs_.fetch_add(1);
    jobs_.notify_one();
  }
  void serve() {
    for (uint32_t seen = 0;; ++seen) {
      jobs_.wait(seen);
      if (work_ == nullptr) return;
      ready_ = true;
      (*work_)(1);
      done_ = true;
      done_.notify_one();
    }
  }

  const std::function<void(int)>* work_ = nullptr;
  std::atomic<uint32_t> jobs_{0};
  std::atomic<bool> ready_{false}, done_{false};
  std::thread thread_;
};

// The wait is read outside: a file costs more than what is measured.
Span watched(const Case& measured, std::atomic<int>* starting) {
  int64_t before = waited();
  if (starting != nullptr) {
    starting->fetch_sub(1);
    while (starting->load() > 0) {
    }
  }
  Span span = timed(measured, measured.calls);
  span.waited = waited() - before;
  return span;
}

}  // namespace

void in_both_threads(const std::function<void(int)>& work) {
  static Second second;
  second.both(work);
}

std::optional<Burst> one_burst(Case& measured) {
  if (measured.calls == 0) measured.calls = calls_for_a_burst(measured);
  if (measured.prepare) measured.prepare();
  auto calls = static_cast<double>(measured.calls);
  if (measured.threads == 1) {
    Span span = watched(measured, nullptr);
    if (!was_running(measured, span)) return std::nullopt;
    return Burst{span.length() / calls, static_cast<double>(span.allocations) / calls};
  }
  Span spans[2];
  std::atomic<int> starting{2};
  in_both_threads([&](int thread) { spans[thread] = watched(measured, &starting); });
  bool counts = overlap(spans[0], spans[1]) && was_running(measured, spans[0]) && was_running(measured, spans[1]);
  if (!counts) return std::nullopt;
  return Burst{(spans[0].length() + spans[1].length()) / 2 / calls,
               static_cast<double>(spans[0].allocations + spans[1].allocations) / 2 / calls};
}

double Row::min() const { return ns.empty() ? 0 : *std::min_element(ns.begin(), ns.end()); }

double Row::median() const {
  if (ns.empty()) return 0;
  std::vector<double> sorted = ns;
  std::sort(sorted.begin(), sorted.end());
  size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

bool add_burst(Case& measured, Row& row, int attempts) {
  for (int i = 0; i < attempts; ++i) {
    ++row.attempts;
    auto burst = one_burst(measured);
    if (!burst) continue;
    row.ns.push_back(burst->ns);
    row.allocations = std::max(row.allocations, burst->allocations);
    return true;
  }
  return false;
}

}  // namespace ordeal::bench
