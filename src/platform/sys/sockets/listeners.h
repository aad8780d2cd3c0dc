// Who listens for TCP and who is connected, by what /proc says: the sockets of a network namespace, and which process
// holds which. A process
// whose descriptors we may not see holds none here. Every function takes the folder where proc is mounted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
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
// The two ends of a socket of TCP or UDP, whatever its state; a remote port of 0 is of one that is not connected.
struct SocketPorts {
  uint16_t local = 0;
  uint16_t remote = 0;
};
// The text of /proc/PID/net/tcp, tcp6, udp or udp6. Those that only wait for the end of a closed connection are left
// out.
std::vector<SocketPorts> parse_socket_ports(std::string_view text);
// Of the process's network namespace; nothing where one of its tables cannot be read.
std::optional<std::vector<SocketPorts>> socket_ports_beside(pid_t pid, const std::string& proc = "/proc");
// Whether its network namespace forwards packets for others, who have no socket in it: a router, a host of containers.
// True where that cannot be read. From the texts of /proc/PID/net/snmp and snmp6 (empty without IPv6).
bool parse_forwards(std::string_view snmp, std::string_view snmp6);
bool forwards_beside(pid_t pid, const std::string& proc = "/proc");
// The inodes of the sockets that it holds.
std::set<uint64_t> sockets_of(pid_t pid, const std::string& proc = "/proc");
// The first address of its network namespace that is not loopback; "" for none. From the text of
// /proc/PID/net/fib_trie.
std::string first_address(std::string_view fib_trie);
// "127.0.0.1:8000", "[::1]:8000"
std::string to_text(const ListeningSocket& socket);

}  // namespace ordeal::sys
