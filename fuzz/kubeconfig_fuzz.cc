// A kubeconfig and what a credential plugin prints: files of a person's, programs of others. Whatever is refused is
// refused without a token in the message.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "platform/kube/access/access_of.h"
#include "platform/kube/access/base64.h"
#include "platform/kube/access/exec_credential.h"

namespace {

using namespace ordeal::kube;

void check_base64(std::string_view text) {
  if (decode_base64(encode_base64(text)) != text) __builtin_trap();
  auto bytes = decode_base64(text);
  if (bytes && decode_base64(encode_base64(*bytes)) != bytes) __builtin_trap();
}

void check_config(std::string_view text) {
  auto config = Kubeconfig::parse("/nowhere/config", text);
  if (!config) return;
  (void)config->contexts();
  auto access = access_of(*config, "");
  if (!access) {
    if (access.error().code != ordeal::Errc::kInvalidInput) __builtin_trap();
    return;
  }
  // What is taken is complete.
  if (access->server.empty() || access->server.ends_with('/') || access->describe().empty()) __builtin_trap();
  if (access->exec && (access->exec->command.empty() || !exec_info(*access))) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_base64(text);
  check_config(text);
  auto credential = read_exec_credential(text, "client.authentication.k8s.io/v1");
  if (credential && credential->token.empty() && credential->key.empty()) __builtin_trap();
  return 0;
}
