#include "core/json/yaml.h"

#include <fmt/format.h>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/json/positions.h"
#include "core/json/yaml_tree.h"

namespace ordeal::json {
namespace {

using NodeType = YamlNode::NodeType;

Value typed(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return Value(true);
  if (text == "false" || text == "False" || text == "FALSE") return Value(false);
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return Value(nullptr);
  std::string_view digits = text[0] == '+' ? std::string_view(text).substr(1) : std::string_view(text);
  if (auto integer = parse_number<int64_t>(digits)) return Value(*integer);
  bool plain_number = digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  if (auto number = parse_number<double>(digits); number && plain_number) return Value(*number);
  return Value(text);
}

// Expands aliases, within the limits, which count over all documents of a text.
struct Converter {
  const YamlTree& tree;
  std::map<std::string, int> lines{};  // of the present document
  size_t values = 0;
  size_t bytes = 0;

  // Counts a value at `path`, its key or its text.
  Result<> spend(const YamlNode& node, size_t length) {
    bytes += length;
    if (bytes <= kMaxExpandedBytes) return {};
    return refuse_at(node, fmt::format("more than {} MiB of text once aliases are expanded", kMaxExpandedBytes >> 20));
  }

  Result<Value> convert(size_t index, const std::string& path, size_t depth) {
    const YamlNode& node = tree.nodes[index];
    if (node.kind == NodeType::kAlias) return convert(node.children[0], path, depth);
    if (++values > kMaxValues)
      return refuse_at(node, fmt::format("more than {} values once aliases are expanded", kMaxValues));
    if (depth > kMaxDepth)
      return refuse_at(node, fmt::format("nested deeper than {} levels once aliases are expanded", kMaxDepth));
    TRY_VOID(spend(node, path.size() + node.text.size()));
    lines[path] = node.line;
    if (node.kind == NodeType::kMap) return convert_map(node, path, depth);
    if (node.kind == NodeType::kSequence) return convert_sequence(node, path, depth);
    if (node.kind == NodeType::kNull) return Value(nullptr);
    return node.kind == NodeType::kPlain ? typed(node.text) : Value(node.text);
  }

  Result<Value> convert_map(const YamlNode& node, const std::string& path, size_t depth) {
    Object object;
    for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const YamlNode& written = tree.nodes[node.children[i]];
      const YamlNode& key = written.kind == NodeType::kAlias ? tree.nodes[written.children[0]] : written;
      if (!key.scalar()) return refuse_at(written, "expected a plain key");
      if (object.contains(key.text)) return refuse_at(written, fmt::format("the key \"{}\" is given twice", key.text));
      TRY_VOID(spend(written, key.text.size()));
      std::string below = path.empty() ? key.text : path + "." + key.text;
      object[key.text] = TRY(convert(node.children[i + 1], below, depth + 1));
    }
    return Value(std::move(object));
  }

  Result<Value> convert_sequence(const YamlNode& node, const std::string& path, size_t depth) {
    Array array;
    for (size_t i = 0; i < node.children.size(); ++i)
      array.push_back(TRY(convert(node.children[i], fmt::format("{}[{}]", path, i), depth + 1)));
    return Value(std::move(array));
  }
};

Result<> check_text(std::string_view text) {
  if (text.size() > kMaxInputBytes)
    return fail(Errc::kInvalidInput, fmt::format("larger than {} MiB: {} bytes", kMaxInputBytes >> 20, text.size()));
  // A zero byte makes yaml-cpp read UTF-16 or UTF-32, and out of it come characters that do not exist.
  if (!valid_utf8(text) || text.find('\0') != text.npos) return fail(Errc::kInvalidInput, "not UTF-8 text");
  return {};
}

Result<YamlTree> read_documents(std::string_view text) {
  YamlTree tree = TRY(read_yaml_tree(text));
  if (tree.documents.empty()) return fail(Errc::kInvalidInput, "the file is empty but for comments");
  return tree;
}

Result<Document> parse_json(std::string_view text) {
  Document document{TRY(parse(text)), {}};
  document.lines = TRY(find_lines(text));
  return document;
}

bool looks_like_json(std::string_view text) {
  std::string_view body = trim(text);
  return !body.empty() && (body[0] == '{' || body[0] == '[');
}

Result<> check_body(std::string_view text) {
  TRY_VOID(check_text(text));
  if (trim(text).empty()) return fail(Errc::kInvalidInput, "the file is empty");
  return {};
}

}  // namespace

Result<Document> parse_yaml(std::string_view text) {
  TRY_VOID(check_text(text));
  YamlTree tree = TRY(read_documents(text));
  if (tree.documents.size() != 1)
    return fail(Errc::kInvalidInput, fmt::format("expected one document, found {}", tree.documents.size()));
  Converter converter{tree};
  Value value = TRY(converter.convert(tree.documents[0], "", 0));
  return Document{std::move(value), std::move(converter.lines)};
}

Result<Document> parse_document(std::string_view text) {
  TRY_VOID(check_body(text));
  return looks_like_json(text) ? parse_json(text) : parse_yaml(text);
}

Result<std::vector<Document>> parse_documents(std::string_view text) {
  TRY_VOID(check_body(text));
  std::vector<Document> documents;
  // A line break inside a JSON string is an escape, so such a line can only stand between documents.
  bool divided = text.starts_with("---") || text.find("\n---") != text.npos;
  if (looks_like_json(text) && !divided) {
    documents.push_back(TRY(parse_json(text)));
    return documents;
  }
  YamlTree tree = TRY(read_documents(text));
  Converter converter{tree};
  for (size_t root : tree.documents) {
    converter.lines.clear();
    Value value = TRY(converter.convert(root, "", 0));
    documents.push_back({std::move(value), converter.lines});
  }
  return documents;
}

}  // namespace ordeal::json
