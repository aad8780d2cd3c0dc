#include "platform/sys/sockets/listeners.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

// The state, and the word that holds the address.
struct Kind {
  std::string_view state;
  size_t address;
};
constexpr Kind kListens{"0A", 1};
constexpr Kind kConnected{"01", 2};

constexpr size_t kMostTable = size_t{16} << 20;  // of a host with many connections

template <typename Number>
bool read_number(std::string_view text, Number& into, int base) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Words of 32 bits in this machine's order, each of eight digits.
bool read_address(std::string_view digits, ListeningSocket& socket) {
  std::array<uint8_t, 16> bytes{};
  if (digits.size() != 8 && digits.size() != 32) return false;
  for (size_t i = 0; i < digits.size() / 8; ++i) {
    uint32_t word = 0;
    if (!read_number(digits.substr(i * 8, 8), word, 16)) return false;
    std::memcpy(bytes.data() + i * 4, &word, 4);
  }
  constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  bool mapped = digits.size() == 32 && std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
  bool four = digits.size() == 8 || mapped;
  const uint8_t* from = bytes.data() + (mapped ? 12 : 0);
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(four ? AF_INET : AF_INET6, from, text.data(), text.size());
  socket.address = text.data();
  socket.loopback = four ? from[0] == 127 : socket.address == "::1";
  socket.any = socket.address == "0.0.0.0" || socket.address == "::";
  return true;
}

bool read_line(std::string_view line, const Kind& kind, ListeningSocket& socket) {
  auto words = split_words(line, " \t");
  if (words.size() < 10 || words[3] != kind.state) return false;
  std::string_view end = words[kind.address];
  size_t colon = end.rfind(':');
  return colon != std::string_view::npos && read_address(end.substr(0, colon), socket) &&
         read_number(end.substr(colon + 1), socket.port, 16) &&
         read_number(std::string_view(words[9]), socket.inode, 10);
}

std::vector<ListeningSocket> parse(std::string_view text, const Kind& kind) {
  std::vector<ListeningSocket> found;
  for (std::string_view line : split(text, '\n'))
    if (ListeningSocket socket; read_line(line, kind, socket)) found.push_back(std::move(socket));
  return found;
}

std::vector<ListeningSocket> beside(pid_t pid, const std::string& proc, const Kind& kind) {
  std::vector<ListeningSocket> found;
  for (const char* file : {"tcp", "tcp6"}) {
    auto more = parse(read_file(fmt::format("{}/{}/net/{}", proc, pid, file), kMostTable).value_or(""), kind);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

}  // namespace

std::vector<ListeningSocket> parse_listening(std::string_view text) { return parse(text, kListens); }

std::vector<ListeningSocket> parse_connected(std::string_view text) { return parse(text, kConnected); }

std::vector<ListeningSocket> listening_beside(pid_t pid, const std::string& proc) {
  return beside(pid, proc, kListens);
}

std::vector<ListeningSocket> connected_beside(pid_t pid, const std::string& proc) {
  return beside(pid, proc, kConnected);
}

std::vector<SocketPorts> parse_socket_ports(std::string_view text) {
  constexpr std::string_view kTimeWait = "06";
  auto port_of = [](std::string_view end, uint16_t& port) {
    size_t colon = end.rfind(':');
    return colon != std::string_view::npos && read_number(end.substr(colon + 1), port, 16);
  };
  std::vector<SocketPorts> found;
  for (std::string_view line : split(text, '\n')) {
    auto words = split_words(line, " \t");
    SocketPorts ports;
    if (words.size() < 10 || words[3] == kTimeWait) continue;
    if (port_of(words[1], ports.local) && port_of(words[2], ports.remote)) found.push_back(ports);
  }
  return found;
}

std::optional<std::vector<SocketPorts>> socket_ports_beside(pid_t pid, const std::string& proc) {
  std::vector<SocketPorts> found;
  for (const std::string file : {"tcp", "udp", "tcp6", "udp6"}) {
    std::string path = fmt::format("{}/{}/net/{}", proc, pid, file);
    std::error_code error;
    bool absent = file.back() == '6' && !std::filesystem::exists(path, error) && !error;  // a kernel without IPv6
    if (absent) continue;
    auto text = read_file(path, kMostTable);
    if (!text) return std::nullopt;
    for (const SocketPorts& ports : parse_socket_ports(*text)) found.push_back(ports);
  }
  return found;
}

bool parse_forwards(std::string_view snmp, std::string_view snmp6) {
  constexpr std::string_view kOff = "\nIp: 2 ", kSix = "Ip6OutForwDatagrams";
  if (snmp.find(kOff) == std::string_view::npos) return true;
  size_t at = snmp6.find(kSix);
  if (at == std::string_view::npos) return false;
  std::string_view line = snmp6.substr(at + kSix.size());
  return trim(line.substr(0, line.find('\n'))) != "0";
}

bool forwards_beside(pid_t pid, const std::string& proc) {
  auto snmp = read_file(fmt::format("{}/{}/net/snmp", proc, pid));
  return !snmp || parse_forwards(*snmp, read_file(fmt::format("{}/{}/net/snmp6", proc, pid)).value_or(""));
}

std::set<uint64_t> sockets_of(pid_t pid, const std::string& proc) {
  constexpr std::string_view kSocket = "socket:[";
  std::set<uint64_t> inodes;
  std::error_code error;
  using Folder = std::filesystem::directory_iterator;
  for (Folder entry(fmt::format("{}/{}/fd", proc, pid), error), end; entry != end && !error; entry.increment(error)) {
    std::error_code gone;
    std::string target = std::filesystem::read_symlink(entry->path(), gone);
    uint64_t inode = 0;
    if (!gone && target.starts_with(kSocket) && target.ends_with(']') &&
        read_number(std::string_view(target).substr(kSocket.size(), target.size() - kSocket.size() - 1), inode, 10))
      inodes.insert(inode);
  }
  return inodes;
}

std::string first_address(std::string_view fib_trie) {
  std::string_view before;
  for (std::string_view line : split(fib_trie, '\n')) {
    if (line.find("/32 host LOCAL") != std::string_view::npos) {
      std::string_view address = trim(before.substr(before.find_last_of(' ') + 1));
      if (!address.starts_with("127.")) return std::string(address);
    }
    before = line;
  }
  return "";
}

std::string to_text(const ListeningSocket& socket) {
  bool six = socket.address.find(':') != std::string::npos;
  return six ? fmt::format("[{}]:{}", socket.address, socket.port) : fmt::format("{}:{}", socket.address, socket.port);
}

}  // namespace ordeal::sys
