#include "guard/policy_file.h"

namespace ordeal::guard {
namespace {

Result<Policy> decode(const std::string& path, const std::string& text) {
  auto document = json::parse_document(text);
  if (!document) return wrap(document.error(), path);
  auto policy = decode_policy(*document, path);
  if (!policy) return wrap(policy.error(), path);
  return policy;
}

Unexpected cannot_read(Error error) {
  if (error.code == Errc::kNotFound) error.code = Errc::kInvalidInput;
  return wrap(std::move(error), "cannot read the policy");
}

}  // namespace

Result<std::vector<Policy>> read_policies(const std::vector<std::string>& files, const std::string& host_policy,
                                          const sys::Trust& trust) {
  std::vector<Policy> policies;
  auto host = sys::read_trusted(host_policy, trust);
  if (host) policies.push_back(TRY(decode(host_policy, *host)));
  if (!host && host.error().code != Errc::kNotFound) return cannot_read(std::move(host).error());
  for (const std::string& file : files) {
    auto text = sys::read_trusted(file, trust);
    if (!text) return cannot_read(std::move(text).error());
    policies.push_back(TRY(decode(file, *text)));
  }
  return policies;
}

}  // namespace ordeal::guard
