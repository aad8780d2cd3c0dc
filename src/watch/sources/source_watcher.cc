#include "watch/sources/source_watcher.h"

#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <array>

#include "core/base/duration.h"
#include "core/base/io/unique_fd.h"
#include "platform/sys/process/child_runner.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"
#include "watch/evidence/evidence.h"
#include "watch/evidence/observe.h"
#include "watch/evidence/ratio.h"
#include "watch/evidence/unseen.h"
#include "watch/evidence/vouch.h"
#include "watch/probes/prober.h"
#include "watch/scraping/counter_tally.h"

namespace ordeal::watch {

namespace {

using Outcome = Observation::Outcome;
constexpr Nanos kCountersEvery = 250ms;  // a Prometheus is asked for raw counters no more often
constexpr Nanos kSamplesEvery = 250ms;   // nor for the age of its samples

// With a real Prometheus what our evaluator lacks is no reason to refuse: the server decides.
Result<> validate_query(const Expectation& expectation, bool own_scraper) {
  auto parsed = promql::parse(expectation.query);
  if (!parsed) {
    if (!own_scraper && parsed.error().code == Errc::kUnsupported) return {};
    return tl::unexpected(parsed.error());
  }
  promql::ValueKind kind = (*parsed)->kind();
  if (kind == promql::ValueKind::kScalar || kind == promql::ValueKind::kVector) return {};
  return fail(Errc::kInvalidInput,
              fmt::format("it returns a {}, which no condition can compare", promql::kind_name(kind)),
              "Wrap a range such as x[1m] in a function such as rate() or last_over_time().");
}

void drain(int fd) {
  uint64_t count = 0;
  [[maybe_unused]] ssize_t got = ::read(fd, &count, sizeof count);
}

}  // namespace

Unexpected about_query(size_t index, const Expectation& expectation, Error error) {
  return wrap(std::move(error), fmt::format("expect[{}] \"{}\": query", index, expectation.name));
}

std::string counted_from(const Expectation& expectation, const Sources& sources) {
  auto design = judge::design_trigger(expectation);
  if (design.kind != judge::TriggerDesign::Signal::kCounts) return "";
  if (!sources.scrape.empty()) return "the scraped pages";
  return counters_query(design.counts, {}) ? "the Prometheus" : "";
}

Result<> validate(const Experiment& experiment) {
  TRY_VOID(check_identities(experiment.sources.scrape));
  bool own_scraper = experiment.sources.prometheus.empty();
  for (size_t i = 0; i < experiment.expect.size(); ++i) {
    const Expectation& expectation = experiment.expect[i];
    if (expectation.query.empty()) continue;
    if (own_scraper && experiment.sources.scrape.empty()) {
      return about_query(i, expectation,
                         {.code = Errc::kInvalidInput,
                          .what = "there is no source to query",
                          .hint = "Give --prometheus URL, or sources.prometheus or sources.scrape in the file."});
    }
    if (auto valid = validate_query(expectation, own_scraper); !valid)
      return about_query(i, expectation, valid.error());
  }
  return {};
}

struct SourceWatcher::Impl {
  Impl(net::HttpClient quiet_client, net::HttpClient probe_client, sys::ChildRunner runner)
      : quiet(std::move(quiet_client)), plain(std::move(probe_client)), children(std::move(runner)) {}

