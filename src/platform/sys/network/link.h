// Links: looks at the network devices of one namespace, from outside of it. A device is its index; names change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/io/unique_fd.h"
#include "platform/sys/network/netns.h"

namespace ordeal::sys {

class Links {
 public:
  static Result<Links> open(const NetNs& where);

  // Nothing when the namespace has none of that name, or of that index.
  std::optional<uint32_t> index_of(const std::string& name) const;
  std::optional<std::string> name_of(uint32_t index) const;

 private:
  explicit Links(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;  // a socket that was made inside
};

}  // namespace ordeal::sys
