#include "watch/evidence/vouch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "watch/evidence/series_life.h"
#include "watch/evidence/unseen.h"

namespace ordeal::watch {
namespace {

constexpr Nanos kStandsStill = 3s;    // without a change on the page
constexpr Nanos kLately = 2s;         // a counter has moved
constexpr Nanos kAheadAtMost = 50ms;  // of our clock: what is dated later may be from before
constexpr Nanos kSkew = 1s;           // that explains why there is no data

BootTime boot(int64_t ms, WallOffset offset) { return BootTime(Nanos(milliseconds(ms)) - offset.offset); }

std::string rounded(Nanos duration) { return format_duration(std::chrono::round<milliseconds>(duration)); }

// The selector may select series of the target with these labels.
bool may_select(const promql::VectorSelector& selector, const promql::Labels& target) {
  return std::all_of(selector.matchers.begin(), selector.matchers.end(), [&](const promql::Matcher& matcher) {
    auto value = target.get(matcher.name());
    return value.empty() || matcher.matches(value);
  });
}

bool concerns(const Needs& needs, const promql::Labels& target) {
  return std::any_of(needs.of.begin(), needs.of.end(),
                     [&](const Need& need) { return may_select(need.selector, target); });
}

// Which of the pages a selector reads: those with series of its metric, also where only another value stands there (a
// page that is kept may lack the very errors). Where none has any, all that it may select.
void mark_read(const promql::VectorSelector& selector, const promql::Storage& storage,
               const std::vector<Scraper::Status>& pages, std::vector<bool>& read) {
  std::vector<promql::Matcher> names;
  for (const auto& matcher : selector.matchers)
    if (matcher.name() == promql::kMetricName) names.push_back(matcher);
  auto found = storage.select(names).series;
  bool any = false;
  auto mark = [&](auto has_some) {
    for (size_t i = 0; i < pages.size(); ++i) {
      if (!may_select(selector, pages[i].labels) || !has_some(pages[i])) continue;
      any = read[i] = true;
    }
  };
  mark([&](const Scraper::Status& page) {
    return std::any_of(found.begin(), found.end(),
                       [&](const auto& series) { return is_of(series.labels, page.labels); });
  });
  if (!any) mark([](const Scraper::Status&) { return true; });
}

std::vector<bool> pages_read(const Needs& needs, const promql::Storage& storage,
                             const std::vector<Scraper::Status>& pages) {
  std::vector<bool> read(pages.size());
  for (const Need& need : needs.of) mark_read(need.selector, storage, pages, read);
  return read;
}

// "; http://b:1/metrics never answered", of those that may have what the query names.
std::string pages_that_never_came(const Voucher::Look& look) {
  std::string text;
  for (const auto& page : look.scraper.status())
    if (page.last_ms == 0 && concerns(look.needs, page.labels)) text += "; " + page.url + " never answered";
  return text;
}

// All that the selector finds has the value that it had at first.
bool stands_still(const promql::VectorSelector& selector, const promql::Storage& storage) {
  auto found = storage.select(selector.matchers).series;
  return !found.empty() && std::all_of(found.begin(), found.end(), [](const promql::Series& series) {
    return series.samples.size() > 1 && series.samples.front().value == series.samples.back().value;
  });
}

}  // namespace

void Voucher::vouch(const Look& look, Observation& seen) {
  if (std::exchange(since_, look.since) != look.since) ++phase_;
  auto pages = look.scraper.status();
  auto alive_until = [&](promql::LabelsView labels) -> int64_t {
    int64_t until = -1;
    for (const auto& page : pages)
      if (page.moved_ms > 0 && is_of(labels, page.labels))
        until = until < 0 ? page.moved_ms : std::min(until, page.moved_ms);
    return until;
  };
  seen.taken = taken_from(look.needs, {look.store, look.at_ms, look.offset, alive_until});
  bool all_came = true, one_came = false;
  auto read = pages_read(look.needs, look.store, pages);
  for (size_t i = 0; i < pages.size(); ++i) {
    all_came = all_came && pages[i].last_ms > 0;
    one_came = one_came || pages[i].last_ms > 0;
    if (concerns(look.needs, pages[i].labels)) look_at_page(look, pages[i], read[i], seen);
  }
  look_at_ends(look, seen);
  if (one_came) look_at_names(look, seen);
  if (all_came) look_at_rest(look, seen);
}

void Voucher::look_at_page(const Look& look, const Scraper::Status& page, bool read, Observation& seen) const {
  bool no_data = seen.kind != Observation::Outcome::kValues;
  auto say = [&](std::string& into, const std::string& text) {
    if (into.empty()) into = page.url + ": " + text;
  };
  if (!page.doubt.empty()) say(seen.doubt, page.doubt);
  if (read && page.ahead && *page.ahead > kAheadAtMost)
    say(seen.doubt, fmt::format("it dates its samples {} ahead of this machine's clock", rounded(*page.ahead)));
  Nanos still = boot(look.at_ms, look.offset) - boot(page.moved_ms, look.offset);
  bool old = boot(page.moved_ms, look.offset) < look.since || still > kStandsStill;
  bool frozen = page.moved_ms > 0 && page.last_ms > page.moved_ms && old;
  if (read && frozen)
    say(seen.doubt, fmt::format("nothing on it has changed for {}: it looks like a cached page", rounded(still)));
  if (!no_data) return;
  if (!page.own_lack.empty()) say(seen.own_lack, page.own_lack);
  if (page.ahead && (*page.ahead > kSkew || *page.ahead < -kSkew))
    say(seen.own_lack, fmt::format("it dates its samples {} {} this machine's clock", rounded(abs(*page.ahead)),
                                   *page.ahead > Nanos(0) ? "ahead of" : "behind"));
}

void Voucher::look_at_names(const Look& look, Observation& seen) {
  if (all_seen_ || !look.expect_series) return;
  auto found =
      look_up(look.query,
              known_to(look.store, [&](const std::string& metric) { return look.scraper.announces(metric, false); }));
  if (!found) return;
  all_seen_ = found->unseen.empty() && found->empty.empty();
  seen.unseen = found->unseen;
  if (!seen.unseen.empty()) seen.unseen += pages_that_never_came(look);
  if (seen.unseen.empty() && !found->empty.empty() && seen.kind == Observation::Outcome::kValues)
    seen.caveat = join(found->empty, ", ") + " finds no series yet, and counts as nothing";
}

// What has ended with its page is counted by nobody, whatever the query puts in its place.
void Voucher::look_at_ends(const Look& look, Observation& seen) {
  for (const Need& need : look.needs.of) {
    SeriesLife life = life_of(need.selector.matchers, look.store, look.at_ms);
    if (life.alive || !life.lost || !seen.doubt.empty()) continue;
    seen.doubt = text_of(need.selector) + ": all that it found has ended, and its page does not answer";
  }
}

// Once the attack is over: a counter that never moved may be the wrong one.
void Voucher::look_at_rest(const Look& look, Observation& seen) {
  constexpr int kAfter = 3;
  if (phase_ != kAfter || !seen.caveat.empty()) return;
  auto pages = look.scraper.status();
  bool others = std::any_of(pages.begin(), pages.end(), [&](const auto& page) {
    return concerns(look.needs, page.labels) && page.counted_ms > 0 &&
           boot(page.counted_ms, look.offset) >= since_ - kLately;
  });
  for (const Need& need : look.needs.of) {
    if (!others || !need.range || !stands_still(need.selector, look.store)) continue;
    seen.caveat = text_of(need.selector) + " has not moved since watching began, while other counters of its page have";
    return;
  }
}

}  // namespace ordeal::watch
