// CertificateChain: what a server's chain of certificates says of its time and its name. It judges nothing, and trusts
// nobody: who issued it is not checked. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal::net {

struct CertificateChain {
  double hours_left = 0;             // until the first of the chain expires; below 0 when it has
  std::string first_to_expire;       // "shop.example (2 of 3), until 2026-12-24 10:00:00 UTC"
  bool for_name = true;              // the first is for the name
  std::vector<std::string> remarks;  // self-signed; for another name
};

// `pem` as the server shows them, its own first; `name` is a host name or an address. kInvalidInput when there is
// none, one cannot be read, or one is not valid yet.
Result<CertificateChain> read_chain(const std::vector<std::string>& pem, const std::string& name, Nanos wall_now);

}  // namespace ordeal::net
