// A person's file never crashes a decoder, whichever it is given to. A value is written and read back equal; so is an
// experiment that decodes, and completed arguments of an attack stay as they are when they are completed again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fault/fault.h"
#include "model/experiment.h"
#include "model/inventory.h"
#include "model/policy.h"

namespace {

using namespace ordeal;

std::string text_of(const Experiment& experiment) { return json::write(to_json(experiment)); }

// Boost 1.81 reads fractions to within a unit in the last place: what has one need not be written back the same.
bool has_fraction(const json::Value& value) {
  if (value.is_double()) return true;
  if (value.is_array()) return std::any_of(value.get_array().begin(), value.get_array().end(), has_fraction);
  if (value.is_object())
    return std::any_of(value.get_object().begin(), value.get_object().end(),
                       [](const auto& member) { return has_fraction(member.value()); });
  return false;
}

void check_value(const json::Document& document) {
  std::string text = json::write(document.value);
  auto again = json::parse(text);
  if (!again || (json::write(*again) != text && !has_fraction(document.value))) __builtin_trap();
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
  std::string text = text_of(*experiment);
  auto written = json::parse_document(text);
  if (!written) __builtin_trap();
  auto again = decode_experiment(*written);
  if (!again || (text_of(*again) != text && !has_fraction(written->value))) __builtin_trap();
  check_attack(experiment->attack);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto document = json::parse_document({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  check_value(*document);
  check_experiment(*document);
  Experiment bare;
  (void)merge_expectations(bare, *document);
  (void)decode_inventory(*document);
  if (auto policy = decode_policy(*document, "policy.yaml")) (void)judge(*policy, Victim{});
  return 0;
}
