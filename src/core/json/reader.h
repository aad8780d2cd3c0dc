// Reader: a JSON value that knows its field path, for decoding a person's file with errors that name the field:
//   "experiment.yaml: line 7: attack.args.delay: expected a duration such as 500ms, found \"fast\""
// A Reader points into its Document, which must outlive it.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/json/yaml.h"

namespace ordeal::json {

// Where a part of a file stands that outlives its Document: its field path, and the lines of what is below it.
struct Origin {
  std::string path;
  std::map<std::string, int> lines;
};

class Reader {
 public:
  explicit Reader(const Document& document) : Reader(document.value, document.lines, "") {}
  // Both must outlive the Reader.
  Reader(const Value& value, const Origin& origin) : Reader(value, origin.lines, origin.path) {}

  const Value& value() const { return *value_; }
  const std::string& path() const { return path_; }
  Origin origin() const;

  // The field must exist / may be absent (null counts as absent). Both fail when this is not an object.
  Result<Reader> at(std::string_view key) const;
  Result<std::optional<Reader>> find(std::string_view key) const;
  // Refuses every key that is not listed, with the nearest listed one as a suggestion.
  Result<> only(std::initializer_list<std::string_view> keys) const;

  Result<std::string> text() const;  // a string, not empty
  Result<bool> boolean() const;
  Result<double> number(double least, double most) const;
  Result<int64_t> integer(int64_t least, int64_t most) const;
  // A string with its unit ("5s"), or a bare number counted in `unit`.
  Result<Nanos> duration(Nanos unit) const;
  Result<std::vector<Reader>> items() const;
  // A list of strings; a single string is a list of one.
  Result<std::vector<std::string>> texts() const;
  // One of the listed words.
  Result<std::string> word(const std::vector<std::string_view>& words) const;
  // A flat map of strings; numbers and booleans are taken by their text.
  Result<std::vector<std::pair<std::string, std::string>>> labels() const;
  // The fields of an object, in the file's order.
  Result<std::vector<std::pair<std::string, Reader>>> fields() const;

  // "line 7: attack.args.delay: expected …, found …"
  Unexpected expected(std::string_view what) const;
  Unexpected refuse(std::string_view why) const;

 private:
  Reader(const Value& value, const std::map<std::string, int>& lines, std::string path)
      : value_(&value), lines_(&lines), path_(std::move(path)) {}
  std::string place() const;
  Reader below(const Value& value, std::string path) const { return Reader(value, *lines_, std::move(path)); }

  const Value* value_;
  const std::map<std::string, int>* lines_;
  std::string path_;
};

// The candidate nearest to `word` (edit distance at most 2), or "".
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace ordeal::json