  // What is counted beside the query, for the fast trigger.
  struct Counting {
    judge::CountDesign design;
    CounterTally tally;
    std::string query;  // for a Prometheus; "" when the scraper's store is read
    bool under_way = false;
    BootTime asked{};
    BootTime read_from{};  // when the question was asked whose answer was last taken
    std::string trouble;   // of the last question
  };
  // What a Prometheus has of the series of a query from a moment on.
  struct Sampled {
    BootTime since{}, asked{};
    bool under_way = false;
    std::optional<SamplesKnown> known;
    std::optional<BootTime> some_at;  // when it was first known that it has one of each series
  };
  struct Look {
    Expectation expectation;
    promql::ExprPtr query;           // null with a Prometheus and with a probe
    std::optional<RatioText> ratio;  // for a Prometheus: when the query is one
    std::optional<Counting> counting;
    bool under_way = false;
    bool waits = false;  // for the pages
    BootTime started;
    BootTime since{};
    std::optional<Needs> needs;         // of a query that our parser knows
    Sampled sampled;                    // with a Prometheus
    std::optional<SamplesKnown> known;  // of it when the look began
    Voucher voucher;                    // of the scraped pages
  };

  WatchOptions options;
  Callback callback;
  std::vector<Look> looks;
  BootTime began = boot_now();
  promql::SeriesStore store;
  promql::EvalOptions eval_options;  // of what is scraped
  // Two clients, because a kept connection does not say which local ports it may use.
  net::HttpClient quiet;
  net::HttpClient plain;
  sys::ChildRunner children;
  std::optional<Scraper> scraper;
  Nanos scrape_patience{0};
  bool fetching = false;
  std::optional<PrometheusSource> prometheus;
  std::optional<Prober> prober;
  UniqueFd epoll, timer;

  Result<> set_up(const Experiment& experiment);
  Result<> watch(int fd);
  std::optional<Counting> counting_for(const Expectation& expectation, const Sources& sources) const;
  int64_t now_ms() const;
  void doubt_ends(const Look& look, Observation& seen) const;
  Observation evaluate(const promql::Expr& query, bool expect_series);
  void count(Counting& counting);
  void ask_counters(size_t index);
  void ask_samples(size_t index);
  Observation read_store(size_t index);
  void date(const Look& look, Observation& seen) const;
  // What is read off the pages for this look is not all that there is.
  bool pages_doubted(const Look& look, const Observation& seen) const;
  void fetch_pages();
  void read_pages();
  void answer(size_t index, Observation seen);
  void act(int fd);
};

Result<> SourceWatcher::Impl::watch(int fd) {
  epoll_event event{EPOLLIN, {.fd = fd}};
  if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("cannot watch a descriptor");
  return {};
}

Result<> SourceWatcher::Impl::set_up(const Experiment& experiment) {
  epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("cannot make the watcher's descriptor");
  bool own_scraper = experiment.sources.prometheus.empty();
  for (const auto& expectation : experiment.expect) {
    Look look{expectation, nullptr, {}, counting_for(expectation, experiment.sources)};
    if (auto parsed = promql::parse(expectation.query)) look.needs = needs_of(**parsed);
    if (own_scraper && !expectation.query.empty()) look.query = TRY(promql::parse(expectation.query));
    if (!own_scraper) look.ratio = ratio_text(expectation.query);
    looks.push_back(std::move(look));
  }
  prober.emplace(plain, children);
  for (int fd : {quiet.descriptor(), plain.descriptor(), children.descriptor()}) TRY_VOID(watch(fd));
  if (!own_scraper) prometheus.emplace(quiet, experiment.sources.prometheus, options.local_ports, options.login);
  if (!experiment.sources.scrape.empty()) {
    scraper.emplace(quiet, store, experiment.sources.scrape, options.offset, options.local_ports);
    scrape_patience = experiment.sources.interval / 2;
    eval_options.default_step_ms = promql::scraped_step_ms(experiment.sources.interval);
    timer = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer) return fail_errno("cannot make a timer");
    TRY_VOID(watch(timer.get()));
  }
  return {};
}

std::optional<SourceWatcher::Impl::Counting> SourceWatcher::Impl::counting_for(const Expectation& expectation,
                                                                               const Sources& sources) const {
  auto design = judge::design_trigger(expectation);
  if (design.kind != judge::TriggerDesign::Signal::kCounts) return std::nullopt;
  std::vector<promql::Labels> pages;
  for (const ScrapeTarget& target : sources.scrape) pages.push_back(labels_of(target));
  Counting counting{design.counts, CounterTally(design.counts, std::move(pages))};
  if (!sources.scrape.empty()) return counting;
  auto query = counters_query(design.counts, {});
  if (!query) return std::nullopt;
  counting.query = *query;
  return counting;
}

