#include "watch/scraping/scraper.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "core/base/text/url.h"
#include "watch/probes/prober.h"

namespace ordeal::watch {

namespace {

// The target's own labels win; what the page said under the same name is kept as exported_….
promql::Labels combine(const metrics::Sample& sample, const promql::Labels& own) {
  promql::Labels labels(std::vector<promql::Labels::Pair>(sample.labels.begin(), sample.labels.end()));
  for (const auto& [name, value] : own) {
    if (std::string theirs(labels.get(name)); !theirs.empty()) {
      std::string exported = fmt::format("exported_{}", name);
      while (!labels.get(exported).empty()) exported = "exported_" + exported;
      labels.set(exported, theirs);
    }
    labels.set(name, value);
  }
  return labels;
}

// By what the page says, else by the name.
bool is_counter(const metrics::Exposition& page, std::string_view name) {
  for (std::string_view suffix : {"", "_total", "_bucket", "_count", "_sum"}) {
    if (!name.ends_with(suffix)) continue;
    auto type = page.types.find(std::string(name.substr(0, name.size() - suffix.size())));
    if (type == page.types.end()) continue;
    using metrics::Type;
    return type->second == Type::kCounter || type->second == Type::kHistogram || type->second == Type::kSummary;
  }
  return name.ends_with("_total") || name.ends_with("_bucket") || name.ends_with("_count");
}

using metrics::Type;

// What samples of a family are called.
std::vector<std::string> sample_names(const std::string& family, Type type, metrics::Format format) {
  bool text = format == metrics::Format::kText;
  switch (type) {
    case Type::kCounter:
      return {text ? family : family + "_total"};
    case Type::kHistogram:
      return {family + "_bucket", family + "_count", family + "_sum"};
    case Type::kGaugeHistogram:
      return {family + "_bucket", family + "_gcount", family + "_gsum"};
    case Type::kSummary:
      return {family, family + "_count", family + "_sum"};
    case Type::kInfo:
      return {family + "_info"};
    default:
      return {family};
  }
}

bool has_html(const net::HttpReply& reply) {
  const std::string* type = net::find_header(reply.headers, "content-type");
  return type && type->find("html") != std::string::npos;
}

// Neither a length nor an end came with it: nobody can tell whether it is all.
bool has_no_end(const net::HttpReply& reply) {
  const std::string* coding = net::find_header(reply.headers, "transfer-encoding");
  return !net::find_header(reply.headers, "content-length") && !coding;
}

int64_t to_ms(Nanos since_epoch) { return std::chrono::duration_cast<milliseconds>(since_epoch).count(); }

}  // namespace

promql::Labels labels_of(const ScrapeTarget& spec) {
  promql::Labels labels;
  labels.set("job", spec.job);
  labels.set("instance", instance_of(spec.url));
  for (const auto& [name, value] : spec.labels) labels.set(name, value);
  return labels;
}

bool is_of(promql::LabelsView series, const promql::Labels& page) {
  for (const auto& [name, value] : page)
    if (series.get(name) != value) return false;
  return true;
}

std::string instance_of(std::string_view url) {
  auto parts = parse_url(url);
  if (!parts) return std::string(url);
  return std::string(parts->place) + (parts->port ? "" : fmt::format(":{}", port_of(*parts)));
}

Scraper::Scraper(net::HttpClient& client, promql::SeriesStore& store, const std::vector<ScrapeTarget>& targets,
                 WallOffset offset, std::optional<net::PortRange> local_ports)
    : client_(client), store_(store), offset_(offset), local_ports_(local_ports) {
  for (const auto& spec : targets) {
    Target target;
    target.spec = spec;
    target.own = target.status.labels = labels_of(spec);
    target.status.url = without_password(spec.url);
    targets_.push_back(std::move(target));
  }
}

Result<> check_identities(const std::vector<ScrapeTarget>& targets) {
  for (size_t i = 0; i < targets.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!(labels_of(targets[i]) == labels_of(targets[j]))) continue;
      return fail(Errc::kInvalidInput,
                  fmt::format("scrape[{}] {} and scrape[{}] {} have the same job, address and labels, so that their "
                              "series could not be told apart",
                              j, without_password(targets[j].url), i, without_password(targets[i].url)),
                  "Give one of them another `job`, or a label of its own.");
    }
  }
  return {};
}

