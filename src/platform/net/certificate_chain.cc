#include "platform/net/certificate_chain.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

namespace ordeal::net {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Result<Certificate> parse(const std::string& pem) {
  std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  Certificate certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), X509_free);
  if (!certificate) return fail(Errc::kInvalidInput, "a certificate of the chain cannot be read");
  return certificate;
}

// Whatever it is encoded as, and without what a terminal would obey; "" where it cannot be read.
std::string as_utf8(const ASN1_STRING* data) {
  constexpr size_t kMostName = 256;
  unsigned char* bytes = nullptr;
  int size = ASN1_STRING_to_UTF8(&bytes, data);
  if (size < 0) return "";
  std::string text(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  if (text.size() > kMostName) {
    size_t end = kMostName;
    while ((text[end] & 0xC0) == 0x80) --end;
    text.resize(end);
  }
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

// The common name, else all of the name.
std::string subject_of(X509* certificate) {
  X509_NAME* name = X509_get_subject_name(certificate);
  int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  std::string common = at < 0 ? "" : as_utf8(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (!common.empty()) return common;
  char text[256] = "";
  return X509_NAME_oneline(name, text, sizeof text) ? text : "";
}

std::string date_of(const ASN1_TIME* time) {
  tm parts{};
  char text[32] = "";
  if (ASN1_TIME_to_tm(time, &parts) != 1 || std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
    return "an unreadable date";
  return text;
}

std::optional<double> hours_between(const ASN1_TIME* from, const ASN1_TIME* to) {
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, from, to) != 1) return std::nullopt;
  return days * 24.0 + seconds / 3600.0;
}

bool is_for(X509* certificate, const std::string& name) {
  in6_addr bytes;
  bool address = ::inet_pton(AF_INET, name.c_str(), &bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), &bytes) == 1;
  if (address) return X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
  return X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1;
}

std::vector<std::string> remarks_on(X509* own, const std::string& name) {
  std::vector<std::string> remarks;
  if (X509_NAME_cmp(X509_get_subject_name(own), X509_get_issuer_name(own)) == 0)
    remarks.push_back(fmt::format("self-signed by {}", subject_of(own)));
  if (!is_for(own, name)) remarks.push_back(fmt::format("not for the name {}: it is for {}", name, subject_of(own)));
  return remarks;
}

// Takes one certificate of the chain into account.
Result<> look_at(X509* certificate, const std::string& place, const ASN1_TIME* now, std::optional<double>& least,
                 CertificateChain& chain) {
  auto until_valid = hours_between(now, X509_get0_notBefore(certificate));
  auto left = hours_between(now, X509_get0_notAfter(certificate));
  std::string subject = subject_of(certificate) + place;
  if (!until_valid || !left) return fail(Errc::kInvalidInput, fmt::format("{}: its dates cannot be read", subject));
  if (*until_valid > 0)
    return fail(Errc::kInvalidInput,
                fmt::format("{} is not valid before {}", subject, date_of(X509_get0_notBefore(certificate))));
  if (least && *least <= *left) return {};
  least = chain.hours_left = *left;
  chain.first_to_expire = fmt::format("{}, until {}", subject, date_of(X509_get0_notAfter(certificate)));
  return {};
}

}  // namespace

Result<CertificateChain> read_chain(const std::vector<std::string>& pem, const std::string& name, Nanos wall_now) {
  if (pem.empty()) return fail(Errc::kInvalidInput, "the server shows no certificate");
  auto at = std::chrono::duration_cast<std::chrono::seconds>(wall_now).count();
  std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> now(ASN1_TIME_set(nullptr, at), ASN1_TIME_free);
  CertificateChain chain;
  std::optional<double> least;
  for (size_t i = 0; i < pem.size(); ++i) {
    Certificate certificate = TRY(parse(pem[i]));
    if (i == 0) chain.for_name = is_for(certificate.get(), name);
    if (i == 0) chain.remarks = remarks_on(certificate.get(), name);
    std::string place = pem.size() > 1 ? fmt::format(" ({} of {})", i + 1, pem.size()) : "";
    TRY_VOID(look_at(certificate.get(), place, now.get(), least, chain));
  }
  return chain;
}

}  // namespace ordeal::net
