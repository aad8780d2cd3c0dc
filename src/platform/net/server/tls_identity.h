// TlsIdentity: the certificate and key that a server shows, from two PEM files, read again when they change.
// The key must be ours alone: owned by us and of no use to group and others (0600), or root's and at most readable by
// the group (0640). Who may write the certificate may not be anybody else than its owner, who is root or us.
// TLS is 1.2 at least.
#pragma once

#include <sys/types.h>

#include <array>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"

struct ssl_ctx_st;

namespace ordeal::net {

struct TlsFiles {
  std::string certificate;  // with its chain, the server's own first
  std::string key;          // without a password
};

class TlsIdentity {
 public:
  // kInvalidInput says which file, and what about it.
  static Result<std::unique_ptr<TlsIdentity>> load(TlsFiles files);

  // For a new connection, valid until the next call. The files are looked at once a second at most.
  ssl_ctx_st* context();
  const std::optional<Error>& trouble() const { return trouble_; }

 private:
  // What tells one state of a file from another.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    int64_t changed = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::array<Stamp, 2>;
  using Context = std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)>;

  explicit TlsIdentity(TlsFiles files);
  static Result<Context> make_context(const TlsFiles& files);
  Stamps stamps() const;

  TlsFiles files_;
  Context context_;
  Stamps seen_;
  BootTime looked_;
  std::optional<Error> trouble_;
};

}  // namespace ordeal::net
