#include "core/json/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

namespace ordeal::json {
namespace {

using NodeType = YamlNode::NodeType;

bool indented_by_tab(std::string_view text, int line) {
  for (; line > 0 && !text.empty(); --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  text = text.substr(0, text.find('\n'));
  return text.substr(0, text.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

// Thrown through yaml-cpp, which has no other way to stop.
struct Stop {
  Error error;
};

class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    anchors_.clear();
    // At a document that begins with a comma yaml-cpp 0.7 stays for ever and makes an empty document each time.
    if (mark.pos == document_)
      stop({NodeType::kNull, mark.line + 1, mark.column + 1, {}, {}}, "not YAML: no value begins like this");
    document_ = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, NodeType::kNull); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    size_t target = anchors_[anchor];
    size_t alias = add(mark, 0, NodeType::kAlias);
    for (size_t open : open_)
      if (open == target) stop(tree.nodes[alias], "an alias is inside the value that it names");
    tree.nodes[alias].children.push_back(target);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    size_t node = add(mark, anchor, tag == "?" ? NodeType::kPlain : NodeType::kQuoted);
    tree.nodes[node].text = value;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(add(mark, anchor, NodeType::kSequence));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(add(mark, anchor, NodeType::kMap));
  }
  void OnMapEnd() override { open_.pop_back(); }

  YamlTree tree;

 private:
  [[noreturn]] static void stop(const YamlNode& node, std::string_view what) {
    throw Stop{refuse_at(node, what).value()};
  }

  size_t add(const YAML::Mark& mark, YAML::anchor_t anchor, NodeType kind) {
    size_t index = tree.nodes.size();
    tree.nodes.push_back({kind, mark.line + 1, mark.column + 1, {}, {}});
    // A map's key comes with its value and is not counted.
    bool is_key = !open_.empty() && tree.nodes[open_.back()].kind == NodeType::kMap &&
                  tree.nodes[open_.back()].children.size() % 2 == 0;
    if (!is_key && ++values_ > kMaxValues) stop(tree.nodes[index], fmt::format("more than {} values", kMaxValues));
    if (anchor != 0) anchors_[anchor] = index;
    if (!open_.empty())
      tree.nodes[open_.back()].children.push_back(index);
    else if (kind != NodeType::kNull)
      tree.documents.push_back(index);
    return index;
  }

  void open(size_t node) {
    if (open_.size() >= kMaxDepth) stop(tree.nodes[node], fmt::format("nested deeper than {} levels", kMaxDepth));
    open_.push_back(node);
  }

  std::map<YAML::anchor_t, size_t> anchors_;
  std::vector<size_t> open_;
  size_t values_ = 0;
  int document_ = -1;  // where the last one begins
};

}  // namespace

Result<YamlTree> read_yaml_tree(std::string_view text) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    return std::move(builder.tree);
  } catch (const Stop& stop) {
    return tl::unexpected(stop.error);
  } catch (const YAML::Exception& e) {
    const char* tab = indented_by_tab(text, e.mark.line) ? " (a tab indents this line; YAML takes spaces only)" : "";
    return fail(Errc::kInvalidInput,
                fmt::format("line {}, column {}: not YAML: {}{}", e.mark.line + 1, e.mark.column + 1, e.msg, tab));
  }
}

Unexpected refuse_at(const YamlNode& node, std::string_view what) {
  return fail(Errc::kInvalidInput, fmt::format("line {}, column {}: {}", node.line, node.column, what));
}

}  // namespace ordeal::json