int64_t SourceWatcher::Impl::now_ms() const {
  return std::chrono::duration_cast<milliseconds>(options.offset.wall(boot_now())).count();
}

void SourceWatcher::Impl::count(Counting& counting) {
  if (counting.query.empty()) counting.tally.take(read_counters(counting.design, store, now_ms()));
}

// The answer comes when it comes, with a later look, and holds up none.
void SourceWatcher::Impl::ask_counters(size_t index) {
  Counting& asking = *looks[index].counting;
  if (asking.query.empty() || asking.under_way || boot_now() - asking.asked < kCountersEvery) return;
  asking.under_way = true;
  asking.asked = boot_now();
  PrometheusQuestion question{.query = asking.query, .timeout = options.query_timeout};
  prometheus->ask(question, [this, index](const Result<QueryAnswer>& answer) {
    Counting& counting = *looks[index].counting;
    counting.under_way = false;
    counting.trouble = answer ? "" : "its counters cannot be read: " + answer.error().message();
    if (!answer) return;
    std::vector<CounterValue> values;
    int64_t ms = now_ms();
    for (const auto& element : answer->result.vector) values.push_back({element.labels, element.value, ms});
    counting.tally.take(values);
    counting.read_from = counting.asked;
    counting.query = *counters_query(counting.design, counting.tally.bounds());
  });
}

// Likewise: how old its data may be is known a little later than the data.
void SourceWatcher::Impl::ask_samples(size_t index) {
  Look& look = looks[index];
  if (!prometheus || !look.needs || look.sampled.under_way || look.since == BootTime{}) return;
  if (look.sampled.since != look.since) look.sampled = {look.since, {}, false, {}, {}};
  BootTime now = boot_now();
  if (now - look.sampled.asked < kSamplesEvery || now <= look.since) return;
  look.sampled.under_way = true;
  look.sampled.asked = now;
  PrometheusQuestion question{.query = samples_query(*look.needs, now - look.since, now - began),
                              .timeout = options.query_timeout};
  prometheus->ask(question, [this, index, asked_of = look.since](const Result<QueryAnswer>& answer) {
    Sampled& sampled = looks[index].sampled;
    sampled.under_way = false;
    if (sampled.since != asked_of) return;
    sampled.known = answer ? read_samples(*looks[index].needs, answer->result) : std::nullopt;
    if (sampled.known && sampled.known->some && !sampled.some_at) sampled.some_at = boot_now();
  });
}

// As with pages of our own (vouch.cc): a zero that a query puts in the place of what ended with its target.
void SourceWatcher::Impl::doubt_ends(const Look& look, Observation& seen) const {
  if (!look.known->lost || !seen.doubt.empty()) return;
  seen.doubt =
      text_of(look.needs->of[*look.known->lost].selector) + ": all that it found has ended, and its target is not up";
}

// When the data of an answer was taken. What is known of the samples of a Prometheus must be from before the question.
void SourceWatcher::Impl::date(const Look& look, Observation& seen) const {
  BootTime now = boot_now();
  if (look.expectation.query.empty()) {
    seen.taken = DataTimes{look.started, now, now, look.started};
    return;
  }
  if (!prometheus || !look.known) return;
  const SamplesKnown& known = *look.known;
  doubt_ends(look, seen);
  std::string age = format_duration(std::chrono::floor<milliseconds>(std::max(known.oldest, Nanos(0))));
  if (known.enough) {
    seen.taken = DataTimes{look.since, now, now - std::max(known.oldest, Nanos(0)), now - look.needs->window};
    if (look.needs->window == Nanos(0)) seen.taken->back_to = look.since;
  } else if (seen.doubt.empty()) {
    seen.doubt =
        fmt::format("the Prometheus has too few samples from that time: the newest of one series is {} old", age);
  }
  bool too_old = look.needs->window > Nanos(0) && known.oldest > look.needs->window;
  if (seen.kind == Outcome::kNoSuchSeries && too_old)
    seen.own_lack = fmt::format(
        "the newest sample is {} old by the clock of the Prometheus, and the query looks back over {}: its "
        "targets date their samples themselves, or it scrapes too rarely",
        age, format_duration(look.needs->window));
}

