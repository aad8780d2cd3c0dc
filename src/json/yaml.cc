#include "json/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/file.h"
#include "base/text.h"
#include "json/positions.h"

namespace ordeal::json {
namespace {

constexpr int kMaxNodes = 100'000;
constexpr int kMaxDepth = 32;

struct Converter {
  std::map<std::string, int>& lines;
  int nodes = 0;

  Unexpected bad(const YAML::Node& node, const std::string& what) {
    return fail(Errc::kInvalidInput,
                fmt::format("line {}, column {}: {}", node.Mark().line + 1, node.Mark().column + 1, what));
  }

  Result<Value> convert(const YAML::Node& node, const std::string& path, int depth) {
    if (++nodes > kMaxNodes) return bad(node, "more than 100000 values");
    if (depth > kMaxDepth) return bad(node, "nested deeper than 32 levels");
    lines[path] = node.Mark().line + 1;
    switch (node.Type()) {
      case YAML::NodeType::Map:
        return convert_map(node, path, depth);
      case YAML::NodeType::Sequence:
        return convert_sequence(node, path, depth);
      case YAML::NodeType::Scalar:
        return convert_scalar(node);
      default:
        return Value(nullptr);
    }
  }

  Result<Value> convert_map(const YAML::Node& node, const std::string& path, int depth) {
    Object object;
    for (const auto& pair : node) {
      if (!pair.first.IsScalar()) return bad(pair.first, "expected a plain key");
      const std::string& key = pair.first.Scalar();
      if (object.contains(key)) return bad(pair.first, fmt::format("the key \"{}\" stands twice", key));
      std::string below = path.empty() ? key : path + "." + key;
      object[key] = TRY(convert(pair.second, below, depth + 1));
    }
    return Value(std::move(object));
  }

  Result<Value> convert_sequence(const YAML::Node& node, const std::string& path, int depth) {
    Array array;
    for (size_t i = 0; i < node.size(); ++i)
      array.push_back(TRY(convert(node[i], fmt::format("{}[{}]", path, i), depth + 1)));
    return Value(std::move(array));
  }

  static Value convert_scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() != "?") return Value(text);
    if (text == "true" || text == "True" || text == "TRUE") return Value(true);
    if (text == "false" || text == "False" || text == "FALSE") return Value(false);
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return Value(nullptr);
    std::string_view digits = text[0] == '+' ? std::string_view(text).substr(1) : std::string_view(text);
    if (auto integer = parse_number<int64_t>(digits)) return Value(*integer);
    bool plain_number = digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
    if (auto number = parse_number<double>(digits); number && plain_number) return Value(*number);
    return Value(text);
  }
};

Result<Document> convert_document(const YAML::Node& root) {
  Document document;
  Converter converter{document.lines};
  document.value = TRY(converter.convert(root, "", 0));
  return document;
}

}  // namespace

Result<std::vector<Document>> parse_yaml_stream(std::string_view text) {
  if (text.size() > kMaxInputBytes) return fail(Errc::kInvalidInput, "larger than 1 MiB");
  try {
    std::vector<Document> documents;
    for (const YAML::Node& root : YAML::LoadAll(std::string(text))) documents.push_back(TRY(convert_document(root)));
    return documents;
  } catch (const YAML::Exception& e) {
    return fail(Errc::kInvalidInput,
                fmt::format("line {}, column {}: not YAML: {}", e.mark.line + 1, e.mark.column + 1, e.msg));
  }
}

Result<Document> parse_yaml(std::string_view text) {
  std::vector<Document> documents = TRY(parse_yaml_stream(text));
  if (documents.size() != 1)
    return fail(Errc::kInvalidInput, fmt::format("expected one document, found {}", documents.size()));
  return std::move(documents[0]);
}

Result<Document> parse_document(std::string_view text) {
  std::string_view body = trim(text);
  if (body.empty()) return fail(Errc::kInvalidInput, "the file is empty");
  if (body[0] != '{' && body[0] != '[') return parse_yaml(text);
  Document document{TRY(parse(text)), {}};
  document.lines = TRY(find_lines(text));
  return document;
}

}  // namespace ordeal::json
