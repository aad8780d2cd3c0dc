#include "platform/net/certificate_chain.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "core/base/io/file.h"
#include "platform/net/server/test_certificates.h"

namespace ordeal::net {
namespace {

class CertificateChainTest : public testing::Test {
 protected:
  // Issued by one authority: its file comes last.
  std::vector<std::string> shown(long seconds, const std::string& names = "DNS:shop.example,IP:127.0.0.1") {
    return {*read_file(authority_.issue("shop", names, seconds).certificate), *read_file(authority_.ca())};
  }

  TestAuthority authority_;
};

TEST_F(CertificateChainTest, TheFirstToExpireCounts) {
  auto of_server = read_chain(shown(1800), "shop.example", wall_now());
  ASSERT_TRUE(of_server) << of_server.error().message();
  EXPECT_NEAR(of_server->hours_left, 0.5, 0.01);
  EXPECT_TRUE(of_server->first_to_expire.starts_with("shop (1 of 2), until 20")) << of_server->first_to_expire;
  EXPECT_TRUE(of_server->remarks.empty());
  // The authority's hour ends before the server's day.
  auto of_authority = read_chain(shown(86400), "shop.example", wall_now());
  ASSERT_TRUE(of_authority);
  EXPECT_NEAR(of_authority->hours_left, 1, 0.01);
  EXPECT_NE(of_authority->first_to_expire.find("(2 of 2)"), std::string::npos);
}

TEST_F(CertificateChainTest, WhatHasExpiredHasLessThanNoHoursLeft) {
  EXPECT_NEAR(read_chain(shown(-7200), "shop.example", wall_now())->hours_left, -2, 0.01);
}

TEST_F(CertificateChainTest, WhatIsNotValidYetHasNoHours) {
  auto early = read_chain(shown(3600), "shop.example", wall_now() - 1h);
  ASSERT_FALSE(early);
  EXPECT_NE(early.error().message().find("is not valid before 20"), std::string::npos) << early.error().message();
}

TEST_F(CertificateChainTest, NamesAndAddressesAreCompared) {
  EXPECT_TRUE(read_chain(shown(3600), "127.0.0.1", wall_now())->remarks.empty());
  EXPECT_EQ(read_chain(shown(3600), "127.0.0.2", wall_now())->remarks,
            (std::vector<std::string>{"not for the name 127.0.0.2: it is for shop"}));
  auto other = read_chain(shown(3600), "pay.example", wall_now());
  EXPECT_EQ(other->remarks.size(), 1u);
  EXPECT_FALSE(other->for_name);
  EXPECT_TRUE(read_chain(shown(3600), "shop.example", wall_now())->for_name);
}

// A certificate whose name is in UTF-16.
std::string foreign(std::string_view name) {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
  X509_NAME_add_entry_by_NID(X509_get_subject_name(made.get()), NID_commonName, V_ASN1_BMPSTRING,
                             reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()), -1, 0);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key.get());
  X509_sign(made.get(), key.get(), EVP_sha256());
  std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(text.get(), made.get());
  char* data = nullptr;
  long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<size_t>(size)};
}

TEST_F(CertificateChainTest, AForeignNameIsUtf8AndHasNothingThatATerminalObeys) {
  auto chain = read_chain({foreign(std::string_view("\0s\0h\0\xf6\0p\0\x1b", 10))}, "shop.example", wall_now());
  ASSERT_TRUE(chain) << chain.error().message();
  EXPECT_TRUE(chain->first_to_expire.starts_with("sh\xc3\xb6p?, until ")) << chain->first_to_expire;
}

TEST_F(CertificateChainTest, ASelfSignedOneIsRemarkedOn) {
  auto chain = read_chain({*read_file(authority_.ca())}, "shop.example", wall_now());
  ASSERT_EQ(chain->remarks.size(), 2u);
  EXPECT_TRUE(chain->remarks[0].starts_with("self-signed by Authority of ")) << chain->remarks[0];
}

TEST_F(CertificateChainTest, NothingAndNoiseAreErrors) {
  EXPECT_FALSE(read_chain({}, "shop.example", wall_now()));
  EXPECT_FALSE(read_chain({"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}, "x", wall_now()));
  auto cut = shown(3600);
  cut[1].resize(cut[1].size() / 2);
  EXPECT_FALSE(read_chain(cut, "shop.example", wall_now()));
}

}  // namespace
}  // namespace ordeal::net
