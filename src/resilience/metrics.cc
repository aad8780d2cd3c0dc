#include "ordeal/resilience/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <string_view>

namespace ordeal::resilience {

namespace {

using Labels = Metrics::Labels;
using Type = Metrics::Type;

// As kFamilies.
enum class Name : uint8_t {
  kState,
  kTransitions,
  kLastTransition,
  kCalls,
  kSlow,
  kProbes,
  kLate,
  kListenerErrors,
  kRetryAttempts,
  kRetryCalls,
  kRetryRecovered,
  kRetryExhausted,
  kRetryOverBudget,
  kInFlight,
  kLimit,
  kRefused,
  kFallbacks,
  kLeased,
  kIdle,
  kPoolLimit,
  kLeaks,
  kPoolRefused,
  kExceeded
};

struct Family {
  const char* name;
  Type type;
  const char* help;
  bool worst = false;  // of a name's policies the highest value counts, not the sum
};

constexpr Family kFamilies[] = {
    {"circuit_breaker_state", Type::kGauge, "0 closed, 0.5 half-open, 1 open.", true},
    {"circuit_breaker_transitions_total", Type::kCounter, "Changes of the state."},
    {"circuit_breaker_last_transition_timestamp_seconds", Type::kGauge, "Unix time at which the state began.", true},
    {"circuit_breaker_calls_total", Type::kCounter,
     "Calls by what they came to. Abandoned ones (permits dropped without a report) are failures too, if so "
     "configured."},
    {"circuit_breaker_slow_calls_total", Type::kCounter, "Completed calls that took slow_after or longer."},
    {"circuit_breaker_half_open_probes_total", Type::kCounter, "Results of half-open breakers' probes."},
    {"circuit_breaker_late_results_total", Type::kCounter, "Results that came after their state had ended."},
    {"circuit_breaker_listener_errors_total", Type::kCounter, "Exceptions from on_event."},
    {"retry_attempts_total", Type::kCounter, "Attempts by their number in the call."},
    {"retry_calls_total", Type::kCounter, "Calls."},
    {"retry_recovered_total", Type::kCounter, "Calls that a retry made good."},
    {"retry_exhausted_total", Type::kCounter, "Calls that failed at every attempt."},
    {"retry_budget_exhausted_total", Type::kCounter, "Retries that the budget refused."},
    {"bulkhead_in_flight", Type::kGauge, "Calls that hold a slot."},
    {"bulkhead_limit", Type::kGauge, "Slots."},
    {"bulkhead_refused_total", Type::kCounter, "Calls that got no slot."},
    {"fallback_calls_total", Type::kCounter, "Calls that the fallback answered, or could not."},
    {"pool_leased", Type::kGauge, "Connections in use."},
    {"pool_idle", Type::kGauge, "Open connections that wait for use."},
    {"pool_limit", Type::kGauge, "Connections at most."},
    {"pool_leaks", Type::kGauge, "Leases that are held for leaked_after or longer."},
    {"pool_refused_total", Type::kCounter, "Leases that did not come free in time."},
    {"time_limit_exceeded_total", Type::kCounter, "Calls that the limit made errors of."},
};
static_assert(std::size(kFamilies) == static_cast<size_t>(Name::kExceeded) + 1);

const Family& family(Name name) { return kFamilies[static_cast<size_t>(name)]; }

using Table = std::map<std::pair<Name, Labels>, double>;

void combine(Table& table, Name name, const Labels& labels, double value) {
  double& sum = table[{name, labels}];
  sum = family(name).worst ? std::max(sum, value) : sum + value;
}

// ---- Labels ----

// Well-formed UTF-8 (Unicode, table 3-7): the first byte, the second byte, how many in all. The others are 80 to bf.
constexpr struct {
  unsigned char first[2], second[2];
  size_t length;
} kUtf8[] = {{{0x00, 0x7f}, {}, 1},           {{0xc2, 0xdf}, {0x80, 0xbf}, 2}, {{0xe0, 0xe0}, {0xa0, 0xbf}, 3},
             {{0xe1, 0xec}, {0x80, 0xbf}, 3}, {{0xed, 0xed}, {0x80, 0x9f}, 3}, {{0xee, 0xef}, {0x80, 0xbf}, 3},
             {{0xf0, 0xf0}, {0x90, 0xbf}, 4}, {{0xf1, 0xf3}, {0x80, 0xbf}, 4}, {{0xf4, 0xf4}, {0x80, 0x8f}, 4}};

bool is_within(char c, const unsigned char (&range)[2]) {
  auto byte = static_cast<unsigned char>(c);
  return byte >= range[0] && byte <= range[1];
}

// Bytes of the character that `text` begins with; 0 when it is not UTF-8.
size_t utf8_length(std::string_view text) {
  for (const auto& form : kUtf8) {
    if (!is_within(text[0], form.first)) continue;
    if (form.length == 1) return 1;
    std::string_view rest = text.substr(1, form.length - 1);
    bool good = rest.size() == form.length - 1 && is_within(rest[0], form.second);
    for (char c : rest) good = good && is_within(c, {0x80, 0xbf});
    return good ? form.length : 0;
  }
  return 0;
}

// One byte that is not UTF-8 would make Prometheus refuse the whole scrape.
std::string as_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    size_t length = utf8_length(text);
    valid += length > 0 ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return valid;
}

// ---- Text ----

std::string escaped(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '\\' || c == '"') result += '\\';
    c == '\n' ? result += "\\n" : result += c;
  }
  return result;
}

