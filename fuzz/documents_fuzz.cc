// Every file that a person gives: JSON or YAML, then each decoder that could take it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "json/yaml.h"
#include "model/experiment.h"
#include "model/inventory.h"
#include "model/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ordeal;
  auto document = json::parse_document(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!document) return 0;
  if (auto experiment = decode_experiment(*document)) {
    json::Document written{to_json(*experiment), {}};
    if (!decode_experiment(written)) __builtin_trap();  // what we write we must read
  }
  (void)decode_policy(*document, "policy");
  (void)decode_inventory(*document);
  return 0;
}
