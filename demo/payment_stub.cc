// payment_stub: stands for the payment provider: answers POST /payments after a set time, or fails a set share.
#include <fmt/core.h>

#include "core/base/duration.h"
#include "core/base/random.h"
#include "flags.h"
#include "service.h"

using namespace ordeal;

int main(int argc, char** argv) {
  std::string listen = "127.0.0.1:8000";
  std::string delay_text = "50ms";
  double fail_percent = 0;
  demo::Flags flags("The demo shop's payment provider");
  flags.text("--listen", listen, "ADDRESS:PORT");
  flags.text("--delay", delay_text, "time to answer a payment (the case study's provider takes 300ms)");
  flags.number("--fail-percent", fail_percent, 0, 100, "share of payments answered with 500");
  if (auto code = flags.end_at(argc, argv)) return *code;
  auto delay = parse_duration(delay_text);
  if (!delay) return demo::report(delay.error());

  metrics::Registry registry;
  net::Loop loop;
  Random random(Random::fresh_seed());
  uint64_t number = 0;
  demo::Service service(loop, registry);
  service.route("POST /payments", [&](const net::HttpRequest&) -> net::Task<net::HttpResponse> {
    co_await loop.sleep(*delay);
    if (random.uniform() * 100 < fail_percent) co_return demo::json_response(500, "{\"error\":\"try again\"}\n");
    co_return demo::json_response(200, fmt::format("{{\"id\":\"pi_{}\",\"status\":\"succeeded\"}}\n", ++number));
  });
  return service.run(listen);
}
