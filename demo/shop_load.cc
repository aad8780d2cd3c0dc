// shop_load: the shop's users. Open loop: requests leave at random (Poisson) times however slow the shop is, and a
// latency counts from the time at which the request was due. http_requests_total and http_request_duration_seconds on
// its own /metrics are what users see: 504 stands for a time-out, 503 for no connection.
#include <fmt/core.h>
#include <signal.h>

#include "core/base/duration.h"
#include "core/base/random.h"
#include "flags.h"
#include "platform/net/fetcher.h"
#include "service.h"

namespace {

using namespace ordeal;

constexpr size_t kMostUnderWay = 5000;

struct Options {
  std::string listen = "127.0.0.1:9100";
  std::string target;
  double rate = 50;
  double payments_share = 0.2;
  std::string timeout = "5s";
  std::string duration = "0s";
};

class Users {
 public:
  Users(net::Loop& loop, net::Fetcher& fetcher, metrics::Registry& registry, const Options& options, Nanos timeout)
      : loop_(loop), fetcher_(fetcher), registry_(registry), options_(options), timeout_(timeout) {}

  void stop() { stopping_ = true; }

  net::Task<> arrive(Nanos duration) {
    BootTime start = boot_now();
    BootTime due = start;
    while (!stopping_ && (duration == 0ns || due - start < duration)) {
      // Short sleeps, so that a low rate does not delay the end.
      if (Nanos left = due - boot_now(); left > 0ns) {
        co_await loop_.sleep(std::min(left, Nanos(200ms)));
        continue;
      }
      loop_.spawn([this, due] { return request(due); });
      due += from_seconds(random_.exponential(1 / options_.rate));
    }
  }

  void print_summary() const { fmt::print("{{\"requests\":{},\"errors\":{}}}\n", requests_, errors_); }

 private:
  net::Task<> request(BootTime due) {
    bool pay = random_.uniform() < options_.payments_share;
    std::string route = pay ? "/payments" : "/products";
    net::HttpCall call;
    call.url = options_.target + route;
    call.timeout = timeout_;
    if (pay) {
      call.method = "POST";
      call.body = "{\"amount\":1999,\"currency\":\"usd\"}";
    }
    int status = 503;
    if (fetcher_.client().under_way() < kMostUnderWay) {
      auto outcome = co_await fetcher_.fetch(std::move(call));
      status = outcome ? outcome->status : outcome.error().kind == net::HttpFailure::Cause::kTimeout ? 504 : 503;
    }
    Nanos took = boot_now() - due;
    ++requests_;
    errors_ += status >= 500;
    demo::record_request(registry_, route, std::to_string(status), took);
  }

  net::Loop& loop_;
  net::Fetcher& fetcher_;
  metrics::Registry& registry_;
  const Options& options_;
  Nanos timeout_;
  Random random_{Random::fresh_seed()};
  uint64_t requests_ = 0, errors_ = 0;
  bool stopping_ = false;
};

// An error ratio has a value from the start, and the first failure counts in a rate.
void announce_failures(metrics::Registry& registry) {
  for (const char* route : {"/products", "/payments"})
    for (const char* status : {"503", "504"})
      registry.counter("http_requests_total", "Requests answered.", {{"route", route}, {"status", status}});
}

int load(const Options& options) {
  auto timeout = parse_duration(options.timeout);
  if (!timeout) return demo::report(timeout.error());
  auto duration = parse_duration(options.duration);
  if (!duration) return demo::report(duration.error());
  metrics::Registry registry;
  net::Loop loop;
  auto fetcher = net::Fetcher::create(loop);
  if (!fetcher) return demo::report(fetcher.error());
  Users users(loop, **fetcher, registry, options, *timeout);
  demo::Service service(loop, registry);
  announce_failures(registry);
  loop.spawn([&]() -> net::Task<> {
    co_await users.arrive(*duration);
    // Of a limited load the end is the program's end.
    if (*duration > 0ns) raise(SIGTERM);
  });
  int code = service.run(options.listen, [&] { users.stop(); });
  users.print_summary();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  demo::Flags flags("Open-loop load on the demo shop");
  flags.required("--target", options.target, "base URL of the shop, http://ADDRESS:PORT");
  flags.text("--listen", options.listen, "ADDRESS:PORT of /metrics");
  flags.number("--rate", options.rate, 0.1, 5000, "requests per second, on average");
  flags.number("--payments-share", options.payments_share, 0, 1, "of the requests, 0 to 1");
  flags.text("--timeout", options.timeout, "after which a user gives up");
  flags.text("--duration", options.duration, "then end; 0s is until SIGTERM");
  if (auto code = flags.end_at(argc, argv)) return *code;
  return load(options);
}