// A look has the pages fetched and waits for them, so that it sees what is true now; for a slow page it does not wait
// longer than half an interval.
void SourceWatcher::Impl::fetch_pages() {
  if (!scraper || std::exchange(fetching, true)) return;
  itimerspec limit{{0, 0}, to_timespec(scrape_patience)};
  timerfd_settime(timer.get(), 0, &limit, nullptr);
  scraper->scrape_all([this] { read_pages(); });
}

void SourceWatcher::Impl::read_pages() {
  fetching = false;
  for (size_t i = 0; i < looks.size(); ++i)
    if (std::exchange(looks[i].waits, false)) answer(i, read_store(i));
}

Observation SourceWatcher::Impl::evaluate(const promql::Expr& query, bool expect_series) {
  int64_t now = now_ms();
  auto result = promql::eval_instant(query, store, now, eval_options);
  if (!result) return trouble(Outcome::kError, result.error().message());
  if (result->kind != promql::ValueKind::kVector || !result->vector.empty()) return observe(*result);
  Observation empty = explain_empty(query, store, now);
  auto sides = ratio_sides(query);
  if (!sides) return empty;
  Observation ratio = judge_empty_ratio(empty, evaluate(*sides->numerator, expect_series),
                                        evaluate(*sides->denominator, expect_series));
  if (ratio.kind != Outcome::kValues) return ratio;
  auto announced = [this](const std::string& metric) { return scraper->announces(metric, true); };
  return why_no_zero(*sides->numerator, {store, now, announced, expect_series, eval_options}).value_or(ratio);
}

bool SourceWatcher::Impl::pages_doubted(const Look& look, const Observation& seen) const {
  if (look.query) return !seen.doubt.empty();
  auto pages = scraper->status();
  return std::any_of(pages.begin(), pages.end(), [](const auto& page) { return !page.doubt.empty(); });
}

Observation SourceWatcher::Impl::read_store(size_t index) {
  Look& look = looks[index];
  Observation seen = evaluate(*look.query, look.expectation.expect_series);
  look.voucher.vouch(
      {*look.query, *look.needs, look.expectation.expect_series, look.since, store, *scraper, options.offset, now_ms()},
      seen);
  return seen;
}

void SourceWatcher::Impl::answer(size_t index, Observation seen) {
  looks[index].under_way = false;
  seen.took = boot_now() - looks[index].started;
  date(looks[index], seen);
  if (auto& counting = looks[index].counting) {
    count(*counting);
    seen.counts = counting->tally.counts();
    if (!counting->trouble.empty()) seen.counts->trouble = counting->trouble;
    // Its quantile can never exceed the limit, whatever happens.
    if (counting->tally.blind()) seen.doubt = seen.counts->trouble;
    int64_t oldest = counting->tally.oldest_ms();
    if (counting->query.empty() && oldest > 0 && !pages_doubted(looks[index], seen))
      seen.counts->read_since = BootTime(Nanos(milliseconds(oldest)) - options.offset.offset);
    const Sampled& sampled = looks[index].sampled;
    bool some = sampled.some_at && *sampled.some_at <= counting->read_from;
    if (!counting->query.empty() && some) seen.counts->read_since = sampled.since;
  }
  callback(index, seen);
}

