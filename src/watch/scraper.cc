#include "watch/scraper.h"

#include <fmt/core.h>

#include "base/text.h"

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

int64_t to_ms(Nanos since_epoch) { return std::chrono::duration_cast<milliseconds>(since_epoch).count(); }

}  // namespace

std::string instance_of(std::string_view url) {
  bool tls = url.substr(0, 8) == "https://";
  if (size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (size_t user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
  size_t colon = url.rfind(':');
  bool has_port = colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos;
  return std::string(url) + (has_port ? "" : tls ? ":443" : ":80");
}

Scraper::Scraper(net::HttpClient& client, promql::SeriesStore& store, const std::vector<ScrapeTarget>& targets,
                 WallOffset offset, std::optional<net::PortRange> local_ports)
    : client_(client), store_(store), offset_(offset), local_ports_(local_ports) {
  for (const auto& spec : targets) {
    Target target;
    target.spec = spec;
    target.own.set("job", spec.job);
    target.own.set("instance", instance_of(spec.url));
    for (const auto& [name, value] : spec.labels) target.own.set(name, value);
    target.status.url = without_password(spec.url);
    targets_.push_back(std::move(target));
  }
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
    if (targets_[i].under_way) continue;
    ++waiting_;
    targets_[i].round = round_;
    start(i);
  }
  if (waiting_ == 0 && done_) std::exchange(done_, nullptr)();
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
  target.status.took = boot_now() - target.started;
  target.status.trouble.clear();
  ++target.status.scrapes;
  Seen seen;
  auto taken = outcome ? take_in(target, *outcome, seen, ms) : Result<>(tl::unexpected(outcome.error().error));
  if (!taken) {
    ++target.status.failures;
    target.status.trouble = taken.error().message();
    seen.clear();
  }
  for (const auto& labels : target.seen) {
    if (!seen.count(labels)) store_.append(labels, ms, promql::stale_nan());
  }
  target.seen = std::move(seen);
  target.status.up = taken.has_value();
  add(target, "up", ms, taken ? 1 : 0);
  add(target, "scrape_duration_seconds", ms, to_seconds(target.status.took));
  if (taken) add(target, "scrape_samples_scraped", ms, static_cast<double>(target.status.samples));
  end_of(target);
}

Result<> Scraper::take_in(Target& target, const net::HttpReply& reply, Seen& seen, int64_t ms) {
  if (reply.status != 200) return fail(Errc::kSystem, fmt::format("the target answered {}", reply.status));
  const std::string* type = net::find_header(reply.headers, "content-type");
  auto page = metrics::parse_exposition(reply.body, metrics::format_of(type ? *type : ""));
  target.status.bad_lines += page.bad_lines;
  if (!page.described.empty()) {
    const auto& first = page.described.front();
    target.status.trouble = fmt::format("{} bad lines; line {}: {}", page.bad_lines, first.line, first.why);
  }
  if (!page.complete) return fail(Errc::kSystem, "the page is cut short: its last line is not # EOF");
  if (page.samples.empty() && page.bad_lines > 0) {
    return fail(Errc::kSystem, "no line of the page is a metric: " + target.status.trouble);
  }
  size_t ahead = 0;
  for (const auto& sample : page.samples) {
    if (sample.timestamp_ms.value_or(ms) > ms + kMostAhead / 1ms) {
      ++ahead;
      continue;
    }
    promql::Labels labels = combine(sample, target.own);
    store_.append(labels, sample.timestamp_ms.value_or(ms), sample.value);
    // A series with times of its own ends when its times do, not when a scrape misses it.
    if (!sample.timestamp_ms) seen.insert(std::move(labels));
  }
  if (ahead > 0)
    target.status.trouble = fmt::format("{} samples are dated more than ten minutes ahead, and left out", ahead);
  target.status.samples = page.samples.size() - ahead;
  keep_metadata(page);
  return {};
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
