// The answers of a Prometheus, which is somebody else's server.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "watch/sources/prometheus_api.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ordeal::watch::parse_query_answer(text);
  (void)ordeal::watch::parse_build_version(text);
  (void)ordeal::watch::parse_slowest_scrape(text);
  return 0;
}
