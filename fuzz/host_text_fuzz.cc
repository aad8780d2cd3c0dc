// What this host says of itself in text: /proc, cgroup paths, and the durations and prefixes that people write.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/duration.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/cgroup/container.h"
#include "platform/sys/network/packet.h"
#include "platform/sys/process/capability.h"
#include "platform/sys/process/process.h"
#include "platform/sys/sockets/listeners.h"

namespace {

using namespace ordeal;

void check_duration(std::string_view text) {
  auto duration = parse_duration(text);
  if (!duration) return;
  auto again = parse_duration(format_duration(*duration));
  if (!again || *again != *duration) __builtin_trap();
}

void check_prefix(std::string_view text) {
  auto prefix = sys::Prefix::parse(text);
  if (!prefix) return;
  auto again = sys::Prefix::parse(prefix->to_text());
  if (!again || again->address != prefix->address || again->length != prefix->length) __builtin_trap();
}

void check_process(std::string_view text) {
  (void)sys::parse_stat(text);
  (void)sys::parse_capabilities(text);
  for (const sys::ListeningSocket& socket : sys::parse_listening(text)) (void)sys::to_text(socket);
  (void)sys::first_address(text);
  (void)sys::parse_cpu_list(text);
  sys::Process process;
  process.cgroups = sys::parse_cgroups(text);
  (void)sys::in_cgroup(process, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_duration(text);
  check_prefix(text);
  check_process(text);
  (void)sys::parse_ip({data, size});
  auto container = sys::container_of_cgroup(text);
  // A container's own cgroup names that container.
  if (container && sys::container_of_cgroup(container->cgroup) != container) __builtin_trap();
  (void)sys::pod_of_cgroup(text);
  return 0;
}
