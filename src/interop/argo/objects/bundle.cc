#include "interop/argo/objects/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/text/text.h"

namespace ordeal::argo {
namespace {

// Of the file: the lines of one document, or of one item.
struct Piece {
  std::string text;
  int lines_before = 0;
};

constexpr std::array<std::string_view, 5> kOurKinds{"Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate",
                                                    "AnalysisRun", "List"};

bool is_separator(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || line[3] == ' ' || line[3] == '\t');
}

// Nothing but comments, directives and blanks.
bool is_empty(std::string_view text) {
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    if (!line.empty() && line.front() != '#' && line.front() != '%' && line != "...") return false;
  }
  return true;
}

std::string_view without_return(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

// YAML allows `---` at the beginning of a line nowhere but between documents.
std::vector<Piece> split_documents(std::string_view text) {
  std::vector<Piece> pieces{{"", 0}};
  int number = 0;
  for (std::string_view line : split(text, '\n')) {
    if (is_separator(without_return(line))) pieces.push_back({"", number});
    pieces.back().text.append(line).append("\n");
    ++number;
  }
  pieces.back().text.pop_back();  // the last line has no end
  std::erase_if(pieces, [](const Piece& piece) {
    std::string_view rest = piece.text;
    if (is_separator(without_return(rest.substr(0, rest.find('\n'))))) rest.remove_prefix(3);
    return is_empty(rest);
  });
  return pieces;
}

// The plain text behind `key:` at the beginning of a line.
std::optional<std::string> top_level(const Piece& piece, std::string_view key) {
  for (std::string_view line : split(piece.text, '\n')) {
    if (!line.starts_with(key) || line.substr(key.size(), 1) != ":") continue;
    std::string_view value = trim(line.substr(key.size() + 1));
    if (size_t comment = value.find(" #"); comment != value.npos) value = trim(value.substr(0, comment));
    bool quoted = value.size() > 1 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    return std::string(quoted ? value.substr(1, value.size() - 2) : value);
  }
  return std::nullopt;
}

std::string name_in(const Piece& piece) {
  size_t at = piece.text.starts_with("metadata:") ? 0 : piece.text.find("\nmetadata:");
  size_t name = at == std::string::npos ? at : piece.text.find("name:", at + 1);
  if (name == std::string::npos) return "";
  std::string_view rest = std::string_view(piece.text).substr(name + 5);
  return std::string(trim(rest.substr(0, rest.find_first_of(",}\r\n"))));
}

// What says of itself, in so many words, that it is neither Argo's nor OpenSLO's nor Ordeal's: its kind and name.
std::optional<std::string> foreign(const Piece& piece) {
  auto version = top_level(piece, "apiVersion"), kind = top_level(piece, "kind");
  if (!version || !kind || kind->empty()) return std::nullopt;
  if (version->starts_with("ordeal.dev/") || version->starts_with("openslo")) return std::nullopt;
  bool ours = std::find(kOurKinds.begin(), kOurKinds.end(), *kind) != kOurKinds.end();
  if (ours && (*kind == "List" || version->starts_with("argoproj.io/"))) return std::nullopt;
  std::string name = name_in(piece);
  return name.empty() ? *kind : *kind + " " + name;
}

// The items of a List in block style, each as a document of its own; none where it is not plainly one.
std::vector<Piece> split_items(const Piece& list) {
  std::vector<Piece> items;
  bool inside = false;
  size_t dash = std::string::npos;
  int number = list.lines_before;
  for (std::string_view line : split(list.text, '\n')) {
    std::string_view bare = trim(line);
    size_t indent = line.find_first_not_of(' ');
    bool begins = inside && (bare.starts_with("- ") || bare == "-") && (dash == std::string::npos || indent == dash);
    if (begins) {
      dash = indent;
      items.push_back({"", number});
    } else if (inside && !bare.empty() && bare.front() != '#' && (dash == std::string::npos || indent <= dash)) {
      inside = false;
    }
    if (without_return(line) == "items:") inside = true;
    if (inside && !items.empty()) items.back().text.append(line).append("\n");
    // Without its dash an item is a document that is indented.
    if (begins) items.back().text[dash] = ' ';
    ++number;
  }
  return items;
}

Error moved(Error error, int lines) {
  constexpr std::string_view kLine = "line ";
  if (!error.what.starts_with(kLine)) {
    error.what = fmt::format("line {}: {}", lines + 1, error.what);
    return error;
  }
  size_t end = std::min(error.what.find_first_not_of("0123456789", kLine.size()), error.what.size());
  auto line = parse_number<int>(std::string_view(error.what).substr(kLine.size(), end - kLine.size()));
  if (line) error.what = fmt::format("line {}{}", *line + lines, error.what.substr(end));
  return error;
}

class Reading {
 public:
  void read(const Piece& piece) {
    auto document = json::parse_documents(piece.text);
    auto stranger = document ? std::nullopt : foreign(piece);
    if (stranger) return bundle.skipped.push_back(std::move(*stranger));
    if (!document) return bundle.errors.push_back(moved(document.error(), piece.lines_before));
    for (json::Document& one : *document) {
      for (auto& [path, line] : one.lines) line += piece.lines_before;
      bundle.documents.push_back(std::move(one));
    }
  }

  // A document that is small is read even if it is a stranger's.
  void take(const Piece& piece) {
    constexpr size_t kSmall = 64 << 10;
    if (piece.text.size() <= kSmall) return read(piece);
    if (auto stranger = foreign(piece)) return bundle.skipped.push_back(std::move(*stranger));
    std::vector<Piece> items = top_level(piece, "kind") == "List" ? split_items(piece) : std::vector<Piece>{};
    if (items.empty()) return read(piece);
    for (Piece& item : items) take(unindented(std::move(item)));
  }

  Bundle bundle;

 private:
  // So that its keys begin their lines.
  static Piece unindented(Piece piece) {
    size_t indent = piece.text.find_first_not_of(' ');
    std::string text;
    for (std::string_view line : split(piece.text, '\n'))
      text.append(line.substr(std::min(indent, std::min(line.find_first_not_of(' '), line.size())))).append("\n");
    return {std::move(text), piece.lines_before};
  }
};

}  // namespace

Bundle read_bundle(std::string_view text) {
  auto whole = json::parse_documents(text);
  if (whole) return {std::move(*whole), {}, {}};
  Reading reading;
  std::vector<Piece> pieces = valid_utf8(text) ? split_documents(text) : std::vector<Piece>{};
  if (pieces.empty()) reading.bundle.errors.push_back(whole.error());
  for (const Piece& piece : pieces) reading.take(piece);
  return std::move(reading.bundle);
}

Result<std::vector<json::Document>> read_all(std::string_view text) {
  Bundle bundle = read_bundle(text);
  if (!bundle.errors.empty()) return tl::unexpected(std::move(bundle.errors.front()));
  if (bundle.documents.empty()) return fail(Errc::kInvalidInput, "the file holds nothing that Ordeal reads");
  return std::move(bundle.documents);
}

}  // namespace ordeal::argo
