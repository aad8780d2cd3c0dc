#include "run/session/preview/first_look.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/io/wait.h"
#include "core/base/text/text.h"
#include "judge/judge.h"
#include "run/engine/describe.h"
#include "run/session/watching.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::session {
namespace {

using Outcome = Observation::Outcome;

constexpr Nanos kLookEvery = 500ms;  // at most, also where a run looks less often
constexpr Nanos kFirstPagesIn = 4s;  // a scrape's timeout, and two scrapes for a rate
constexpr int kFewLooks = 3;         // that find no page or no such series
constexpr Nanos kTellAfter = 2s;
constexpr Nanos kAtMost = 10s;  // beside the timeout of a probe

bool is_harmless(const Expectation& expectation) {
  if (expectation.command) return false;
  return !expectation.http || expectation.http->method == "GET" || expectation.http->method == "HEAD";
}

class FirstLook {
 public:
  FirstLook(const Experiment& experiment, Ask ask) : experiment_(experiment), began_(boot_now()) {
    for (const Expectation& expectation : experiment.expect) {
      Item item{*judge::Judge::create(expectation), {}, {}, 0, false, false};
      item.left_out = item.settled = ask == Ask::kHarmless && !is_harmless(expectation);
      items_.push_back(std::move(item));
    }
  }

  Result<std::vector<FirstReading>> take(const Waiting& waiting) {
    watch::WatchOptions options;
    options.offset = WallOffset::measure();
    watcher_ = TRY(watch::SourceWatcher::create(
        experiment_, options, [this](size_t index, const Observation& seen) { on_look(index, seen); }));
    wait(waiting);
    std::vector<FirstReading> readings;
    for (const Item& item : items_) readings.push_back(reading_of(item));
    return readings;
  }

 private:
  struct Item {
    judge::Judge judge;
    judge::Judgement judgement;
    Observation seen;
    int looks = 0;
    bool settled = false;
    bool left_out = false;
  };

  bool on_own_pages(const Item& item) const {
    return !item.judge.expectation().query.empty() && experiment_.sources.prometheus.empty();
  }

  void on_look(size_t index, const Observation& seen) {
    Item& item = items_[index];
    if (item.settled) return;
    item.seen = seen;
    item.judgement = item.judge.observe(seen, boot_now());
    ++item.looks;
    item.settled = item.judgement.has_data || !on_own_pages(item) || is_hopeless(item);
  }

  // A rate needs two scrapes; a page that does not answer, or does not name the metric, will not do it in a second.
  bool is_hopeless(const Item& item) const {
    if (item.looks < kFewLooks) return false;
    return !item.seen.unseen.empty() || no_page_ever() || boot_now() - began_ > kFirstPagesIn;
  }

  bool no_page_ever() const {
    auto pages = watcher_->scrapes();
    return std::all_of(pages.begin(), pages.end(), [](const auto& page) {
      return page.last_ms == 0 && page.failures >= static_cast<uint64_t>(kFewLooks);
    });
  }

  std::vector<std::string> unsettled() const {
    std::vector<std::string> names;
    for (const Item& item : items_)
      if (!item.settled) names.push_back(item.judge.expectation().name);
    return names;
  }

  Nanos at_most() const {
    Nanos longest{0};
    for (const Item& item : items_) longest = std::max(longest, engine::answer_at_most(item.judge.expectation()));
    return kAtMost + longest;
  }

  void wait(const Waiting& waiting) {
    Nanos every = std::min(kLookEvery, experiment_.sources.interval);
    BootTime next = began_, end = began_ + at_most();
    bool told = false;
    while (!unsettled().empty() && boot_now() < end) {
      if (boot_now() >= next) {
        for (size_t i = 0; i < items_.size(); ++i)
          if (!items_[i].settled) watcher_->look(i, began_);
        next = boot_now() + every;
      }
      if (!told && waiting && boot_now() - began_ > kTellAfter) {
        told = true;
        waiting(unsettled());
      }
      wait_readable({watcher_->descriptor()}, std::max(next - boot_now(), Nanos(0)));
      watcher_->dispatch();
    }
  }

  FirstReading reading_of(const Item& item) const {
    const Expectation& expectation = item.judge.expectation();
    FirstReading reading;
    reading.name = expectation.name;
    reading.asked = !item.left_out;
    reading.before = expectation.when.count(When::kBefore) != 0;
    judge::Judgement told = item.judgement;
    if (item.seen.values.size() == 1) told.series.clear();  // it has no other
    auto words = engine::describe_reading(item.judge, told);
    reading.limit_text = std::move(words.limit);
    reading.caveat = item.seen.caveat;
    if (item.left_out) {
      reading.why = expectation.command ? "it starts a program" : "it sends a " + expectation.http->method;
    } else if (item.judgement.has_data) {
      reading.reading = item.judgement.reading;
      reading.value = item.judgement.value;
      reading.series = item.judgement.series;
      reading.value_text = std::move(words.value);
    } else {
      explain(item, reading);
    }
    return reading;
  }

