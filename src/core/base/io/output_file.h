// OutputFile: what a person names with -o or --report. Prepared before the work, so that a folder that is not there is
// said before and not after it. A file may be written again, as a whole.
//   a file, or none yet   replaced as a whole: a reader sees old or new; where the folder cannot be written but the
//   file
//                         can, written in place
//   pipe, terminal, /dev/null, "-", /dev/stdout, /dev/fd/N   written through; a pipe waits 30 s for its reader
//   folder, disk, socket  refused
// A link is followed to what it points to and stays. One that neither we nor root made is refused, wherever in the path
// it stands: whoever owns it would choose what we overwrite.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"

namespace ordeal {

class OutputFile {
 public:
  enum class Mode {
    kReplace,
    kInPlace,  // opened now: for those who give up the right to write there meanwhile
  };
  // Changes nothing, except that kInPlace makes a file that is missing. kInvalidInput where the path cannot be.
  static Result<OutputFile> prepare(const std::string& path, Mode mode = Mode::kReplace);
  Result<> write(std::string_view text);
  // What is written from now on can be read by its owner alone (mode 0600). Only where can_be_rewritten().
  Result<> keep_private();
  // What was written through is gone.
  bool can_be_rewritten() const { return kind_ != Writes::kStream; }

 private:
  enum class Writes { kReplaced, kInPlace, kStream };
  OutputFile(std::string path, Writes kind, UniqueFd fd, std::string name)
      : path_(std::move(path)), kind_(kind), fd_(std::move(fd)), name_(std::move(name)) {}
  static Result<OutputFile> in_place(const std::string& path, int folder, const std::string& name);
  Result<> write_stream(std::string_view text) const;

  std::string path_;
  Writes kind_;
  UniqueFd fd_;                   // the folder; the file; what is written through
  std::string name_;              // in the folder
  std::optional<unsigned> mode_;  // of the file that is replaced: it keeps it
};

// prepare() and write().
Result<> write_output(const std::string& path, std::string_view text);

}  // namespace ordeal
