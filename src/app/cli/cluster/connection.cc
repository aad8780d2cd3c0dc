#include "app/cli/cluster/connection.h"

#include <fmt/format.h>

#include "core/base/io/output.h"

namespace ordeal::cli {
namespace {

using Kind = kube::ApiFailure::Kind;

// A kubeconfig, else the account of the pod that this runs in, where nobody named another.
Result<kube::Access> find_access(const ClusterOptions& where) {
  auto access = kube::load_kubeconfig({where.kubeconfig, where.context});
  bool named = !where.kubeconfig.empty() || !where.context.empty();
  if (access || named || access.error().code != Errc::kNotFound) return access;
  if (auto of_pod = kube::in_cluster()) return of_pod;
  return access;
}

bool may_pass(Kind kind) {
  return kind == Kind::kUnreachable || kind == Kind::kTimeout || kind == Kind::kThrottled || kind == Kind::kServer ||
         kind == Kind::kBadAnswer || kind == Kind::kTooEarly;
}

}  // namespace

Result<> check_where(const ClusterOptions& where) {
  if (where.asked() || (where.namespace_.empty() && where.release.empty())) return {};
  return fail(Errc::kInvalidInput,
              fmt::format("{} is of a cluster, and no cluster is given",
                          where.namespace_.empty() ? "--release-namespace" : "-n, --namespace"),
              "add --cluster for the kubeconfig's current context, --context NAME or --kubeconfig FILE");
}

Result<Connection> connect(const ClusterOptions& where) {
  auto access = find_access(where);
  if (!access) {
    Error error = std::move(access).error();
    if (error.code != Errc::kInternal) error.code = Errc::kInvalidInput;  // nobody was asked yet: it is the file
    return tl::unexpected(std::move(error));
  }
  std::string space = where.namespace_.empty() ? access->namespace_ : where.namespace_;
  auto client = kube::Client::create(std::move(*access));
  if (!client) return tl::unexpected(std::move(client).error());
  (*client)->on_warning([](const std::string& text) { print_to_error("ordeal: the server warns: {}\n", text); });
  return Connection{std::move(*client), std::move(space)};
}

Error error_of(const kube::ApiFailure& failure, const std::string& what) {
  Error error = failure.error(what);
  if (may_pass(failure.kind)) error.code = Errc::kNotInjected;
  if (failure.no_such_resource) error.hint = "`ordeal install` shows what this cluster lacks";
  return error;
}

Result<json::Value> fetch(const Connection& to, kube::Request request, const std::string& what) {
  auto answer = kube::ask(*to.client, std::move(request));
  if (!answer) return tl::unexpected(error_of(answer.error(), what));
  return std::move(*answer);
}

kube::Answer<json::Array> fetch_all(const Connection& to, const kube::Resource& resource,
                                    const kube::ObjectName& object, const std::string& labels) {
  return kube::ask_all(*to.client, resource, object, labels);
}

}  // namespace ordeal::cli
