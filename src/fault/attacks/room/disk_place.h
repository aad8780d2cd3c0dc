// DiskPlace: a folder of the victim's as the victim sees it, and the file system that it is on. Looking at it changes
// nothing. Links in the path lead no further than the victim's own root.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "platform/sys/process/process.h"

namespace ordeal::fault {

// Of bytes, or of inodes, of which each is a block of 1.
struct Space {
  int64_t block = 4096;
  int64_t used = 0;       // by files
  int64_t available = 0;  // to whoever is not root
  int64_t whole() const { return used + available; }
};

class DiskPlace {
 public:
  // kNotInjected where the process has no such folder; kUnsupported where a file system in user space or on the network
  // may let whoever asks wait for ever, or belongs to a user namespace in which we are nobody.
  static Result<DiskPlace> open(const sys::Process& process, const std::string& folder);

  int folder() const { return folder_.get(); }
  Result<Space> space() const;
  Result<Space> inodes() const;                          // nothing in all where the file system makes them as needed
  const std::string& device() const { return device_; }  // "8:1"
  bool in_memory() const { return in_memory_; }
  // What a load on it claims: of an overlay, or another that has no device number of its own, any disk of the host.
  std::string claim(const std::string& field) const;
  // Somebody outside the victim's mount namespace may write there, too: anything but a tmpfs that init does not see.
  bool shared_with_host() const { return shared_; }
  // What of Ordeal's own is on the same file system ("Ordeal's state (/var/lib/ordeal)"), or "".
  std::string holds_ours() const;

 private:
  UniqueFd folder_;
  std::string device_;
  bool in_memory_ = false;
  bool anonymous_ = false;  // its device number is nobody else's, and no disk's
  bool shared_ = true;
};

// What stays free on a file system that Ordeal itself needs: 5 % of it, and at least 1 GiB.
int64_t kept_on_our_disk(int64_t whole);
// The same of its inodes: 5 %, and at least 10 000.
int64_t inodes_kept_on_our_disk(int64_t whole);

}  // namespace ordeal::fault
