// Exemption: connections that no network fault may touch: Ordeal's own watching. `plan` lists them.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/json/value.h"

namespace ordeal::packets {

struct Exemption {
  std::string address;      // of the watcher, "10.0.0.1" or "fe80::1"; "" is any
  std::string remote;       // of what is watched; "" is any
  uint16_t first_port = 0;  // the watcher's own port range; 0 is any
  uint16_t last_port = 0;
  uint16_t remote_port = 0;  // 0 is any
  std::string why;           // for people: "the scraper's connections"
};

json::Value to_json(const Exemption& exemption);
Result<Exemption> exemption_from_json(const json::Value& value);

}  // namespace ordeal::packets
