#include "watch/evidence/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "prometheus/promql/eval/eval.h"
#include "watch/evidence/unseen.h"

namespace ordeal::watch {
namespace {

Nanos length_of(const promql::Duration& duration) { return milliseconds(duration.ms_in(0, 0, false).value_or(0)); }

bool shifted(const promql::TimeShift& shift) { return shift != promql::TimeShift{}; }

void collect(const promql::Expr& expr, Nanos around, bool elsewhere, Needs& needs) {
  auto add = [&](const promql::VectorSelector& selector, Nanos window) {
    if (elsewhere || shifted(selector.shift)) return needs.compared.push_back(selector);
    needs.of.push_back({selector, window > Nanos(0)});
    needs.window = std::max(needs.window, window);
  };
  if (auto* selector = std::get_if<promql::VectorSelector>(&expr.node)) return add(*selector, around);
  if (auto* range = std::get_if<promql::MatrixSelector>(&expr.node))
    return add(range->selector, around + length_of(range->range));
  if (auto* subquery = std::get_if<promql::Subquery>(&expr.node))
    return collect(*subquery->expr, around + length_of(subquery->range), elsewhere || shifted(subquery->shift), needs);
  for (const promql::Expr* child : promql::children(expr)) collect(*child, around, elsewhere, needs);
}

// The newest samples of the series that are needed.
struct Newest {
  int64_t from = std::numeric_limits<int64_t>::max(), newest = from, until = 0;
  bool any = false;
};

void take(const Need& need, Nanos window, const StoreMoment& moment, Newest& into) {
  int64_t back = std::max<int64_t>(promql::EvalOptions{}.lookback_ms, window / 1ms);
  for (const promql::Series& series : moment.storage.select(need.selector.matchers).series) {
    auto recent = series.between(moment.at_ms - back, moment.at_ms);
    if (recent.empty() || promql::is_stale(recent.back().value)) continue;
    auto before = recent.rbegin() + 1;
    while (before != recent.rend() && promql::is_stale(before->value)) ++before;
    int64_t earlier = before == recent.rend() ? std::numeric_limits<int64_t>::min() / 2 : before->ms;
    int64_t from = need.range ? earlier : recent.back().ms;
    int64_t alive = moment.alive_until_ms ? moment.alive_until_ms(series.labels) : -1;
    into.from = std::min(into.from, alive < 0 ? from : std::min(from, alive));
    into.newest = std::min(into.newest, alive < 0 ? recent.back().ms : std::min(recent.back().ms, alive));
    into.until = std::max(into.until, recent.back().ms);
    into.any = true;
  }
}

promql::VectorSelector up() {
  return {"up", {*promql::Matcher::create(promql::MatchType::kEqual, std::string(promql::kMetricName), "up")}, {}};
}

std::string labelled(const std::string& query, const char* what, size_t number) {
  return fmt::format(R"(label_replace(label_replace({}, "what", "{}", "", ""), "of", "{}", "", ""))", query, what,
                     number);
}

// Of one selector: its least number of samples, labelled "n", and its greatest age, labelled "age".
std::string samples_of(const Need& need, size_t number, const std::string& ago) {
  std::string s = text_of(need.selector);
  std::string count = fmt::format("min((count_over_time({0}[{1}]) and {0}) or {0} * 0)", s, ago);
  return labelled(count, "n", number) + " or " + labelled(fmt::format("max(time() - timestamp({}))", s), "age", number);
}

// When no series of it is left: how many ended whose target is not up, labelled "lost".
std::string lost_of(const Need& need, size_t number, const std::string& watched) {
  return labelled(fmt::format("count((count_over_time({0}[{1}]) unless {0}) unless on (job, instance) (up == 1)) "
                              "unless on () count({0})",
                              text_of(need.selector), watched),
                  "lost", number);
}

std::string length_text(Nanos length) {
  return format_prometheus_duration(std::max(std::chrono::floor<milliseconds>(length), milliseconds(1)));
}

}  // namespace

Needs needs_of(const promql::Expr& query) {
  Needs needs;
  collect(query, Nanos(0), false, needs);
  return needs;
}

std::optional<DataTimes> taken_from(const Needs& needs, const StoreMoment& moment) {
  Newest newest;
  for (const Need& need : needs.of) take(need, needs.window, moment, newest);
  if (!newest.any) take({up(), needs.window > Nanos(0)}, needs.window, moment, newest);
  if (!newest.any) return std::nullopt;
  auto boot = [&](int64_t ms) {
    return BootTime(
        std::max(Nanos(0), std::max(Nanos(milliseconds(std::max<int64_t>(ms, 0))) - moment.offset.offset, Nanos(0))));
  };
  BootTime from = boot(newest.from);
  BootTime back_to = needs.window > Nanos(0) ? boot(moment.at_ms) - needs.window : from;
  return DataTimes{from, boot(newest.until), boot(newest.newest), std::min(from, back_to)};
}

std::string samples_query(const Needs& needs, Nanos ago, Nanos watched) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < needs.of.size(); ++i) {
    parts.push_back(samples_of(needs.of[i], i, length_text(ago)));
    parts.push_back(lost_of(needs.of[i], i, length_text(watched)));
  }
  parts.push_back(samples_of({up(), needs.window > Nanos(0)}, needs.of.size(), length_text(ago)));
  return join(parts, " or ");
}

std::optional<SamplesKnown> read_samples(const Needs& needs, const promql::QueryResult& result) {
  SamplesKnown known{true, true, Nanos(0), {}}, of_up = known;
  bool any = false, any_up = false;
  std::optional<size_t> lost;
  for (const auto& element : result.vector) {
    auto number = parse_number<size_t>(element.labels.get("of"));
    if (!number || *number > needs.of.size()) continue;
    if (element.labels.get("what") == "lost") {
      lost = std::min(lost.value_or(*number), *number);
      continue;
    }
    bool is_up = *number == needs.of.size();
    (is_up ? any_up : any) = true;
    SamplesKnown& into = is_up ? of_up : known;
    bool range = is_up ? needs.window > Nanos(0) : needs.of[*number].range;
    if (element.labels.get("what") == "age") {
      into.oldest = std::max(into.oldest, from_seconds(std::clamp(element.value, -1e6, 1e6)));
    } else {
      into.some = into.some && element.value >= 1;
      into.enough = into.enough && element.value >= (range ? 2 : 1);
    }
  }
  known.lost = of_up.lost = lost;
  if (any) return known;
  return any_up ? std::optional(of_up) : std::nullopt;
}

}  // namespace ordeal::watch
