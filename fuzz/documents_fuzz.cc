// A person's file never crashes a decoder, whichever it is given to. A value is written and read back equal; so is an
// experiment that decodes, and completed arguments of an attack stay as they are when they are completed again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/model/input/experiment.h"
#include "core/model/input/inventory.h"
#include "core/model/input/policy.h"
#include "core/model/run/run_event.h"
#include "fault/attacks/fault.h"
#include "same_json.h"

namespace {

using namespace ordeal;

void check_value(const json::Value& value) {
  auto again = json::parse(json::write(value));
  if (!again || !same_json(*again, value)) __builtin_trap();
}

// What is read as an event is written as one.
void check_event(const json::Value& value) {
  auto event = run_event_from_json(value);
  if (!event) return;
  auto again = json::parse(json::write(to_json(*event)));
  if (!again || !run_event_from_json(*again)) __builtin_trap();
}

void check_attack(const Attack& attack) {
  auto fault = fault::find_fault(attack.type);
  if (!fault) return;
  auto complete = resolve_arguments(attack, (*fault)->info());
  if (!complete) return;
  auto again = resolve_arguments(*complete, (*fault)->info());
  if (!again || again->args != complete->args || again->total() != complete->total()) __builtin_trap();
}

void check_experiment(const json::Document& document) {
  auto experiment = decode_experiment(document);
  if (!experiment) return;
  json::Value made = to_json(*experiment);
  auto written = json::parse_document(json::write(made));
  if (!written) __builtin_trap();
  auto again = decode_experiment(*written);
  if (!again || !same_json(to_json(*again), made)) __builtin_trap();
  check_attack(experiment->attack);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto document = json::parse_document({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  check_value(document->value);
  check_event(document->value);
  check_experiment(*document);
  Experiment bare;
  (void)merge_expectations(bare, *document);
  (void)decode_inventory(*document);
  if (auto policy = decode_policy(*document, "policy.yaml")) (void)refusal_of(*policy, Victim{});
  return 0;
}
