// What can stand where an option or an argument takes a value, as far as a shell can offer it.
#pragma once

#include <string>
#include <vector>

#include "app/cli/manual/outline.h"

namespace ordeal::cli {

struct Values {
  enum class Kind {
    kAny,  // a URL, a duration, a text: nothing to offer
    kFiles,
    kFolders,
    kWords,
    kAsked,  // changes: `ordeal completion --values WORDS[0]` prints them
  };
  Kind kind = Kind::kAny;
  std::vector<std::string> words = {};
};

Values values_of(const ProgramOutline& all, const CommandOutline& command, const OptionOutline& option);

}  // namespace ordeal::cli
