// ExecCredential: what a credential plugin is told in KUBERNETES_EXEC_INFO, and what it prints. Pure but for the file
// of an authority. No error shows what a plugin printed.
#pragma once

#include "core/base/clock.h"
#include "platform/kube/access.h"

namespace ordeal::kube {

struct Credential {
  std::string token;
  std::string certificate, key;  // PEM
  std::optional<Nanos> expires;  // wall clock; absent: until the server refuses it
};

// The JSON for KUBERNETES_EXEC_INFO. Of an Access with a plugin.
Result<std::string> exec_info(const Access& access);
// Of the plugin's standard output; `api_version` is the one that it was asked for.
Result<Credential> read_exec_credential(std::string_view output, const std::string& api_version);

}  // namespace ordeal::kube