void SourceWatcher::Impl::act(int fd) {
  if (fd == quiet.descriptor()) {
    quiet.dispatch();
  } else if (fd == plain.descriptor()) {
    plain.dispatch();
  } else if (fd == children.descriptor()) {
    children.dispatch();
  } else {
    drain(fd);
    read_pages();
  }
}

SourceWatcher::SourceWatcher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SourceWatcher::~SourceWatcher() = default;

Result<std::unique_ptr<SourceWatcher>> SourceWatcher::create(const Experiment& experiment, const WatchOptions& options,
                                                             Callback callback) {
  TRY_VOID(validate(experiment));
  auto impl = std::make_unique<Impl>(TRY(net::HttpClient::create()), TRY(net::HttpClient::create()),
                                     TRY(sys::ChildRunner::create()));
  impl->options = options;
  if (options.only_outward) impl->quiet.only_outward(), impl->plain.only_outward();
  if (options.most_work > 0) impl->eval_options.most_samples = impl->eval_options.most_work = options.most_work;
  impl->callback = std::move(callback);
  TRY_VOID(impl->set_up(experiment));
  return std::unique_ptr<SourceWatcher>(new SourceWatcher(std::move(impl)));
}

void SourceWatcher::look(size_t index, BootTime since) {
  auto& look = impl_->looks.at(index);
  if (look.under_way) return;
  look.under_way = true;
  look.started = boot_now();
  look.since = since;
  look.known = look.sampled.since == since ? look.sampled.known : std::nullopt;
  auto answer = [impl = impl_.get(), index](Observation seen) { impl->answer(index, std::move(seen)); };
  const Expectation& expectation = look.expectation;
  impl_->fetch_pages();
  if (look.counting) impl_->ask_counters(index);
  impl_->ask_samples(index);
  if (look.query && impl_->fetching) {
    look.waits = true;
  } else if (look.query) {
    answer(impl_->read_store(index));
  } else if (look.ratio) {
    impl_->prometheus->query_ratio(*look.ratio, impl_->options.query_timeout, answer);
  } else if (!expectation.query.empty()) {
    impl_->prometheus->query(expectation.query, impl_->options.query_timeout, answer);
  } else if (expectation.http) {
    impl_->prober->start(*expectation.http, answer);
  } else if (expectation.tcp) {
    impl_->prober->start(*expectation.tcp, answer);
  } else if (expectation.certificate) {
    impl_->prober->start(*expectation.certificate, answer);
  } else if (expectation.command) {
    impl_->prober->start(*expectation.command, answer);
  } else {
    answer(trouble(Outcome::kError, "the expectation has neither a query nor a probe"));
  }
}

int SourceWatcher::descriptor() const { return impl_->epoll.get(); }

void SourceWatcher::dispatch() {
  std::array<epoll_event, 8> events{};
  int count = epoll_wait(impl_->epoll.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) impl_->act(events[i].data.fd);
}

void SourceWatcher::drop_page(const std::string& url) {
  if (impl_->scraper) impl_->scraper->drop(url);
}

std::vector<Scraper::Status> SourceWatcher::scrapes() const {
  return impl_->scraper ? impl_->scraper->status() : std::vector<Scraper::Status>{};
}

const promql::SeriesStore& SourceWatcher::store() const { return impl_->store; }

const promapi::Api::MetadataMap& SourceWatcher::metadata() const {
  static const promapi::Api::MetadataMap kNone;
  return impl_->scraper ? impl_->scraper->metadata() : kNone;
}

void SourceWatcher::set_listener(promql::SeriesStore::Listener listener) {
  impl_->store.set_listener(std::move(listener));
}

void SourceWatcher::record(const std::vector<metrics::Family>& families) {
  int64_t now = impl_->now_ms();
  for (const auto& family : families)
    for (const auto& sample : family.samples) impl_->store.append(promql::Labels(sample.labels), now, sample.value);
}

}  // namespace ordeal::watch
