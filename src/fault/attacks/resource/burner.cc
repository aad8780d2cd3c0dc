#include "fault/attacks/resource/burner.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <thread>

#include "core/base/text/text.h"
#include "fault/attacks/load/load_life.h"

namespace ordeal::fault {
namespace {

Nanos read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return seconds(time.tv_sec) + Nanos(time.tv_nsec);
}

void sleep_until(Nanos instant) {
  timespec time{};
  time.tv_sec = static_cast<time_t>(instant.count() / 1'000'000'000);
  time.tv_nsec = static_cast<long>(instant.count() % 1'000'000'000);
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

// Uses CPU until the thread's clock reads `until`.
void work_until(Nanos until) {
  volatile uint64_t sink = 0;
  while (read_clock(CLOCK_THREAD_CPUTIME_ID) < until)
    for (int i = 0; i < 2000; ++i) sink = sink * 2862933555777941757ULL + 3037000493ULL;
}

// What is owed (time that others had the CPU, or a quota took) is worked off later, up to the cap.
void burn(double load, Nanos end) {
  const auto share = Nanos(static_cast<int64_t>(load * static_cast<double>(kBurnPeriod.count())));
  Nanos cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
  Nanos period_end = read_clock(CLOCK_MONOTONIC);
  Nanos goal = cpu;
  while (period_end < end) {
    Nanos late = read_clock(CLOCK_MONOTONIC) - period_end;
    int64_t missed = std::max<int64_t>(late / kBurnPeriod, 0);
    period_end += kBurnPeriod * (1 + missed);
    goal += share * (1 + missed);
    cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
    goal = std::min(goal, cpu + share * (1 + kBurnDebtPeriods));
    work_until(goal);
    sleep_until(period_end);
  }
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

Result<BurnPlan> parse_plan(int argc, char** argv) {
  BurnPlan plan;
  for (int i = 2; i + 1 < argc; i += 2) {
    std::string_view key = argv[i];
    std::string_view value = argv[i + 1];
    if (key == "--threads") plan.threads = parse_number<int>(value).value_or(0);
    if (key == "--load") plan.load = parse_number<double>(value).value_or(0);
    if (key == "--limit-ms") plan.limit = milliseconds(parse_number<int64_t>(value).value_or(0));
    if (key == "--pins")
      for (std::string_view cpu : split_words(value, ",")) plan.pins.push_back(parse_number<int>(cpu).value_or(0));
  }
  bool good = plan.threads > 0 && plan.threads <= 4096 && plan.load > 0 && plan.load <= 1 && plan.limit > Nanos(0);
  if (!good) return fail(Errc::kInvalidInput, "expected --burn --threads N --load F --limit-ms N [--pins LIST]");
  return plan;
}

}  // namespace

int burn_main(int argc, char** argv) {
  auto plan = parse_plan(argc, argv);
  if (!plan) {
    std::string text = plan.error().message() + "\n";
    (void)!::write(STDERR_FILENO, text.data(), text.size());
    return 2;
  }
  ::prctl(PR_SET_NAME, "ordeal-burn");
  ::prctl(PR_SET_TIMERSLACK, 1);
  if (!load_may_begin()) return 0;
  (void)!::write(STDOUT_FILENO, "b\n", 2);
  Nanos end = read_clock(CLOCK_MONOTONIC) + plan->limit;
  std::vector<std::thread> threads;
  for (int i = 0; i < plan->threads; ++i) {
    std::optional<int> pin;
    if (!plan->pins.empty()) pin = plan->pins[static_cast<size_t>(i) % plan->pins.size()];
    threads.emplace_back([load = plan->load, end, pin] {
      if (pin) pin_to(*pin);
      burn(load, end);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}

Result<Burner> Burner::start(const BurnPlan& plan, const std::vector<sys::Cgroup>& cgroups) {
  LoadPlan load;
  load.what = "burner";
  load.join = cgroups;
  load.argv = {"--burn",
               "--threads",
               std::to_string(plan.threads),
               "--load",
               fmt::format("{:.9f}", plan.load),
               "--limit-ms",
               std::to_string(std::chrono::ceil<milliseconds>(plan.limit).count())};
  if (!plan.pins.empty()) {
    std::vector<std::string> pins;
    for (int cpu : plan.pins) pins.push_back(std::to_string(cpu));
    load.argv.insert(load.argv.end(), {"--pins", join(pins, ",")});
  }
  return Burner(TRY(LoadChild::start(load)));
}

Result<bool> Burner::begun() {
  TRY_VOID(child_.listen());
  return child_.begun();
}

Result<Nanos> Burner::used() const {
  clockid_t clock{};
  int error = ::clock_getcpuclockid(child_.pid(), &clock);
  timespec time{};
  if (error != 0 || ::clock_gettime(clock, &time) != 0) return fail(Errc::kNotFound, "the load process is gone");
  return seconds(time.tv_sec) + Nanos(time.tv_nsec);
}

}  // namespace ordeal::fault
