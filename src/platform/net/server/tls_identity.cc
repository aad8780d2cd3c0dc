#include "platform/net/server/tls_identity.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/io/file.h"
#include "core/base/io/unique_fd.h"

namespace ordeal::net {
namespace {

constexpr off_t kMostBytes = 1 << 20;
constexpr Nanos kLookEvery = 1s;

std::string openssl_says() {
  unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "OpenSSL gives no reason";
}

Unexpected refuse(const std::string& path, std::string why, std::string hint = {}) {
  return wrap(fail(Errc::kInvalidInput, std::move(why), std::move(hint)).value(), fmt::format("cannot use {}", path));
}

enum class PemBlock { kCertificate, kKey };

// Judged on the open file, so that what is read is what was looked at.
Result<> check_owner(const std::string& path, const struct stat& status, PemBlock kind) {
  mode_t mode = status.st_mode & 07777;
  if (status.st_uid != 0 && status.st_uid != geteuid())
    return refuse(path, fmt::format("it belongs to the user {}, expected root or the own user {}",
                                    static_cast<unsigned>(status.st_uid), static_cast<unsigned>(geteuid())));
  mode_t most = kind == PemBlock::kCertificate ? 0755 : status.st_uid == 0 ? 0740 : 0700;
  if ((mode & ~most) != 0)
    return refuse(
        path,
        fmt::format("its mode is {:04o}, others could {} it", mode, kind == PemBlock::kKey ? "read or write" : "write"),
        fmt::format("chmod {:04o}; in a pod, set defaultMode of the secret's volume.", most & 0666));
  return {};
}

Result<std::string> read_checked(const std::string& path, PemBlock kind) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) {
    Error error = fail_errno(fmt::format("cannot read {}", path)).value();
    error.code = Errc::kInvalidInput;
    return tl::unexpected(error);
  }
  if (!S_ISREG(status.st_mode)) return refuse(path, fmt::format("it is {}", kind_of_file(status.st_mode)));
  if (status.st_size > kMostBytes) return refuse(path, "it is larger than 1 MiB");
  TRY_VOID(check_owner(path, status, kind));
  std::string text(static_cast<size_t>(status.st_size), '\0');
  ssize_t got = read(fd.get(), text.data(), text.size());
  if (got != static_cast<ssize_t>(text.size())) return refuse(path, "it changed while it was read");
  return text;
}

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio bio_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all};
}
// Else OpenSSL would ask on the terminal.
int no_password(char*, int, int, void*) { return 0; }
Certificate next_certificate(BIO* bio) { return {PEM_read_bio_X509(bio, nullptr, no_password, nullptr), X509_free}; }

Result<> use_chain(SSL_CTX* context, const std::string& path) {
  std::string text = TRY(read_checked(path, PemBlock::kCertificate));
  Bio bio = bio_of(text);
  Certificate own = next_certificate(bio.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1)
    return refuse(path, "it holds no certificate in PEM: " + openssl_says());
  while (Certificate each = next_certificate(bio.get()))
    if (SSL_CTX_add0_chain_cert(context, each.get()) == 1) static_cast<void>(each.release());
  ERR_clear_error();  // the end of the file
  return {};
}

Result<> use_key(SSL_CTX* context, const TlsFiles& files) {
  std::string text = TRY(read_checked(files.key, PemBlock::kKey));
  Bio bio = bio_of(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free);
  OPENSSL_cleanse(text.data(), text.size());
  if (!key) return refuse(files.key, "it holds no key in PEM without a password: " + openssl_says());
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1) return {};
  return refuse(files.key, fmt::format("it is not the key of {}: {}", files.certificate, openssl_says()));
}

}  // namespace

TlsIdentity::TlsIdentity(TlsFiles files) : files_(std::move(files)), context_(nullptr, SSL_CTX_free) {}

Result<TlsIdentity::Context> TlsIdentity::make_context(const TlsFiles& files) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return fail(Errc::kSystem, "cannot start TLS: " + openssl_says());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  TRY_VOID(use_chain(context.get(), files.certificate));
  TRY_VOID(use_key(context.get(), files));
  return context;
}

TlsIdentity::Stamps TlsIdentity::stamps() const {
  Stamps stamps;
  const std::string* paths[] = {&files_.certificate, &files_.key};
  for (size_t i = 0; i < stamps.size(); ++i) {
    struct stat status {};
    if (stat(paths[i]->c_str(), &status) != 0) continue;
    // The change of the inode tells of a changed mode too.
    stamps[i] = {status.st_dev, status.st_ino, status.st_size,
                 status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
  }
  return stamps;
}

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::load(TlsFiles files) {
  std::unique_ptr<TlsIdentity> identity(new TlsIdentity(std::move(files)));
  identity->seen_ = identity->stamps();
  identity->context_ = TRY(make_context(identity->files_));
  identity->looked_ = boot_now();
  return identity;
}

ssl_ctx_st* TlsIdentity::context() {
  BootTime now = boot_now();
  if (now - looked_ < kLookEvery) return context_.get();
  looked_ = now;
  Stamps stamps_now = stamps();
  if (stamps_now == seen_) return context_.get();
  seen_ = stamps_now;
  auto made = make_context(files_);
  trouble_ = made ? std::nullopt : std::optional(made.error());
  if (made) context_ = std::move(*made);
  return context_.get();
}

}  // namespace ordeal::net
