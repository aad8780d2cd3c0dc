// YamlTree: the nodes of a YAML text as they are written, aliases not expanded. It is built from yaml-cpp's events,
// so that a text is refused at the event that breaks a limit, before memory or stack is spent on it; yaml-cpp's own
// node graph takes some hundred bytes for each two of the text and is not used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace ordeal::json {

// Of a file, as written and again after aliases are expanded.
constexpr size_t kMaxValues = 100'000;
constexpr size_t kMaxDepth = 32;

struct YamlNode {
  enum class NodeType { kNull, kPlain, kQuoted, kSequence, kMap, kAlias };
  NodeType kind = NodeType::kNull;
  int line = 1;
  int column = 1;
  std::string text;              // of a scalar
  std::vector<size_t> children;  // map: key, value, key, value …; alias: the node that it names, which ends before it

  bool scalar() const { return kind == NodeType::kPlain || kind == NodeType::kQuoted; }
};

struct YamlTree {
  std::vector<YamlNode> nodes;
  std::vector<size_t> documents;  // their roots; empty documents are left out
};

Result<YamlTree> read_yaml_tree(std::string_view text);

Unexpected refuse_at(const YamlNode& node, std::string_view what);

}  // namespace ordeal::json
