#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/base/text/url.h"
#include "platform/kube/access.h"
#include "platform/kube/access/access_of.h"
#include "platform/kube/access/base64.h"
#include "platform/net/http.h"

namespace ordeal::kube {
namespace {

using Entry = Kubeconfig::Entry;

// A certificate or key: PEM as base64 in `key`-data, or else a file. The one that is there wins as in kubectl.
Result<> read_pem(const Entry& entry, const std::string& key, std::string& text, std::string& file) {
  std::string data = TRY(entry.text(key + "-data"));
  file = TRY(entry.path(key));
  if (!data.empty()) {
    json::Reader field = TRY(entry.reader.at(key + "-data"));
    auto decoded = decode_base64(data);
    if (!decoded) return field.refuse("is no base64");
    if (decoded->find("-----BEGIN") == std::string::npos) return field.refuse("holds no PEM");
    text = std::move(*decoded);
    file.clear();
  }
  if (file.empty()) return {};
  if (auto readable = read_file(file); !readable) return TRY(entry.reader.at(key)).refuse(readable.error().message());
  return {};
}

// To pass these over would be to act as somebody else, or to go another way.
Result<> refuse(const Entry& entry, std::string_view key, std::string_view why, std::string hint) {
  auto found = TRY(entry.reader.find(key));
  if (!found) return {};
  Unexpected refused = found->refuse(why);
  refused.value().hint = std::move(hint);
  return refused;
}

Result<> read_server(const Entry& cluster, Access& access) {
  access.server = TRY(cluster.text("server"));
  if (access.server.empty()) return cluster.reader.refuse("has no server");
  json::Reader field = TRY(cluster.reader.at("server"));
  auto url = parse_url(access.server);
  if (!url || (url->scheme != "https" && url->scheme != "http"))
    return field.refuse("is no URL such as https://10.0.0.1:6443");
  if (!url->user.empty()) return field.refuse("has a user in its URL; a kubeconfig names it under users");
  if (url->rest.find_first_of("?#") != std::string_view::npos) return field.refuse("has a query or a fragment");
  while (access.server.ends_with('/')) access.server.pop_back();
  return {};
}

Result<> read_cluster(const Entry& cluster, Access& access) {
  TRY_VOID(read_server(cluster, access));
  TRY_VOID(refuse(cluster, "proxy-url", "proxies are not supported",
                  "reach the server directly, or through a tunnel whose address is the server"));
  TRY_VOID(read_pem(cluster, "certificate-authority", access.tls.authority, access.tls.authority_file));
  access.insecure = TRY(cluster.flag("insecure-skip-tls-verify"));
  if (access.insecure && !(access.tls.authority.empty() && access.tls.authority_file.empty()))
    return cluster.reader.refuse("has an authority together with insecure-skip-tls-verify; only one can be meant");
  access.server_name = TRY(cluster.text("tls-server-name"));
  return {};
}

Result<> read_impersonation(const Entry& user, Access& access) {
  access.impersonate = TRY(user.text("as"));
  if (auto groups = TRY(user.reader.find("as-groups")))
    for (const std::string& group : TRY(groups->texts())) access.impersonation.emplace_back("Impersonate-Group", group);
  if (std::string uid = TRY(user.text("as-uid")); !uid.empty())
    access.impersonation.emplace_back("Impersonate-Uid", uid);
  if (auto extra = TRY(user.reader.find("as-user-extra")))
    for (const auto& [key, values] : TRY(extra->fields()))
      for (const std::string& value : TRY(values.texts()))
        access.impersonation.emplace_back("Impersonate-Extra-" + net::percent_encode(key), value);
  if (access.impersonate.empty() && !access.impersonation.empty())
    return user.reader.refuse("has as-groups, as-uid or as-user-extra, but no as");
  return {};
}

Result<> read_environment(const Entry& exec, ExecPlugin& plugin) {
  auto list = TRY(exec.reader.find("env"));
  if (!list) return {};
  for (const json::Reader& item : TRY(list->items())) {
    std::string name = TRY(text_of(item, "name"));
    if (name.empty()) return item.refuse("has no name");
    plugin.environment[name] = TRY(text_of(item, "value"));
  }
  return {};
}

// What the cluster holds for its plugin: an extension with a name of its own.
Result<std::string> cluster_config(const Entry& cluster) {
  auto extensions = TRY(cluster.reader.find("extensions"));
  if (!extensions) return std::string();
  for (const json::Reader& item : TRY(extensions->items()))
    if (TRY(text_of(item, "name")) == "client.authentication.k8s.io/exec")
      return json::write(TRY(item.at("extension")).value());
  return std::string();
}

Result<ExecPlugin> read_exec(const Entry& exec, const Entry& cluster) {
  ExecPlugin plugin;
  plugin.command = resolve(exec.file, TRY(exec.text("command")), true);
  if (plugin.command.empty()) return exec.reader.refuse("has no command");
  if (auto args = TRY(exec.reader.find("args"))) {
    for (const json::Reader& item : TRY(args->items())) {
      if (!item.value().is_string()) return item.refuse("expected text (in quotes where it looks like a number)");
      plugin.args.emplace_back(item.value().get_string());
    }
  }
  TRY_VOID(read_environment(exec, plugin));
  plugin.api_version = TRY(exec.text("apiVersion"));
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1")
    return exec.reader.refuse(fmt::format(
        "has the apiVersion \"{}\"; client.authentication.k8s.io/v1 and v1beta1 are known", plugin.api_version));
  if (TRY(exec.text("interactiveMode")) == "Always")
    return exec.reader.refuse("has interactiveMode Always: it asks a person, and nobody is asked here");
  plugin.install_hint = TRY(exec.text("installHint"));
  plugin.provide_cluster_info = TRY(exec.flag("provideClusterInfo"));
  if (plugin.provide_cluster_info) plugin.cluster_config = TRY(cluster_config(cluster));
  return plugin;
}

Result<> read_token(const Entry& user, Access& access) {
  access.token = TRY(user.text("token"));
  access.token_file = TRY(user.path("tokenFile"));
  if (access.token.find_first_of("\r\n") != std::string::npos)
    return user.reader.refuse("has a token of several lines");
  if (access.token_file.empty()) return {};
  access.token.clear();
  if (auto readable = read_file(access.token_file); !readable)
    return TRY(user.reader.at("tokenFile")).refuse(readable.error().message());
  return {};
}

Result<> read_certificate(const Entry& user, Access& access) {
  net::ClientTls& tls = access.tls;
  TRY_VOID(read_pem(user, "client-certificate", tls.certificate, tls.certificate_file));
  TRY_VOID(read_pem(user, "client-key", tls.key, tls.key_file));
  bool certificate = !tls.certificate.empty() || !tls.certificate_file.empty();
  bool key = !tls.key.empty() || !tls.key_file.empty();
  if (certificate != key)
    return user.reader.refuse(certificate ? "has a client-certificate without its client-key"
                                          : "has a client-key without its client-certificate");
  return {};
}

Result<> read_user(const Entry& user, const Entry& cluster, Access& access) {
  TRY_VOID(refuse(user, "auth-provider", "kubectl itself has dropped it",
                  "use the provider's exec plugin instead (such as gke-gcloud-auth-plugin or kubelogin)"));
  TRY_VOID(read_token(user, access));
  TRY_VOID(read_certificate(user, access));
  TRY_VOID(read_impersonation(user, access));
  std::string name = TRY(user.text("username"));
  std::string password = TRY(user.text("password"));
  if (!name.empty() || !password.empty()) access.login = name + ":" + password;
  bool token = !access.token.empty() || !access.token_file.empty();
  if (token && !access.login.empty()) return user.reader.refuse("has a token and a username; only one can be meant");
  if (auto exec = TRY(user.reader.find("exec"))) access.exec = TRY(read_exec(Entry{*exec, user.file}, cluster));
  // kubectl does not ask the plugin either where there is a token.
  if (token || !access.login.empty()) access.exec.reset();
  return {};
}

Result<Entry> need(const Kubeconfig& config, const Entry& context, const std::string& kind) {
  std::string name = TRY(context.text(kind));
  if (name.empty()) return context.reader.refuse(fmt::format("names no {}", kind));
  auto found = TRY(config.find(kind + "s", name));
  if (!found) return fail(Errc::kInvalidInput, fmt::format("{} \"{}\" is not in {}s", kind, name, kind));
  return std::move(*found);
}

Result<> read_context(const Kubeconfig& config, const Entry& context, Access& access) {
  if (std::string name = TRY(context.text("namespace")); !name.empty()) access.namespace_ = name;
  Entry cluster = TRY(need(config, context, "cluster"));
  // The user's file may be another one than the context's, and then is the one at fault.
  auto in_file = [&](const Entry& entry, Result<> read) -> Result<> {
    if (!read && entry.file != context.file) read.error().what = entry.file + ": " + read.error().what;
    return read;
  };
  TRY_VOID(in_file(cluster, read_cluster(cluster, access)));
  std::string user_name = TRY(context.text("user"));
  if (user_name.empty()) return {};
  Entry user = TRY(need(config, context, "user"));
  return in_file(user, read_user(user, cluster, access));
}

std::string known_contexts(const Kubeconfig& config) {
  auto names = config.contexts();
  return names.empty() ? "it has no contexts" : "its contexts are: " + join(names, ", ");
}

// The files that a person means, and whether they named them one by one.
Result<Kubeconfig> read_files(const AccessOptions& options) {
  if (!options.kubeconfig.empty()) return Kubeconfig::read({options.kubeconfig}, true);
  const char* named = std::getenv("KUBECONFIG");
  const char* home = std::getenv("HOME");
  std::vector<std::string> paths;
  if (named && *named) {
    for (std::string_view path : split(named, ':'))
      if (!path.empty()) paths.emplace_back(path);
  } else if (home && *home) {
    paths.push_back(std::string(home) + "/.kube/config");
  }
  Kubeconfig config = TRY(Kubeconfig::read(paths, false));
  if (config.empty())
    return fail(Errc::kNotFound,
                paths.empty() ? "no kubeconfig: neither KUBECONFIG nor HOME is set"
                              : fmt::format("no kubeconfig: nothing in {}", join(paths, ", ")),
                "name one with KUBECONFIG, or copy the cluster's to ~/.kube/config");
  return config;
}

}  // namespace

Result<Access> access_of(const Kubeconfig& config, const std::string& wanted) {
  std::string name = wanted.empty() ? TRY(config.current_context()) : wanted;
  if (name.empty())
    return fail(Errc::kInvalidInput, config.names() + ": there is no current-context", known_contexts(config));
  auto context = TRY(config.find("contexts", name));
  if (!context)
    return fail(Errc::kInvalidInput, fmt::format("{}: there is no context \"{}\"", config.names(), name),
                known_contexts(config));
  Access access;
  access.context = name;
  access.origin = context->file;
  if (auto read = read_context(config, *context, access); !read) {
    read.error().what = fmt::format("{}: context \"{}\": {}", context->file, name, read.error().what);
    return tl::unexpected(std::move(read.error()));
  }
  return access;
}

Result<Access> load_kubeconfig(const AccessOptions& options) {
  Kubeconfig config = TRY(read_files(options));
  if (config.empty()) return fail(Errc::kInvalidInput, options.kubeconfig + " is empty");
  return access_of(config, options.context);
}

}  // namespace ordeal::kube
