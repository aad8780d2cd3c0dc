#include "report/sample_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/random.h"

namespace ordeal::report {
namespace {

constexpr Nanos kWall{1795464904 * 1'000'000'000LL};
constexpr BootTime kBoot{812'004'000'000'000ns};
const std::vector<std::string> kVictims{"api-1", "api-2", "api-3"};

class SampleRun {
 public:
  explicit SampleRun(const SampleOptions& options) : options_(options) {}
  std::vector<RunEvent> write();

 private:
  void put(const char* type, json::Object data) {
    RunEvent event;
    event.seq = static_cast<int64_t>(events_.size());
    event.run = "r20261123t201504z-k3f9a";
    event.boot = now_;
    event.wall = kWall + (now_ - kBoot);
    event.type = type;
    event.data = std::move(data);
    events_.push_back(std::move(event));
  }
  void put_run();
  void phase(const char* name, Nanos length, const char* why = "") {
    phase_ = name;
    put("phase", {{"phase", name}, {"length_ms", to_millis(length)}, {"why", why}});
  }
  void look();
  void reading(int index, const char* name, const char* state, std::optional<double> value, const char* detail = "");
  void watch(Nanos length);
  void inject();
  void revert();
  void prove();
  void conclude();
  bool breaks() const { return options_.breach_after < options_.attack; }

  SampleOptions options_;
  std::vector<RunEvent> events_;
  BootTime now_ = kBoot;
  std::string phase_ = "check";
  Random random_{7};
  double latency_ = 0.21;
  bool faulty_ = false;
};

void SampleRun::put_run() {
  json::Array names;
  for (const std::string& victim : kVictims) names.emplace_back(victim);
  auto expectation = [](const char* name, const char* text, const char* condition, const char* op, double value) {
    return json::Object{{"name", name},
                        {"text", text},
                        {"condition", condition},
                        {"threshold", {{"op", op}, {"value", value}}},
                        {"when", json::Array{"before", "during", "after"}},
                        {"halt", true}};
  };
  json::Object attack{{"type", "latency"},
                      {"args", json::Object{{"delay", "500ms"}, {"protocol", "tcp"}, {"port", 8000}}},
                      {"length_ms", to_millis(options_.attack)}};
  put("run",
      {{"name", "Network Latency - 500ms delay"},
       {"hypothesis", "System maintains p95 latency < 1s with 500ms network delay"},
       {"description", "Every answer of the payment service comes half a second late."},
       {"attack", attack},
       {"experiment", json::Object{{"name", "Network Latency - 500ms delay"}, {"attack", attack}}},
       {"seed", 42},
       {"victims", names},
       {"expectations",
        json::Array{
            expectation("p95 latency",
                        "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))",
                        "result < 1", "<", 1),
            expectation("error rate",
                        "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))",
                        "result < 0.01", "<", 0.01),
            expectation("replicas up", "count(up{job=\"api\"} == 1)", "result >= 2", ">=", 2)}},
       {"sources", json::Array{"Prometheus at http://127.0.0.1:9090"}},
       {"version", "0.1.0"}});
}

void SampleRun::reading(int index, const char* name, const char* state, std::optional<double> value,
                        const char* detail) {
  json::Object data{{"expectation", index}, {"name", name},   {"reading", state},
                    {"detail", detail},     {"took_ms", 1.3}, {"phase", phase_}};
  if (value) data["value"] = *value;
  put("reading", std::move(data));
}

void SampleRun::look() {
  double goal = !faulty_ ? 0.21 : breaks() ? 1.35 : 0.61;
  latency_ += (goal - latency_) * 0.04 * to_seconds(options_.interval) / 0.2;
  double p95 = latency_ * (1 + 0.03 * random_.normal());
  reading(0, "p95 latency", p95 < 1 ? "holds" : "breached", p95);
  double errors = std::max(0.0, 0.002 + (faulty_ ? 0.003 : 0) + 0.0006 * random_.normal());
  auto since = now_ - kBoot;
  if (since > 4s && since < 6s)
    reading(1, "error rate", "no_data", std::nullopt, "the series is stale");
  else
    reading(1, "error rate", "holds", errors);
  reading(2, "replicas up", "holds", 3);
}

void SampleRun::watch(Nanos length) {
  BootTime end = now_ + length;
  while (now_ < end) {
    look();
    now_ += options_.interval;
  }
}

void SampleRun::inject() {
  for (size_t i = 0; i < kVictims.size(); ++i) {
    now_ += 12ms;
    put("inject", {{"victim", kVictims[i]},
                   {"impact", fmt::format("i{}", i)},
                   {"steps", json::Array{fmt::format("delay arriving TCP packets of port 8000 by 500 ms in network "
                                                     "namespace 402653220{}",
                                                     i)}}});
  }
  faulty_ = true;
}

void SampleRun::revert() {
  for (size_t i = 0; i < kVictims.size(); ++i) {
    now_ += 9ms;
    put("reverted",
        {{"impact", fmt::format("i{}", i)}, {"victim", kVictims[i]}, {"took_ms", 6.2}, {"result", "clean"}});
  }
  faulty_ = false;
}

void SampleRun::prove() {
  for (const std::string& victim : kVictims)
    put("proof", {{"victim", victim},
                  {"proven", true},
                  {"measured", "4 127 packets delayed, median 500.3 ms added"},
                  {"asked", 500},
                  {"got", 500.3},
                  {"unit", "ms"}});
}

void SampleRun::conclude() {
  phase("done", 0s);
  if (breaks())
    put("verdict", {{"outcome", "deviated"},
                    {"exit", 1},
                    {"reason", "p95 latency was 1.03 s, 7 s into the attack; the hypothesis asks for less than 1 s."},
                    {"hint", "Look at what waits for the payment service: each request carries its delay in full."}});
  else
    put("verdict",
        {{"outcome", "held"},
         {"exit", 0},
         {"reason", "p95 latency was at most 0.66 s during the attack; the hypothesis asks for less than 1 s."},
         {"hint", ""}});
}

std::vector<RunEvent> SampleRun::write() {
  put_run();
  phase("check", 0s);
  now_ += 180ms;
  phase("before", options_.baseline);
  watch(options_.baseline);
  phase("inject", 0s);
  inject();
  phase("during", options_.attack);
  watch(std::min(options_.breach_after, options_.attack));
  if (breaks()) {
    now_ += 4ms;
    reading(0, "p95 latency", "breached", 1.03);
    put("breach", {{"expectation", 0},
                   {"name", "p95 latency"},
                   {"value", 1.03},
                   {"condition", "result < 1"},
                   {"phase", "during"},
                   {"trigger", "expression"},
                   {"since_ms", 0}});
    now_ += 1ms;
    put("halt",
        {{"why", "p95 latency was 1.03 s"}, {"by", "breach"}, {"requested_boot_ns", now_.time_since_epoch().count()}});
  }
  if (!options_.verdict) return std::move(events_);
  phase("revert", 0s);
  revert();
  prove();
  if (breaks())
    put("action", {{"index", 0},
                   {"kind", "command"},
                   {"action", "run /usr/local/bin/rollback --to previous"},
                   {"command", json::Array{"/usr/local/bin/rollback", "--to", "previous"}},
                   {"ok", true},
                   {"result", "exited with 0"},
                   {"output", "deployment rolled back"},
                   {"took_ms", 640}});
  phase("after", options_.recovery);
  watch(options_.recovery);
  put("note", {{"text", "error rate had no data for 1.8 s during the baseline"}, {"level", "warning"}});
  conclude();
  return std::move(events_);
}

}  // namespace

std::vector<RunEvent> sample_run(const SampleOptions& options) { return SampleRun(options).write(); }

SampleOptions held_sample() {
  SampleOptions options;
  options.breach_after = 1h;
  return options;
}

SampleOptions long_sample() {
  SampleOptions options = held_sample();
  options.attack = 560s;
  options.recovery = 30s;
  return options;
}

}  // namespace ordeal::report