  void explain(const Item& item, FirstReading& reading) const {
    const Expectation& expectation = item.judge.expectation();
    if (item.looks == 0) {
      reading.why = fmt::format("no response within {:.0f} s", to_seconds(at_most()));
      reading.advice = "Find out why what it queries hangs.";
    } else if (item.seen.kind == Outcome::kValues) {
      reading.why = item.judgement.detail;
      reading.advice = "Correct the condition, or the query: " + expectation.condition;
    } else if (!expectation.query.empty()) {
      explain_query(item, reading);
    } else {
      explain_probe(item, reading);
    }
  }

  static void explain_probe(const Item& item, FirstReading& reading) {
    const Expectation& expectation = item.judge.expectation();
    reading.why = item.seen.error.empty() ? item.judgement.detail : item.seen.error;
    bool late = item.seen.kind == Outcome::kTimedOut;
    if (expectation.command)
      reading.advice = late ? "Give it a longer `timeout`, or see why it hangs." : "Correct the program's path.";
    else if (item.seen.kind == Outcome::kNoSuchSeries)
      reading.advice = "Correct `result: json:…`, or ask another URL.";
    else
      reading.advice = late ? "See why it hangs, or give the probe a longer `timeout`."
                            : "Start the service, or fix the probe's address.";
  }

  void explain_query(const Item& item, FirstReading& reading) const {
    if (explain_page(reading)) return;
    std::string unseen = item.seen.unseen;
    if (unseen.empty() && item.seen.kind == Outcome::kNoSuchSeries)
      unseen = unseen_in_prometheus(experiment_, item.judge.expectation());
    reading.why = unseen.empty() ? item.judgement.detail : unseen;
    reading.advice = unseen.empty() ? advice_on(item.seen.kind) : kCorrectTheQuery;
  }

  // The first page that never came; without it nobody can say what it has.
  bool explain_page(FirstReading& reading) const {
    auto pages = watcher_->scrapes();
    for (size_t i = 0; i < pages.size() && experiment_.sources.prometheus.empty(); ++i) {
      if (pages[i].last_ms != 0) continue;
      reading.why = fmt::format("{} cannot be scraped: {}", without_password(pages[i].url), pages[i].trouble);
      reading.advice = fmt::format("Start the service, or fix `sources.scrape[{}].url`.", i);
      return true;
    }
    return false;
  }

  static const char* advice_on(Outcome kind) {
    switch (kind) {
      case Outcome::kNaN:
        return "Nothing happened in its window, so there is nothing to divide: send some traffic, and check again.";
      case Outcome::kNoSuchSeries:
        return "Send some traffic and check again, or correct the values of its labels.";
      case Outcome::kStale:
        return "Its series have ended: check whether their exporter still runs.";
      default:
        return "Check whether the source responds, or fix `sources`.";
    }
  }

  const Experiment& experiment_;
  BootTime began_;
  std::vector<Item> items_;
  std::unique_ptr<watch::SourceWatcher> watcher_;
};

const char* word_of(const FirstReading& reading) {
  if (!reading.asked) return "not asked";
  return reading.reading == Reading::kHolds      ? "holds"
         : reading.reading == Reading::kBreached ? "does not hold"
                                                 : "no data";
}

}  // namespace

Result<std::vector<FirstReading>> look_once(const Experiment& experiment, Ask ask, const Waiting& waiting) {
  return FirstLook(experiment, ask).take(waiting);
}

ExitCode exit_code_of(const std::vector<FirstReading>& readings) {
  ExitCode code = ExitCode::kHeld;
  for (const FirstReading& reading : readings) {
    if (reading.reading == Reading::kBreached) code = stronger(code, ExitCode::kDeviated);
    if (reading.reading == Reading::kNoData && reading.asked) code = stronger(code, ExitCode::kInconclusive);
  }
  return code;
}

std::string in_words(const FirstReading& reading) {
  const char* word = word_of(reading);
  if (!reading.why.empty()) return fmt::format("{}: {} ({}): {}", reading.name, word, reading.limit_text, reading.why);
  if (reading.value_text.empty()) return fmt::format("{}: {} ({})", reading.name, word, reading.limit_text);
  return fmt::format("{}: {} ({}), {}", reading.name, reading.value_text, reading.limit_text, word);
}

json::Value to_json(const FirstReading& reading) {
  auto or_null = [](const std::string& text) { return text.empty() ? json::Value(nullptr) : json::Value(text); };
  return json::Object{{"expectation", reading.name},
                      {"reading", reading.asked ? to_text(reading.reading) : "not_asked"},
                      {"value", reading.value ? json::Value(*reading.value) : json::Value(nullptr)},
                      {"series", or_null(reading.series)},
                      {"value_text", or_null(reading.value_text)},
                      {"limit", reading.limit_text},
                      {"caveat", or_null(reading.caveat)},
                      {"why", or_null(reading.why)},
                      {"advice", or_null(reading.advice)}};
}

}  // namespace ordeal::session
