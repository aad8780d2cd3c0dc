// LabelSelector: which labels are meant, in the words of kubectl -l: "app=api,tier in (web,db),!canary,env!=prod",
// "key notin (a,b)", "key", "!key". Also from matchLabels and matchExpressions of an object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/json/reader.h"
#include "core/model/victim.h"

namespace ordeal {

struct LabelRequirement {
  enum class Op { kIn, kNotIn, kExists, kDoesNotExist };
  std::string key;
  Op op = Op::kExists;
  std::vector<std::string> values;
  bool operator==(const LabelRequirement&) const = default;
};

struct LabelSelector {
  std::vector<LabelRequirement> all;  // every one must hold; empty matches everything
  bool matches(const Labels& labels) const;
  // The first requirement that does not hold, as text; "" when all do.
  std::string broken_by(const Labels& labels) const;
  std::string text() const;  // as kubectl -l takes it
  bool operator==(const LabelSelector&) const = default;
};

// kInvalidInput says at which character, what was expected and what was found.
Result<LabelSelector> parse_label_selector(std::string_view text);
// {matchLabels, matchExpressions}, or a plain map as of a Service.
Result<LabelSelector> decode_label_selector(const json::Reader& reader);

}  // namespace ordeal