void write_labels(std::string& text, const Labels& labels) {
  if (labels.empty()) return;
  char before = '{';
  for (const auto& [name, value] : labels) {
    text += before + name + "=\"" + escaped(value) + '"';
    before = ',';
  }
  text += '}';
}

double unix_time_of(const BreakerSnapshot& breaker) {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  auto began = std::chrono::duration_cast<std::chrono::milliseconds>(now - (breaker.at - breaker.since));
  return static_cast<double>(began.count()) / 1000;
}

}  // namespace

std::string detail::prometheus_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  return {text, std::to_chars(std::begin(text), std::end(text), value).ptr};
}

struct Metrics::Entry {
  Source source;
  // Read from the wall clock once a state, so that it does not waver from export to export.
  uint64_t generation = 0;
  double began = 0;
};

// Under its lock the policies' own are taken, but nothing of the user's is called, except for a clock.
struct Metrics::Registry {
  std::mutex mutex;
  size_t most_names;
  std::map<Kind, std::set<Labels>> names;
  std::vector<std::shared_ptr<Entry>> entries;
  Table past;  // counters of policies that have gone

  Labels place_for(Kind kind, const Labels& labels);
};

class Metrics::Reading {
 public:
  Reading(Table& table, Entry& entry, bool only_counters)
      : table_(table), entry_(entry), only_counters_(only_counters) {}

  void add(Name name, double value, const Labels& more = {}) {
    if (only_counters_ && family(name).type != Type::kCounter) return;
    Labels labels = entry_.source.labels;
    labels.insert(labels.end(), more.begin(), more.end());
    combine(table_, name, labels, value);
  }
  void add(Name name, uint64_t value, const Labels& more = {}) { add(name, static_cast<double>(value), more); }
  double began(const BreakerSnapshot& breaker) {
    if (entry_.began == 0 || entry_.generation != breaker.generation) entry_.began = unix_time_of(breaker);
    entry_.generation = breaker.generation;
    return entry_.began;
  }

 private:
  Table& table_;
  Entry& entry_;
  bool only_counters_;
};

Labels Metrics::Registry::place_for(Kind kind, const Labels& labels) {
  std::set<Labels>& known = names[kind];
  if (known.contains(labels)) return labels;
  if (known.size() < most_names) return *known.insert(labels).first;
  Labels other = labels;
  for (auto& [name, value] : other) value = "other";
  return other;
}

Metrics::Metrics(size_t most_names) : registry_(std::make_shared<Registry>()) { registry_->most_names = most_names; }

Metrics::Registration Metrics::add(Source source) {
  auto entry = std::make_shared<Entry>();
  for (auto& [name, value] : source.labels) value = as_utf8(value);
  std::lock_guard lock(registry_->mutex);
  source.labels = registry_->place_for(source.kind, source.labels);
  entry->source = std::move(source);
  registry_->entries.push_back(entry);
  return Registration(registry_, std::move(entry));
}

Metrics::Registration Metrics::add(Bulkhead& bulkhead) {
  auto read = [&bulkhead](Reading& reading) {
    reading.add(Name::kInFlight, uint64_t{bulkhead.in_flight()});
    reading.add(Name::kLimit, uint64_t{bulkhead.limit()});
    reading.add(Name::kRefused, bulkhead.refused());
  };
  return add({Kind::kBulkhead, {{"name", bulkhead.name()}}, read});
}

void Metrics::Registration::reset() {
  auto registry = std::move(registry_);
  auto entry = std::move(entry_);
  if (entry == nullptr) return;
  std::lock_guard lock(registry->mutex);
  std::erase(registry->entries, entry);
  Reading reading(registry->past, *entry, true);
  entry->source.read(reading);
}