std::vector<Scraper::Status> Scraper::status() const {
  std::vector<Status> all;
  for (const auto& target : targets_) all.push_back(target.status);
  return all;
}

void Scraper::scrape_all(std::function<void()> done) {
  ++round_;
  waiting_ = 0;
  done_ = std::move(done);
  for (size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].under_way || targets_[i].dropped) continue;
    ++waiting_;
    targets_[i].round = round_;
    start(i);
  }
  if (waiting_ == 0 && done_) std::exchange(done_, nullptr)();
}

void Scraper::drop(const std::string& url) {
  for (Target& target : targets_) {
    if (target.spec.url != url || std::exchange(target.dropped, true)) continue;
    int64_t ms = to_ms(offset_.wall(boot_now()));
    end_series(target, {}, ms);
    for (const char* own : {"up", "scrape_duration_seconds", "scrape_samples_scraped"})
      add(target, own, ms, promql::stale_nan());
    target.status.up = false;
    target.status.trouble = "it is not asked any more: what it was of is gone";
  }
}

// Of those that the page had and now, with `seen`, has not.
void Scraper::end_series(Target& target, const Seen& seen, int64_t ms) {
  for (const auto& labels : target.seen)
    if (!seen.count(labels)) store_.append(labels, ms, promql::stale_nan());
  target.seen = seen;
}

void Scraper::end_of(const Target& target) {
  if (target.round != round_ || --waiting_ > 0 || !done_) return;
  std::exchange(done_, nullptr)();
}

void Scraper::start(size_t index) {
  Target& target = targets_[index];
  target.under_way = true;
  target.started = boot_now();
  net::HttpCall call;
  call.url = target.spec.url;
  call.timeout = kScrapeTimeout;
  call.local_ports = local_ports_;
  call.headers = {{"Accept", std::string(metrics::kAccept)}};
  client_.start(std::move(call),
                [this, index](net::HttpOutcome outcome) { finish(targets_[index], std::move(outcome)); });
}

void Scraper::finish(Target& target, net::HttpOutcome outcome) {
  int64_t ms = to_ms(offset_.wall(target.started));
  target.under_way = false;
  if (target.dropped) return end_of(target);
  target.status.took = boot_now() - target.started;
  target.status.trouble.clear();
  target.status.doubt.clear();
  target.status.own_lack.clear();
  ++target.status.scrapes;
  Seen seen;
  auto taken = outcome ? take_in(target, *outcome, seen, ms) : Result<>(tl::unexpected(outcome.error().error));
  if (!taken) {
    note_failure(target, outcome, taken.error());
    seen.clear();
  }
  end_series(target, seen, ms);
  target.status.up = taken.has_value();
  // Whether it is up is not known where nobody could ask.
  add(target, "up", ms, taken ? 1 : target.status.own_lack.empty() ? 0 : promql::stale_nan());
  add(target, "scrape_duration_seconds", ms, to_seconds(target.status.took));
  if (taken) add(target, "scrape_samples_scraped", ms, static_cast<double>(target.status.samples));
  end_of(target);
}

void Scraper::note_failure(Target& target, const net::HttpOutcome& outcome, const Error& error) {
  ++target.status.failures;
  target.status.trouble = error.message();
  if (!outcome && is_own_lack(outcome.error())) target.status.own_lack = error.message();
}

Result<> Scraper::take_in(Target& target, const net::HttpReply& reply, Seen& seen, int64_t ms) {
  Status& status = target.status;
  if (reply.status != 200) return fail(Errc::kSystem, fmt::format("the target answered {}", reply.status));
  if (has_html(reply)) return fail(Errc::kSystem, "the page is HTML, not metrics: give the URL of its metrics");
  const std::string* type = net::find_header(reply.headers, "content-type");
  auto format = metrics::format_of(type ? *type : "");
  auto page = metrics::parse_exposition(reply.body, format);
  status.bad_lines += page.bad_lines;
  if (!page.described.empty()) {
    const auto& first = page.described.front();
    status.trouble = fmt::format("{} bad lines; line {}: {}", page.bad_lines, first.line, first.why);
  }
  if (page.lost_samples > 0) status.doubt = status.trouble;
  if (!page.complete) return fail(Errc::kSystem, "the page is cut short: its last line is not # EOF");
  if (page.samples.empty() && page.bad_lines > 0) {
    return fail(Errc::kSystem, "no line of the page is a metric: " + status.trouble);
  }
  take_samples(target, page, seen, ms);
  bool lost =
      std::any_of(target.seen.begin(), target.seen.end(), [&](const auto& labels) { return !seen.count(labels); });
  if (has_no_end(reply) && (lost || !reply.body.ends_with('\n')))
    status.doubt = status.trouble =
        "the page may be cut short: it came without a length, and ends without some that it had";
  keep_metadata(page);
  target.types = std::move(page.types);
  target.format = format;
  return {};
}

