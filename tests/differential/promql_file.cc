// PromQL over the samples of an OpenMetrics file with timestamps: served over the HTTP API, or timed in process.
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/text/text.h"
#include "prometheus/metrics/exposition.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"
#include "watch/scraping/api_server.h"

namespace {

using namespace ordeal;  // NOLINT

constexpr const char* kUsage =
    "usage: promql_file FILE         serve it on a free port of 127.0.0.1\n"
    "       promql_file FILE --time  say for each line 'FROM TO STEP QUERY' (seconds) of the input, in nanoseconds, "
    "how\n"
    "                                long the query takes; FROM = TO is an instant\n";

int stop(const std::string& what) {
  fmt::print(stderr, "promql_file: {}\n", what);
  return 2;
}

promql::SeriesStore::Limits limits() {
  promql::SeriesStore::Limits limits;
  limits.keep_ms = int64_t{1} << 50;
  limits.series = limits.samples = limits.samples_per_series = 100'000'000;
  return limits;
}

// Line by line: a file of a million samples is no page of a target.
bool load(const std::string& path, promql::SeriesStore& store) {
  std::ifstream file(path);
  std::string line, page;
  auto take = [&] {
    for (const metrics::Sample& sample : metrics::parse_exposition(page, metrics::Format::kText).samples)
      store.append(promql::Labels(std::vector<promql::Labels::Pair>(sample.labels.begin(), sample.labels.end())),
                   sample.timestamp_ms.value_or(0), sample.value);
    page.clear();
  };
  while (std::getline(file, line)) {
    if (line.starts_with("# EOF")) break;
    // OpenMetrics' timestamps are seconds, the text format's milliseconds.
    if (size_t at = line.rfind(' '); !line.starts_with('#') && at != line.npos) {
      double seconds = parse_number<double>(std::string_view(line).substr(at + 1)).value_or(0);
      line = fmt::format("{} {}", line.substr(0, at), std::llround(seconds * 1000));
    }
    page += line + "\n";
    if (page.size() > size_t{1} << 20) take();
  }
  take();
  return file.eof() || line.starts_with("# EOF");
}

// How long the query takes: at `from` when that is `to` as well, else as a range.
Result<Nanos> time_of(const promql::Expr& expr, const promql::SeriesStore& store, int64_t from, int64_t to,
                      int64_t step) {
  BootTime start = boot_now();
  {
    auto result = from == to ? promql::eval_instant(expr, store, to) : promql::eval_range(expr, store, from, to, step);
    if (!result) return tl::unexpected(result.error());
  }
  return boot_now() - start;
}

// Answers each line "FROM TO STEP QUERY", in seconds, with the nanoseconds that its evaluation took.
int time_queries(const promql::SeriesStore& store) {
  fmt::print("ready\n");
  std::fflush(stdout);
  double from = 0, to = 0, step = 0;
  std::string query;
  while (std::cin >> from >> to >> step && std::getline(std::cin, query)) {
    auto expr = promql::parse(query);
    if (!expr) return stop(query + ": " + expr.error().message());
    auto ms = [](double seconds) { return std::llround(seconds * 1000); };
    auto took = time_of(**expr, store, ms(from), ms(to), ms(step));
    if (!took) return stop(query + ": " + took.error().message());
    fmt::print("{}\n", took->count());
    std::fflush(stdout);
  }
  return 0;
}

int serve(const promql::SeriesStore& store) {
  net::Loop loop;
  promapi::Api::MetadataMap metadata;
  promapi::Api api(store, "test", metadata);
  auto answer = [&](std::string path, promapi::Parameters parameters) -> net::Task<promapi::Answer> {
    co_return api.answer(path, parameters, 0);
  };
  auto server = watch::serve_api(loop, {}, answer);
  if (!server) return stop(server.error().message());
  fmt::print("{}\n", (*server)->port());
  std::fflush(stdout);
  loop.on_terminate([&] { loop.stop(); });
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  bool timed = words.size() == 2 && words[1] == "--time";
  if (words.size() != 1 && !timed) return fmt::print(stderr, "{}", kUsage), 2;
  promql::SeriesStore store(limits());
  if (!load(words[0], store)) return stop("cannot read " + words[0]);
  return timed ? time_queries(store) : serve(store);
}