// ---- What each kind says ----

void Metrics::put(Reading& reading, const BreakerSnapshot& breaker) {
  reading.add(Name::kState, gauge_value(breaker.due));
  reading.add(Name::kLastTransition, reading.began(breaker));
  put_transitions(reading, breaker);
  put_calls(reading, breaker);
  reading.add(Name::kSlow, breaker.slow);
  reading.add(Name::kProbes, breaker.probes_succeeded, {{"result", "success"}});
  reading.add(Name::kProbes, breaker.probes_failed, {{"result", "failure"}});
  reading.add(Name::kLate, breaker.late);
  reading.add(Name::kListenerErrors, breaker.listener_errors);
}

void Metrics::put_transitions(Reading& reading, const BreakerSnapshot& breaker) {
  auto transitions = [&](State from, State to, uint64_t count) {
    reading.add(Name::kTransitions, count, {{"from", to_text(from)}, {"to", to_text(to)}});
  };
  // A series that begins at 1 has no increase.
  transitions(State::kClosed, State::kOpen, 0);
  transitions(State::kOpen, State::kHalfOpen, 0);
  transitions(State::kHalfOpen, State::kClosed, 0);
  transitions(State::kHalfOpen, State::kOpen, 0);
  for (const TransitionCount& each : breaker.transitions) transitions(each.from, each.to, each.count);
}

void Metrics::put_calls(Reading& reading, const BreakerSnapshot& breaker) {
  auto calls = [&](const char* outcome, uint64_t count) { reading.add(Name::kCalls, count, {{"outcome", outcome}}); };
  calls("success", breaker.succeeded);
  calls("failure", breaker.failed - breaker.timed_out);
  calls("timeout", breaker.timed_out);
  calls("ignored", breaker.ignored);
  calls("rejected_open", breaker.refused);
  calls("rejected_half_open", breaker.refused_half_open);
  calls("abandoned", breaker.abandoned);
}

void Metrics::put(Reading& reading, const RetryCounts& counts, uint32_t attempts) {
  const size_t last = counts.attempts.size();
  for (size_t number = 1; number <= std::min<size_t>(attempts, last); ++number) {
    std::string label = std::to_string(number) + (number == last ? "+" : "");
    reading.add(Name::kRetryAttempts, counts.attempts[number - 1], {{"attempt", label}});
  }
  reading.add(Name::kRetryCalls, counts.calls);
  reading.add(Name::kRetryRecovered, counts.recovered);
  reading.add(Name::kRetryExhausted, counts.exhausted);
  reading.add(Name::kRetryOverBudget, counts.over_budget);
}

void Metrics::put(Reading& reading, const PoolCounts& pool) {
  reading.add(Name::kLeased, pool.leased);
  reading.add(Name::kIdle, pool.idle);
  reading.add(Name::kPoolLimit, pool.limit);
  reading.add(Name::kLeaks, pool.leaks);
  reading.add(Name::kPoolRefused, pool.refused);
}

void Metrics::put_fallback(Reading& reading, uint64_t succeeded, uint64_t failed) {
  reading.add(Name::kFallbacks, succeeded, {{"result", "success"}});
  reading.add(Name::kFallbacks, failed, {{"result", "failure"}});
}

void Metrics::put_exceeded(Reading& reading, uint64_t exceeded) { reading.add(Name::kExceeded, exceeded); }

// ---- Export ----

std::vector<Metrics::Sample> Metrics::samples() const {
  std::lock_guard lock(registry_->mutex);
  Table table = registry_->past;
  for (const auto& entry : registry_->entries) {
    Reading reading(table, *entry, false);
    entry->source.read(reading);
  }
  std::vector<Sample> samples;
  for (const auto& [key, value] : table) {
    const Family& each = family(key.first);
    samples.push_back({each.name, each.type, each.help, key.second, value});
  }
  return samples;
}

std::string Metrics::write_prometheus() const {
  std::string text;
  const char* last = "";
  for (const Sample& sample : samples()) {
    std::string name = sample.name;
    if (sample.name != last) {
      text += "# HELP " + name + ' ' + sample.help + '\n';
      text += "# TYPE " + name + (sample.type == Type::kCounter ? " counter\n" : " gauge\n");
    }
    last = sample.name;
    text += name;
    write_labels(text, sample.labels);
    text += ' ' + detail::prometheus_number(sample.value) + '\n';
  }
  return text;
}

}  // namespace ordeal::resilience
