#include "run/session/preview/loopback.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "fault/packets/traffic.h"
#include "platform/sys/process/process.h"

namespace ordeal::session {
namespace {

using sys::ListeningSocket;
using Ports = packets::Traffic::Ports;

constexpr size_t kShown = 4;

bool means_tcp(const packets::Traffic& traffic) {
  const auto& protocols = traffic.protocols;
  return protocols.empty() || std::find(protocols.begin(), protocols.end(), IPPROTO_TCP) != protocols.end();
}

bool within(const Ports& ports, uint16_t port) { return port >= ports.first && port <= ports.last; }

bool names_ports(const packets::Traffic& traffic) {
  return std::any_of(traffic.ports.begin(), traffic.ports.end(), [](const Ports& ports) { return !ports.excluded; });
}

// A listener is the local end of its own connections, and the remote end of those that the victim opens to it.
bool names(const packets::Traffic& traffic, uint16_t port) {
  auto is = [&](bool excluded) {
    return std::any_of(traffic.ports.begin(), traffic.ports.end(),
                       [&](const Ports& ports) { return ports.excluded == excluded && within(ports, port); });
  };
  return !is(true) && (!names_ports(traffic) || is(false));
}

bool also_elsewhere(const std::vector<ListeningSocket>& sockets, uint16_t port) {
  return std::any_of(sockets.begin(), sockets.end(),
                     [&](const ListeningSocket& socket) { return socket.port == port && !socket.loopback; });
}

// The program that holds each socket of the victim's.
std::map<uint64_t, std::string> holders_of(const Victim& victim) {
  std::map<uint64_t, std::string> holders;
  for (const ProcessId& id : victim.processes) {
    auto stat = sys::read_stat(id.pid);
    for (uint64_t inode : sys::sockets_of(id.pid)) holders.emplace(inode, stat ? stat->comm : victim.name);
  }
  return holders;
}

std::string sentence(const ListeningSocket& socket, const std::string& who) {
  return fmt::format(
      "{} {} only, and loopback is left alone: none of its packets would be hit. Write `device: lo` in attack.args to "
      "hit it",
      who.empty() ? "what listens there is at" : who + " listens on", to_text(socket));
}

std::vector<std::string> sentences_on(const Attack& attack, const Victim& victim) {
  bool host = victim.kind == VictimKind::kHost;
  auto holders = host ? std::map<uint64_t, std::string>{} : holders_of(victim);
  std::vector<ListeningSocket> sockets = sys::listening_beside(host ? ::getpid() : victim.processes.front().pid);
  std::set<uint64_t> own;
  for (const auto& [inode, name] : holders) own.insert(inode);
  if (host)
    for (const ListeningSocket& socket : sockets) own.insert(socket.inode);
  std::vector<std::string> sentences;
  for (const ListeningSocket& socket : missed_on_loopback(attack, sockets, own)) {
    auto holder = holders.find(socket.inode);
    sentences.push_back(sentence(socket, holder == holders.end() ? "" : holder->second));
  }
  return sentences;
}

}  // namespace

std::vector<ListeningSocket> missed_on_loopback(const Attack& attack, const std::vector<ListeningSocket>& sockets,
                                                const std::set<uint64_t>& own) {
  auto traffic = packets::read_traffic(attack);
  if (!traffic || traffic->device == "lo" || traffic->loopback_too || !traffic->remotes.empty() ||
      !traffic->names.empty() || !means_tcp(*traffic))
    return {};
  std::vector<ListeningSocket> missed;
  for (const ListeningSocket& socket : sockets) {
    bool meant = names(*traffic, socket.port) && (names_ports(*traffic) || own.count(socket.inode) != 0);
    if (meant && socket.loopback && !also_elsewhere(sockets, socket.port)) missed.push_back(socket);
  }
  return missed;
}

std::vector<std::string> loopback_warnings(const Attack& attack, const std::vector<Victim>& victims) {
  std::vector<std::string> all;
  for (const Victim& victim : victims) {
    if (victim.kind != VictimKind::kHost && victim.processes.empty()) continue;
    for (std::string& text : sentences_on(attack, victim))
      if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(std::move(text));
  }
  if (all.size() <= kShown) return all;
  size_t more = all.size() - kShown;
  all.resize(kShown);
  all.push_back(fmt::format("{} more ports are served on loopback only", more));
  return all;
}

}  // namespace ordeal::session
