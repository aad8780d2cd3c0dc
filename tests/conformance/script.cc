#include "conformance/script.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include "core/base/text/text.h"
#include "prometheus/promql/syntax/literals.h"

namespace ordeal::conformance {
namespace {

using promql::parse_promql_duration;

// Lines without comments; an empty one ends a command.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines = split(text, '\n');
  for (std::string_view& line : lines) {
    line = trim(line);
    if (line.starts_with('#')) line = {};
  }
  return lines;
}

Unexpected bad(size_t index, const std::string& what) {
  return fail(Errc::kInvalidInput, fmt::format("line {}: {}", index + 1, what));
}

Result<int64_t> duration(std::string_view text, size_t index) {
  auto ms = parse_promql_duration(text);
  if (!ms) return bad(index, fmt::format("'{}' is no duration", text));
  return *ms;
}

Result<promql::NotedSeries> series_at(std::string_view line, size_t index) {
  auto series = promql::parse_series_notation(line);
  if (!series) return wrap(series.error(), fmt::format("line {}", index + 1));
  return series;
}

Result<Load> parse_load(const std::vector<std::string_view>& lines, size_t& i) {
  std::vector<std::string_view> words = split_words(lines[i]);
  if (words.size() != 2) return bad(i, "expected load <step>");
  Load load;
  load.with_nhcb = words[0] == "load_with_nhcb";
  load.step_ms = TRY(duration(words[1], i));
  for (; i + 1 < lines.size() && !lines[i + 1].empty(); ++i) {
    if (lines[i + 1].find("@st ") != std::string_view::npos) {
      load.start_times = true;
      continue;
    }
    promql::NotedSeries series = TRY(series_at(lines[i + 1], i + 1));
    // Of a series given twice the last counts.
    std::erase_if(load.series, [&](const promql::NotedSeries& other) { return other.labels == series.labels; });
    load.series.push_back(std::move(series));
  }
  return load;
}

// "expect warn msg: text".
Result<> parse_expect(std::string_view line, size_t index, Eval& eval) {
  static const re2::RE2 kExpect(
      R"(expect\s+(ordered|fail|warn|no_warn|info|no_info|string|range vector)(?:\s+(regex|msg):)?\s*(.*))");
  std::string kind, how, text;
  if (!re2::RE2::FullMatch(re2::StringPiece(line.data(), line.size()), kExpect, &kind, &how, &text))
    return bad(index, fmt::format("unknown expectation '{}'", line));
  Wording wording{how.empty()    ? Wording::Match::kAny
                  : how == "msg" ? Wording::Match::kExact
                                 : Wording::Match::kRegex,
                  text};
  if (kind == "ordered") eval.ordered = true;
  if (kind == "fail") eval.fails = wording;
  if (kind == "warn") eval.warnings.push_back(wording);
  if (kind == "info") eval.infos.push_back(wording);
  if (kind == "no_warn") eval.no_warnings = true;
  if (kind == "no_info") eval.no_infos = true;
  if (kind == "string") eval.string = TRY(promql::unquote(text));
  if (kind == "range vector") {
    std::vector<std::string_view> words = split_words(text);
    if (words.size() != 6) return bad(index, "expected: expect range vector from A to B step S");
    eval.matrix = true;
    eval.from_ms = TRY(duration(words[1], index));
    eval.to_ms = TRY(duration(words[3], index));
    eval.step_ms = TRY(duration(words[5], index));
  }
  return {};
}

// "eval_fail" and the like, of older scripts.
void take_suffix(std::string_view word, Eval& eval) {
  if (word == "eval_fail") eval.fails = Wording{};
  if (word == "eval_warn") eval.warnings.push_back({});
  if (word == "eval_info") eval.infos.push_back({});
  if (word == "eval_ordered") eval.ordered = true;
}

Result<> parse_when(std::string_view line, size_t index, Eval& eval) {
  static const re2::RE2 kInstant(R"((eval\w*)\s+instant\s+at\s+(\S+)\s+(.+))");
  static const re2::RE2 kRange(R"((eval\w*)\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+))");
  std::string command, from, to, step;
  re2::StringPiece piece(line.data(), line.size());
  if (re2::RE2::FullMatch(piece, kRange, &command, &from, &to, &step, &eval.query)) {
    eval.range = true;
    eval.to_ms = TRY(duration(to, index));
    eval.step_ms = TRY(duration(step, index));
  } else if (!re2::RE2::FullMatch(piece, kInstant, &command, &from, &eval.query)) {
    return bad(index, "expected eval instant at T QUERY, or eval range from A to B step S QUERY");
  }
  eval.from_ms = TRY(duration(from, index));
  take_suffix(command, eval);
  return {};
}

std::optional<double> number_of(std::string_view line) {
  bool negative = line.starts_with('-');
  if (negative || line.starts_with('+')) line.remove_prefix(1);
  auto value = promql::parse_promql_number(line);
  return value && negative ? -*value : value;
}

Result<Eval> parse_eval(const std::vector<std::string_view>& lines, size_t& i) {
  Eval eval;
  eval.line = static_cast<int>(i) + 1;
  TRY_VOID(parse_when(lines[i], i, eval));
  for (; i + 1 < lines.size() && !lines[i + 1].empty(); ++i) {
    std::string_view line = lines[i + 1];
    if (line.starts_with("expected_fail_message")) {
      eval.fails = Wording{Wording::Match::kExact, std::string(trim(line.substr(21)))};
    } else if (line.starts_with("expected_fail_regexp")) {
      eval.fails = Wording{Wording::Match::kRegex, std::string(trim(line.substr(20)))};
    } else if (line.starts_with("expect ")) {
      TRY_VOID(parse_expect(line, i + 1, eval));
    } else if (auto number = number_of(line)) {
      eval.scalar = number;
    } else {
      eval.series.push_back(TRY(series_at(line, i + 1)));
    }
  }
  return eval;
}

}  // namespace

bool Wording::matches(const std::string& actual) const {
  if (kind == Match::kAny) return true;
  return kind == Match::kExact ? actual == text : re2::RE2::PartialMatch(actual, text);
}

Result<std::vector<Command>> parse_script(std::string_view text) {
  std::vector<std::string_view> lines = lines_of(text);
  std::vector<Command> commands;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    if (lines[i] == "clear") {
      commands.emplace_back(Clear{});
    } else if (lines[i].starts_with("load")) {
      commands.emplace_back(TRY(parse_load(lines, i)));
    } else if (lines[i].starts_with("eval")) {
      commands.emplace_back(TRY(parse_eval(lines, i)));
    } else {
      return bad(i, fmt::format("unknown command '{}'", lines[i]));
    }
  }
  return commands;
}

}  // namespace ordeal::conformance