void Scraper::take_samples(Target& target, const metrics::Exposition& page, Seen& seen, int64_t ms) {
  Status& status = target.status;
  uint64_t dropped = store_.dropped().too_many_series + store_.dropped().labels_too_long;
  size_t ahead = 0, twice = 0, moving = 0, counting = 0, counters = 0;
  status.ahead.reset();
  for (const auto& sample : page.samples) {
    int64_t at = sample.timestamp_ms.value_or(ms);
    if (at > ms + kMostAhead / 1ms) {
      ++ahead;
      continue;
    }
    promql::Labels labels = combine(sample, target.own);
    size_t mark =
        labels.hash() ^ (std::hash<double>{}(sample.value) * 31 + static_cast<size_t>(sample.timestamp_ms.value_or(0)));
    moving += mark;
    if (sample.timestamp_ms || is_counter(page, labels.get(promql::kMetricName))) {
      counting += mark;
      ++counters;
    }
    if (sample.timestamp_ms) status.ahead = std::max<Nanos>(status.ahead.value_or(Nanos::min()), milliseconds(at - ms));
    store_.append(labels, at, sample.value);
    // A series with times of its own ends when its times do, not when a scrape misses it.
    if (!sample.timestamp_ms) twice += !seen.insert(std::move(labels)).second;
  }
  auto note = [&](size_t& last, size_t now, int64_t& changed_ms) {
    bool changed = std::exchange(last, now) != now || changed_ms == 0;
    if (counters == 0) changed_ms = 0;
    if (counters > 0 && changed) changed_ms = ms;
  };
  note(target.moving, moving, status.moved_ms);
  note(target.counting, counting, status.counted_ms);
  status.last_ms = ms;
  status.samples = page.samples.size() - ahead;
  uint64_t lost = store_.dropped().too_many_series + store_.dropped().labels_too_long - dropped;
  auto lose = [&](size_t count, const char* what) {
    if (count > 0) status.doubt = status.trouble = fmt::format("{} {}", count, what);
  };
  lose(ahead, "samples are dated more than ten minutes ahead, and left out");
  lose(twice, "of its series appear twice");
  lose(lost, "of its series are more than are kept");
}

bool Scraper::announces(const std::string& metric, bool now) const {
  auto has_series = [this](const std::string& name) {
    auto named = promql::Matcher::create(promql::MatchType::kEqual, std::string(promql::kMetricName), name);
    return !store_.select(std::vector{*named}).series.empty();
  };
  for (const Target& target : targets_) {
    if (now && !target.status.up) continue;
    for (const auto& suffix : {"", "_total", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info"}) {
      if (!metric.ends_with(suffix)) continue;
      auto family = target.types.find(metric.substr(0, metric.size() - std::string_view(suffix).size()));
      if (family == target.types.end()) continue;
      auto names = sample_names(family->first, family->second, target.format);
      bool one_of_them = std::find(names.begin(), names.end(), metric) != names.end();
      if (one_of_them && std::none_of(names.begin(), names.end(), has_series)) return true;
    }
  }
  return false;
}

void Scraper::keep_metadata(const metrics::Exposition& page) {
  for (const auto& [name, type] : page.types) {
    if (metadata_.size() >= kMostMetadata || metadata_.count(name)) continue;
    auto help = page.help.find(name);
    metadata_[name] = {std::string(metrics::type_name(type)), help == page.help.end() ? "" : help->second};
  }
}

void Scraper::add(Target& target, std::string_view name, int64_t ms, double value) {
  promql::Labels labels = target.own;
  labels.set(promql::kMetricName, name);
  store_.append(labels, ms, value);
}

}  // namespace ordeal::watch
