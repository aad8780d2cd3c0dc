// The functions of PromQL: every one of Prometheus 3.x by name, with its types and, where we have it, what it does.
// To add one, write it in a file of this folder and name it in function_table.cc. Internal to src/prometheus/promql.
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "prometheus/promql/eval/result.h"
#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

// kExperimental and kNative (native histograms only) are refused by the parser, kReady is not.
enum class FunctionStatus { kReady, kExperimental, kNative };

// On each element by itself.
using MapFunction = double (*)(double);
// On each window by itself; stale_nan() when the window has too few samples.
using WindowFunction = double (*)(const Window&);
// On the evaluated arguments.
using GeneralFunction = Result<Value> (*)(const CallSite&, std::vector<Value>&);
using Implementation = std::variant<std::monostate, MapFunction, WindowFunction, GeneralFunction>;

struct FunctionSpec {
  std::string_view name;
  std::vector<ValueKind> arguments;
  ValueKind returns = ValueKind::kVector;
  // How many of the last arguments may be absent (1: the last), or kAnyNumber: the last may come any number of times.
  int optional = 0;
  FunctionStatus status = FunctionStatus::kReady;
  Implementation implementation;
  bool keeps_name = false;     // of window functions
  bool of_counters = false;    // of window functions: says so of a metric that is not named like a counter
  bool writes_labels = false;  // of general functions
  std::optional<size_t> quantile_argument = {};  // the argument that has to be between 0 and 1

  size_t least_arguments() const { return arguments.size() - (optional != 0 ? 1 : 0); }
  size_t most_arguments() const { return optional < 0 ? 1000 : arguments.size(); }
};
constexpr int kAnyNumber = -1;

// Null when Prometheus has no function of this name.
const FunctionSpec* function_named(std::string_view name);

}  // namespace ordeal::promql
