#include "fault/packets/dns/chosen_names.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>

namespace ordeal::packets::dns {
namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

Result<std::shared_ptr<const re2::RE2>> compile(std::string_view expression) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(false);
  auto compiled = std::make_shared<const RE2>(re2::StringPiece(expression.data(), expression.size()), options);
  if (compiled->ok()) return std::shared_ptr<const re2::RE2>(std::move(compiled));
  return fail(Errc::kInvalidInput, fmt::format("\"/{}/\" is no regular expression: {}", expression, compiled->error()));
}

bool is_name(std::string_view text) {
  auto plain = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() < 254 && text.find("..") == std::string_view::npos && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), plain);
}

}  // namespace

Result<ChosenNames::Name> ChosenNames::parse_name(std::string_view given) {
  Name name;
  std::string_view text = given;
  name.excluded = text.starts_with('^');
  text.remove_prefix(name.excluded);
  if (text.size() > 2 && text.starts_with('/') && text.ends_with('/')) {
    name.expression = TRY(compile(text.substr(1, text.size() - 2)));
    return name;
  }
  bool star = text.starts_with("*."), dot = text.starts_with('.');
  name.itself = !star;
  name.below = star || dot;
  text.remove_prefix(star ? 2 : dot);
  if (text.ends_with('.')) text.remove_suffix(1);
  name.text = lower_case(text);
  if (is_name(name.text)) return name;
  return fail(Errc::kInvalidInput,
              fmt::format("expected a name (example.com), what is below it (*.example.com, .example.com) or an "
                          "expression (/^db-.*/), found \"{}\"",
                          given));
}

Result<ChosenNames> ChosenNames::parse(const std::vector<std::string>& names, const std::vector<std::string>& types) {
  ChosenNames chosen;
  for (const std::string& name : names) chosen.names_.push_back(TRY(parse_name(name)));
  for (const std::string& type : types) {
    auto number = type_of(type);
    if (!number)
      return fail(Errc::kInvalidInput, fmt::format("expected a record type (A, AAAA, TYPE65), found \"{}\"", type));
    chosen.types_.push_back(*number);
  }
  return chosen;
}

bool ChosenNames::Name::means(const std::string& name) const {
  if (expression) return RE2::FullMatch(name, *expression);
  if (name == text) return itself;
  return below && name.size() > text.size() && name.ends_with(text) && name[name.size() - text.size() - 1] == '.';
}

bool ChosenNames::means(const Question& question) const {
  bool right_type = types_.empty() || std::find(types_.begin(), types_.end(), question.type) != types_.end();
  if (!right_type) return false;
  bool any = false, included = false;
  for (const Name& name : names_) {
    bool hit = name.means(question.name);
    if (hit && name.excluded) return false;
    any = any || !name.excluded;
    included = included || hit;
  }
  return included || !any;
}

}  // namespace ordeal::packets::dns
