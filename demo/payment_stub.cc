// payment_stub: stands for the payment provider: answers POST /payments after a set time, or fails a set share.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "base/duration.h"
#include "base/random.h"
#include "service.h"

using namespace ordeal;

int main(int argc, char** argv) {
  std::string listen = "127.0.0.1:8000";
  std::string delay_text = "50ms";
  double fail_percent = 0;
  CLI::App app("The demo shop's payment provider");
  app.add_option("--listen", listen, "ADDRESS:PORT")->capture_default_str();
  app.add_option("--delay", delay_text, "time to answer a payment (the brief's provider takes 300ms)")
      ->capture_default_str();
  app.add_option("--fail-percent", fail_percent, "share of payments answered with 500")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
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
