#include "guard/policy_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

namespace ordeal::guard {
namespace {

Result<> check_owner(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0) return fail_errno("cannot read the policy " + path);
  if (::geteuid() != 0) return {};
  if (status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return fail(Errc::kRefused, "the policy " + path + " can be changed by others than root",
              "chown root and chmod go-w the file");
}

Result<Policy> read_policy(const std::string& path) {
  TRY_VOID(check_owner(path));
  auto text = read_file(path);
  if (!text) return wrap(text.error(), "cannot read the policy " + path);
  auto document = json::parse_document(*text);
  if (!document) return wrap(document.error(), path);
  auto policy = decode_policy(*document, path);
  if (!policy) return wrap(policy.error(), path);
  return policy;
}

}  // namespace

Result<std::vector<Policy>> read_policies(const std::vector<std::string>& files) {
  std::vector<Policy> policies;
  if (::access(kHostPolicy, F_OK) == 0) policies.push_back(TRY(read_policy(kHostPolicy)));
  for (const std::string& file : files) policies.push_back(TRY(read_policy(file)));
  return policies;
}

}  // namespace ordeal::guard
