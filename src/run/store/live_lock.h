// LiveLock: tells a run that is still being written from one whose writer died. One byte per run in a file beside the
// record, locked by the writer (an open-file-description lock): the kernel drops it when the writer ends, however.
// Rule: the number is the run's row id in the record.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"

namespace ordeal::store {

class LiveLock {
 public:
  LiveLock() = default;
  static Result<LiveLock> take(const std::string& path, int64_t number);
  // Whether another open file holds it. False when the file does not exist.
  static bool is_held(const std::string& path, int64_t number);

 private:
  explicit LiveLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace ordeal::store
