// TestAuthority: an authority with certificates of its own, made where the test runs. Not for programs.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>

#include "platform/net/server/tls_identity.h"

namespace ordeal::net {

class TestAuthority {
 public:
  TestAuthority() {
    std::string pattern = testing::TempDir() + "net-tls-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    key_ = EVP_EC_gen("P-256");
    certificate_ = make("Authority of " + folder_.substr(folder_.size() - 6), key_, "critical,CA:TRUE", "", 3600);
    write("ca.pem", certificate_, nullptr);
  }
  ~TestAuthority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
    std::filesystem::remove_all(folder_);
  }
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  std::string ca() const { return folder_ + "/ca.pem"; }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  // For `names` ("DNS:localhost,IP:127.0.0.1"), for `seconds` from now or, when negative, until then.
  TlsFiles issue(const std::string& name, const std::string& names, long seconds = 3600) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = make(name, key, "critical,CA:FALSE", names, seconds);
    write(name + ".pem", certificate, nullptr);
    write(name + ".key", nullptr, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return {path(name + ".pem"), path(name + ".key")};
  }

 private:
  X509* make(const std::string& name, EVP_PKEY* key, const char* constraints, const std::string& names, long seconds) {
    X509* made = X509_new();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made), seconds < 0 ? seconds - 3600 : -60);
    X509_gmtime_adj(X509_getm_notAfter(made), seconds);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* issuer = certificate_ ? certificate_ : made;
    X509_set_issuer_name(made, X509_get_subject_name(issuer));
    extend(made, issuer, NID_basic_constraints, constraints);
    if (!names.empty()) extend(made, issuer, NID_subject_alt_name, names.c_str());
    EXPECT_GT(X509_sign(made, key_, EVP_sha256()), 0);
    return made;
  }
  static void extend(X509* made, X509* issuer, int which, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, made, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, which, value);
    EXPECT_NE(extension, nullptr) << value;
    X509_add_ext(made, extension, -1);
    X509_EXTENSION_free(extension);
  }
  void write(const std::string& name, X509* certificate, EVP_PKEY* key) {
    BIO* bio = BIO_new(BIO_s_mem());
    if (certificate) PEM_write_bio_X509(bio, certificate);
    if (key) PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    long size = BIO_get_mem_data(bio, &text);
    std::filesystem::remove(path(name));
    std::ofstream(path(name)) << std::string(text, static_cast<size_t>(size));
    chmod(path(name).c_str(), key ? 0600 : 0644);
    BIO_free(bio);
  }

  std::string folder_;
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
  long serial_ = 0;
};

}  // namespace ordeal::net
