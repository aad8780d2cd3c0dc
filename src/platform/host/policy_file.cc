#include "platform/host/policy_file.h"

namespace ordeal::host {
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

Result<PolicyTexts> read_policy_texts(const std::vector<std::string>& files, const std::string& host_policy,
                                      const sys::Trust& trust) {
  PolicyTexts texts;
  auto host = sys::read_trusted(host_policy, trust);
  if (!host && host.error().code != Errc::kNotFound) return cannot_read(std::move(host).error());
  if (host) texts.emplace_back(host_policy, std::move(*host));
  for (const std::string& file : files) {
    auto text = sys::read_trusted(file, trust);
    if (!text) return cannot_read(std::move(text).error());
    texts.emplace_back(file, std::move(*text));
  }
  return texts;
}

Result<std::vector<Policy>> decode_policies(const PolicyTexts& texts) {
  std::vector<Policy> policies;
  for (const auto& [path, text] : texts) policies.push_back(TRY(decode(path, text)));
  return policies;
}

Result<std::vector<Policy>> read_policies(const std::vector<std::string>& files, const std::string& host_policy,
                                          const sys::Trust& trust) {
  return decode_policies(TRY(read_policy_texts(files, host_policy, trust)));
}

}  // namespace ordeal::host
