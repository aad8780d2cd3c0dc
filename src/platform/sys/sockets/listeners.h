// Who listens for TCP and who is connected, by what /proc says: the sockets of a network namespace, and which process
// holds which. A process
// whose descriptors we may not see holds none here. Every function takes the folder where proc is mounted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::sys {

struct ListeningSocket {
  std::string address;  // "127.0.0.1", "::", as people write it
  uint16_t port = 0;
  uint64_t inode = 0;
  bool loopback = false;  // reached from this very host, or from inside its namespace, only
  bool any = false;       // every address of the namespace
};

// The text of /proc/PID/net/tcp or tcp6; what is no line of it is left out.
std::vector<ListeningSocket> parse_listening(std::string_view text);
// Of the process's network namespace, both families; empty when it is gone.
std::vector<ListeningSocket> listening_beside(pid_t pid, const std::string& proc = "/proc");
// The same of connections that stand: address and port are the other end's.
std::vector<ListeningSocket> parse_connected(std::string_view text);
std::vector<ListeningSocket> connected_beside(pid_t pid, const std::string& proc = "/proc");
// The inodes of the sockets that it holds.
std::set<uint64_t> sockets_of(pid_t pid, const std::string& proc = "/proc");
// The first address of its network namespace that is not loopback; "" for none. From the text of
// /proc/PID/net/fib_trie.
std::string first_address(std::string_view fib_trie);
// "127.0.0.1:8000", "[::1]:8000"
std::string to_text(const ListeningSocket& socket);

}  // namespace ordeal::sys
