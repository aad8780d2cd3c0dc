// ChosenNames: which questions a DNS fault means, by name and record type. Pure.
//   example.com     that name           *.example.com   every name below it
//   .example.com    it and all below    /EXPRESSION/    a regular expression for the whole name (RE2), in lower case
// ^ before one excludes. Without any that includes, every name is meant. Names are compared without regard to case.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "fault/packets/dns/message.h"

namespace re2 {
class RE2;
}

namespace ordeal::packets::dns {

class ChosenNames {
 public:
  // kInvalidInput says which item, and why.
  static Result<ChosenNames> parse(const std::vector<std::string>& names, const std::vector<std::string>& types);

  bool means(const Question& question) const;
  bool everything() const { return names_.empty() && types_.empty(); }

 private:
  struct Name {
    std::string text;  // in lower case, without dots at its ends
    bool itself = false;
    bool below = false;
    bool excluded = false;
    std::shared_ptr<const re2::RE2> expression;  // instead of text
    bool means(const std::string& name) const;
  };
  static Result<Name> parse_name(std::string_view text);

  std::vector<Name> names_;
  std::vector<uint16_t> types_;  // empty: all
};

}  // namespace ordeal::packets::dns
