// What a query says beside its result, in Prometheus' words: warnings ("the result may be wrong") and infos.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/promql/syntax/ast.h"

namespace ordeal::promql {

class Annotations {
 public:
  void warn(const Expr& at, std::string_view what) { add(warnings, "warning", at, what); }
  void info(const Expr& at, std::string_view what) { add(infos, "info", at, what); }

  // Each once, in the order in which they came up.
  std::vector<std::string> warnings;
  std::vector<std::string> infos;

 private:
  static void add(std::vector<std::string>& to, std::string_view kind, const Expr& at, std::string_view what) {
    std::string text = fmt::format("PromQL {}: {} (1:{})", kind, what, at.at + 1);
    if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(std::move(text));
  }
};

}  // namespace ordeal::promql
