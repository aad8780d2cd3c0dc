// For tests: whether a text is well-formed XML, as far as our reports use it. Not a validator and not for input.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::report {

// "" when well-formed, else what is wrong and where. Element names and ids seen are put into the sets when given.
class WellFormed {
 public:
  std::string check(std::string_view text);
  const std::multiset<std::string>& elements() const { return elements_; }
  const std::multiset<std::string>& ids() const { return ids_; }
  const std::multiset<std::string>& references() const { return references_; }  // of href and url(#…)

 private:
  std::string error(const std::string& what) const { return what + " at byte " + std::to_string(at_); }
  std::string tag();
  std::string attribute();
  bool skip(std::string_view expected);
  std::string_view name();
  std::string_view rest() const { return text_.substr(at_); }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<std::string> stack_;
  std::multiset<std::string> elements_, ids_, references_;
};

}  // namespace ordeal::report
