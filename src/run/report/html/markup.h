// Markup: writes HTML, SVG and XML as one well-formed text (every element closed, everything escaped).
// Rule: text and attribute values go through escape(); only raw() does not, and it takes only what Markup made.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ordeal::report {

// For text and for attributes in double quotes. Characters that XML forbids, and bytes that are not UTF-8, become
// U+FFFD.
std::string escape(std::string_view text);
// A coordinate: one decimal, none when it is whole.
std::string coordinate(double value);

class AttributeValue {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> AttributeValue(T number)
      : text_(coordinate(static_cast<double>(number))) {}           // NOLINT: meant to convert
  AttributeValue(std::string_view text) : text_(escape(text)) {}    // NOLINT
  AttributeValue(const char* text) : text_(escape(text)) {}         // NOLINT
  AttributeValue(const std::string& text) : text_(escape(text)) {}  // NOLINT
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
using Attributes = std::initializer_list<std::pair<std::string_view, AttributeValue>>;

class Markup {
 public:
  Markup& open(std::string_view name, Attributes attributes = {});
  Markup& close();
  // <name …/>
  Markup& empty(std::string_view name, Attributes attributes = {});
  // <name …>text</name>
  Markup& element(std::string_view name, Attributes attributes, std::string_view text);
  Markup& text(std::string_view text);
  Markup& raw(std::string_view markup);
  // Closes what is open and gives the text away.
  std::string take();

 private:
  void start(std::string_view name, Attributes attributes);

  std::string out_;
  std::vector<std::string> stack_;
};

}  // namespace ordeal::report
