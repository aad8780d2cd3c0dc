#include "run/report/well_formed.h"

#include <gtest/gtest.h>

namespace ordeal::report {

bool WellFormed::skip(std::string_view expected) {
  if (rest().substr(0, expected.size()) != expected) return false;
  at_ += expected.size();
  return true;
}

std::string_view WellFormed::name() {
  size_t end = rest().find_first_of(" \t\n=/>\"'<&");
  std::string_view word = rest().substr(0, end);
  at_ += word.size();
  return word;
}

// Text or an attribute's value: every & must begin an entity that XML and HTML both know.
static std::string bad_entity(std::string_view text) {
  for (size_t i = text.find('&'); i != std::string_view::npos; i = text.find('&', i + 1)) {
    std::string_view from = text.substr(i);
    bool known = false;
    for (std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) known |= from.starts_with(entity);
    if (!known) return "bare & before \"" + std::string(from.substr(0, 12)) + "\"";
  }
  return {};
}

std::string WellFormed::attribute() {
  std::string key(name());
  if (key.empty()) return error("expected an attribute's name");
  if (!skip("=\"")) return error("attribute " + key + " has no quoted value");
  size_t end = rest().find('"');
  if (end == std::string_view::npos) return error("attribute " + key + " does not end");
  std::string value(rest().substr(0, end));
  if (value.find('<') != std::string::npos) return error("< in attribute " + key);
  if (std::string bad = bad_entity(value); !bad.empty()) return error(bad);
  at_ += end + 1;
  if (key == "id") ids_.insert(value);
  if (key == "href") references_.insert(value);
  if (value.starts_with("url(")) references_.insert(value.substr(4, value.size() - 5));
  return {};
}

std::string WellFormed::tag() {
  if (skip("</")) {
    std::string word(name());
    if (stack_.empty() || stack_.back() != word) return error("</" + word + "> closes nothing");
    stack_.pop_back();
    return skip(">") ? "" : error("expected >");
  }
  skip("<");
  std::string word(name());
  if (word.empty()) return error("expected an element's name");
  elements_.insert(word);
  std::set<std::string> keys;
  while (skip(" ")) {
    std::string key(rest().substr(0, rest().find('=')));
    if (!keys.insert(key).second) return error("attribute " + key + " twice");
    if (std::string bad = attribute(); !bad.empty()) return bad;
  }
  if (skip("/>")) return {};
  stack_.push_back(word);
  return skip(">") ? "" : error("expected > after " + word);
}

std::string WellFormed::check(std::string_view text) {
  text_ = text;
  at_ = 0;
  if (skip("<?xml")) at_ += rest().find("?>") + 2;
  (void)skip("<!DOCTYPE html>");
  while (at_ < text_.size()) {
    if (text_[at_] == '<') {
      if (std::string bad = tag(); !bad.empty()) return bad;
      continue;
    }
    std::string_view data = rest().substr(0, rest().find('<'));
    if (std::string bad = bad_entity(data); !bad.empty()) return error(bad);
    if (stack_.empty() && data.find_first_not_of(" \n") != std::string_view::npos) return error("text outside");
    for (char c : data)
      if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') return error("control character");
    at_ += data.size();
  }
  return stack_.empty() ? "" : error("<" + stack_.back() + "> is not closed");
}

namespace {

TEST(WellFormed, TellsGoodFromBad) {
  EXPECT_EQ(WellFormed().check("<?xml version=\"1.0\"?><a x=\"1\"><b/>t &amp; u</a>\n"), "");
  for (const char* bad :
       {"<a>", "<a></b>", "<a x=1/>", "<a>&</a>", "<a x=\"<\"/>", "<a x=\"1\" x=\"2\"/>", "t", "<a>\x01</a>"})
    EXPECT_NE(WellFormed().check(bad), "") << bad;
}

}  // namespace
}  // namespace ordeal::report
