#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>

#include "cases.h"
#include "checks.h"

namespace ordeal::bench {

namespace {

constexpr char kHelp[] =
    "What a call through ordeal::resilience costs, and what it must never do.\n\n"
    "  resilience_bench [--repeat N]     all cases in turn, N times (20): a table, then the checks\n"
    "  resilience_bench --stampede       a million races of two threads and ten thousand of a hundred, too\n"
    "  resilience_bench --checks         only the checks\n"
    "  resilience_bench --exactness N    only check G (opens at the very failure), N times\n"
    "  resilience_bench --list           the cases: KEY, threads, title and bar in ns, by tabs\n"
    "  resilience_bench --serve          reads a KEY a line, answers \"ordeal, KEY, ns of one burst\" by tabs\n\n"
    "A bar is ns by the median; a case above it is marked, and is no failure: machines differ. The exit code is 1 if "
    "a\n"
    "check failed, or a call allocated. A burst counts if its threads had a processor for 90 % of it and, of two, ran "
    "at\n"
    "once for 80 %; the last columns are bursts that counted, of so many made. -1 in place of ns: none did.\n";

struct Options {
  int repeat = 20;
  bool checks_only = false, list = false, serve = false;
  int exactness = 0;  // times
  Trials trials;
};

constexpr int kAttempts = 40;

std::vector<Case> all_cases() {
  std::vector<Case> all = cases();
  for (Case& shape : shapes()) all.push_back(std::move(shape));
  return all;
}

double bar_of(const Case& measured, const std::map<std::string, Row>& rows) {
  if (measured.bar.of.empty()) return measured.bar.factor;
  auto of = rows.find(measured.bar.of);
  return of == rows.end() ? 0 : measured.bar.factor * of->second.median();
}

void print_row(const Case& measured, const Row& row, double bar) {
  char limit[32] = "";
  if (bar > 0) std::snprintf(limit, sizeof limit, "%.1f%s", bar, row.median() > bar ? " OVER" : "");
  std::printf("%-16s %-50s %d %9.1f %9.1f %12s %6.2f %4zu/%d\n", measured.key.c_str(), measured.title.c_str(),
              measured.threads, row.min(), row.median(), limit, row.allocations, row.ns.size(), row.attempts);
}

std::map<std::string, Row> measure_in_turn(std::vector<Case>& all, int repeat) {
  std::map<std::string, Row> rows;
  for (Case& measured : all) one_burst(measured);
  for (int i = 0; i < repeat; ++i) {
    std::fprintf(stderr, "\r%d of %d", i + 1, repeat);
    for (Case& measured : all) add_burst(measured, rows[measured.key], kAttempts);
  }
  std::fprintf(stderr, "\n");
  return rows;
}

bool print_table(std::vector<Case>& all, int repeat) {
  auto rows = measure_in_turn(all, repeat);
  std::printf("%-16s %-50s %s %7s %9s %12s %6s %s\n", "case", "ns a call, in each thread", "thr", "min", "median",
              "bar", "allocs", "bursts");
  bool allocated = false;
  for (const Case& measured : all) {
    const Row& row = rows[measured.key];
    print_row(measured, row, bar_of(measured, rows));
    allocated |= row.allocations > 0;
  }
  std::printf("%-6s J allocations a call\n", allocated ? "FAILED" : "ok");
  return !allocated;
}

bool run_checks(const Trials& trials) {
  bool held = check_stampede(trials);
  held &= check_records();
  held &= check_exactness();
  return check_memory() && held;
}

bool repeat_exactness(int times) {
  int held = 0;
  for (int i = 0; i < times; ++i) held += check_exactness();
  std::printf("held %d of %d times\n", held, times);
  return held == times;
}

void list(const std::vector<Case>& all) {
  for (const Case& each : all) {
    std::printf("%s\t%d\t%s\t%g\t%s\n", each.key.c_str(), each.threads, each.title.c_str(), each.bar.factor,
                each.bar.of.c_str());
  }
}

void serve(std::vector<Case>& all) {
  for (std::string key; std::getline(std::cin, key);) {
    Row row;
    for (Case& measured : all) {
      if (measured.key == key) add_burst(measured, row, kAttempts);
    }
    std::printf("ordeal\t%s\t%.2f\n", key.c_str(), row.ns.empty() ? -1 : row.ns[0]);
    std::fflush(stdout);
  }
}

bool parse(int count, char** words, Options& options) {
  for (int i = 1; i < count; ++i) {
    auto is = [&](const char* flag) { return std::strcmp(words[i], flag) == 0; };
    if (is("--repeat") && i + 1 < count) {
      options.repeat = std::atoi(words[++i]);
    } else if (is("--stampede")) {
      options.trials = {1'000'000, 10'000};
    } else if (is("--checks")) {
      options.checks_only = true;
    } else if (is("--exactness") && i + 1 < count) {
      options.exactness = std::atoi(words[++i]);
    } else if (is("--list")) {
      options.list = true;
    } else if (is("--serve")) {
      options.serve = true;
    } else {
      return false;
    }
  }
  return options.repeat > 0;
}

int run(const Options& options) {
  if (options.checks_only) return run_checks(options.trials) ? 0 : 1;
  if (options.exactness > 0) return repeat_exactness(options.exactness) ? 0 : 1;
  std::vector<Case> all = all_cases();
  if (options.list) return list(all), 0;
  if (options.serve) return serve(all), 0;
  bool held = print_table(all, options.repeat);
  return run_checks(options.trials) && held ? 0 : 1;
}

}  // namespace

}  // namespace ordeal::bench

int main(int count, char** words) {
  ordeal::bench::Options options;
  if (!ordeal::bench::parse(count, words, options)) {
    std::fputs(ordeal::bench::kHelp, stderr);
    return 2;
  }
  return ordeal::bench::run(options);
}
