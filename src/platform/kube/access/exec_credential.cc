#include "platform/kube/access/exec_credential.h"

#include <fmt/core.h>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "platform/kube/access/base64.h"
#include "platform/kube/access/kubeconfig.h"

namespace ordeal::kube {
namespace {

Result<json::Object> cluster_info(const Access& access) {
  json::Object cluster{{"server", access.server}};
  std::string authority = access.tls.authority;
  if (authority.empty() && !access.tls.authority_file.empty()) authority = TRY(read_file(access.tls.authority_file));
  if (!authority.empty()) cluster["certificate-authority-data"] = encode_base64(authority);
  if (!access.server_name.empty()) cluster["tls-server-name"] = access.server_name;
  if (access.insecure) cluster["insecure-skip-tls-verify"] = true;
  if (!access.exec->cluster_config.empty()) cluster["config"] = TRY(json::parse(access.exec->cluster_config));
  return cluster;
}

// RFC 3339 with any offset; plugins write both "Z" and "+01:00".
Result<Nanos> read_time(const std::string& text) {
  size_t sign = text.size() < 6 ? 0 : text.size() - 6;
  bool offset = text.size() > 6 && (text[sign] == '+' || text[sign] == '-') && text[sign + 3] == ':';
  if (!offset) return parse_rfc3339(text);
  Nanos local = TRY(parse_rfc3339(text.substr(0, sign) + "Z"));
  auto hours = parse_number<int>(text.substr(sign + 1, 2));
  auto minutes = parse_number<int>(text.substr(sign + 4, 2));
  if (!hours || !minutes || *hours < 0 || *hours > 23 || *minutes < 0 || *minutes > 59)
    return fail(Errc::kInvalidInput, "has no offset such as +01:00");
  Nanos ahead = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return text[sign] == '+' ? local - ahead : local + ahead;
}

Result<Credential> read_status(const json::Reader& status) {
  Credential credential;
  credential.token = TRY(text_of(status, "token"));
  credential.certificate = TRY(text_of(status, "clientCertificateData"));
  credential.key = TRY(text_of(status, "clientKeyData"));
  if (credential.certificate.empty() != credential.key.empty())
    return status.refuse("has one of clientCertificateData and clientKeyData without the other");
  if (credential.token.empty() && credential.key.empty())
    return status.refuse("has neither a token nor a client certificate");
  if (credential.token.find_first_of("\r\n") != std::string::npos) return status.refuse("has a token of several lines");
  std::string expires = TRY(text_of(status, "expirationTimestamp"));
  if (expires.empty()) return credential;
  auto time = read_time(expires);
  if (!time) return status.refuse("has an expirationTimestamp that is no time");
  credential.expires = *time;
  return credential;
}

}  // namespace

Result<std::string> exec_info(const Access& access) {
  json::Object spec{{"interactive", false}};
  if (access.exec->provide_cluster_info) spec["cluster"] = TRY(cluster_info(access));
  json::Object info{{"kind", "ExecCredential"}, {"apiVersion", access.exec->api_version}, {"spec", std::move(spec)}};
  return json::write(info);
}

Result<Credential> read_exec_credential(std::string_view output, const std::string& api_version) {
  // The parser's error would show a part of the text.
  auto value = json::parse(output);
  if (!value) return fail(Errc::kInvalidInput, "what it printed is no JSON");
  json::Document document{std::move(*value), {}};
  json::Reader reader(document);
  if (!document.value.is_object()) return reader.refuse("what it printed is no ExecCredential");
  if (TRY(text_of(reader, "kind")) != "ExecCredential") return reader.refuse("what it printed is no ExecCredential");
  if (TRY(text_of(reader, "apiVersion")) != api_version)
    return reader.refuse(fmt::format("it answered in another apiVersion than {}", api_version));
  return read_status(TRY(reader.at("status")));
}

}  // namespace ordeal::kube
