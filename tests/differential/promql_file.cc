// PromQL over the samples of an OpenMetrics file with timestamps: served over the HTTP API, or timed in process.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/text.h"
#include "metrics/exposition.h"
#include "promql/store/series_store.h"
#include "promql/syntax/parser.h"
#include "watch/api_server.h"

namespace {

using namespace ordeal;  // NOLINT

constexpr const char* kUsage =
    "usage: promql_file FILE                                 serve it on a free port of 127.0.0.1\n"
    "       promql_file FILE --time SECONDS REPEAT QUERY...  the median time of each query at that instant\n";

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

Nanos median_time(const promql::Expr& expr, const promql::SeriesStore& store, int64_t at_ms, int repeat) {
  std::vector<Nanos> times;
  for (int i = 0; i < repeat; ++i) {
    BootTime start = boot_now();
    auto result = promql::eval_instant(expr, store, at_ms);
    if (!result) throw std::runtime_error(result.error().message());
    times.push_back(boot_now() - start);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

int time_queries(const promql::SeriesStore& store, const std::vector<std::string>& words) {
  auto at = parse_number<double>(words[0]);
  auto repeat = parse_number<int>(words[1]);
  if (!at || !repeat || *repeat < 1) return stop("--time needs SECONDS and REPEAT");
  for (size_t i = 2; i < words.size(); ++i) {
    auto expr = promql::parse(words[i]);
    if (!expr) return stop(words[i] + ": " + expr.error().message());
    Nanos took = median_time(**expr, store, std::llround(*at * 1000), *repeat);
    fmt::print("{} {}\n", took.count(), words[i]);
  }
  return 0;
}

int serve(const promql::SeriesStore& store) {
  net::Loop loop;
  promapi::Api api(store, "test");
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
  if (words.empty() || (words.size() > 1 && (words[1] != "--time" || words.size() < 5)))
    return fmt::print(stderr, "{}", kUsage), 2;
  promql::SeriesStore store(limits());
  if (!load(words[0], store)) return stop("cannot read " + words[0]);
  if (words.size() == 1) return serve(store);
  return time_queries(store, {words.begin() + 2, words.end()});
}
