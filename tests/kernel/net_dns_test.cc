// The DNS fault against a server of our own: every question that is meant has the false answer, every other one the
// server's own, byte by byte, over UDP and TCP, IPv4 and IPv6, and on lo, where a local resolver is.
#include <poll.h>
#include <sys/socket.h>

#include "fault/attacks/connectivity/dns_proof.h"
#include "fault/attacks/network/packet_impact.h"
#include "fault/packets/dns/interceptor.h"
#include "fault/packets/dns/made_up.h"
#include "net_fixture.h"

namespace ordeal::testing {
namespace {

using namespace packets::dns;
using packets::Direction;
using Message = std::vector<uint8_t>;

constexpr uint16_t kDns = 53;

Message real_answer(const Message& query) { return made_up_answer(query, {192, 0, query[0], query[1]}, 20); }

UniqueFd socket_in(const sys::NetNs& where, const Endpoint& at, int type, bool bound) {
  return *where.run([&]() -> Result<UniqueFd> {
    auto storage = at.storage();
    UniqueFd fd(::socket(storage.ss_family, type | SOCK_CLOEXEC, 0));
    int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    timeval patience{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    if ((bound ? ::bind : ::connect)(fd.get(), address, at.size()) != 0) return fail_errno("cannot bind or connect");
    if (bound && type == SOCK_STREAM && ::listen(fd.get(), 8) != 0) return fail_errno("cannot listen");
    return fd;
  });
}

// Answers every question, over TCP one connection after the other. `split`: the first length goes alone.
class Server {
 public:
  Server(const sys::NetNs& where, const Endpoint& at, bool split = false)
      : udp_(socket_in(where, at, SOCK_DGRAM, true)), tcp_(socket_in(where, at, SOCK_STREAM, true)), split_(split) {
    threads_.emplace_back([this] { serve_udp(); });
    threads_.emplace_back([this] { serve_tcp(); });
  }
  ~Server() {
    ending_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  bool ready(int fd) const {
    pollfd polled{fd, POLLIN, 0};
    while (!ending_)
      if (::poll(&polled, 1, 50) == 1) return true;
    return false;
  }
  void serve_udp() {
    Message query(2048);
    sockaddr_storage from{};
    while (ready(udp_.get())) {
      socklen_t size = sizeof from;
      ssize_t got = ::recvfrom(udp_.get(), query.data(), 2048, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 0) continue;
      Message answer = real_answer({query.begin(), query.begin() + got});
      ::sendto(udp_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  void serve_tcp() {
    while (ready(tcp_.get())) {
      UniqueFd connection(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      Message in, out;
      char buffer[65536];
      while (ready(connection.get())) {
        ssize_t got = ::recv(connection.get(), buffer, sizeof buffer, 0);
        if (got <= 0) break;
        in.insert(in.end(), buffer, buffer + got);
        out.clear();
        while (in.size() > 2 && in.size() >= 2 + size_t(in[0] << 8 | in[1])) {
          auto end = in.begin() + 2 + (in[0] << 8 | in[1]);
          Message answer = with_length(real_answer({in.begin() + 2, end}));
          out.insert(out.end(), answer.begin(), answer.end());
          in.erase(in.begin(), end);
        }
        size_t first = split_ && !out.empty() ? 2 : 0;
        ::send(connection.get(), out.data(), first, MSG_NOSIGNAL);
        ::send(connection.get(), out.data() + first, out.size() - first, MSG_NOSIGNAL);
      }
    }
  }

  UniqueFd udp_, tcp_;
  bool split_;
  std::atomic<bool> ending_{false};
  std::vector<std::thread> threads_;
};

struct Where {
  const char* name;
  const char* address;
  bool local;
};

class Dns : public ::testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    server_at_ = {GetParam().address, kDns};
  }
  const sys::NetNs& server_side() { return GetParam().local ? *pair_.here : *pair_.there; }

  void start(Act act, Nanos delay = {}, std::vector<std::string> names = {"*.bad.example"}) {
    fault::PacketAttack attack;
    reader_ = std::make_shared<Interceptor>(*ChosenNames::parse(names, {}), std::move(act), "", 1);
    attack.verdict = {packets::Ask{reader_, {delay}}};
    attack.directions = {Direction::kArrival, Direction::kDeparture};
    attack.mark = packets::PacketOptions{}.mark_bit;
    attack.traffic.ports = {{packets::Traffic::Ports::Side::kRemote, kDns, kDns, false}};
    attack.traffic.loopback_too = true;
    auto impact = std::make_unique<fault::PacketImpact>(Victim{}, attack, fault::prove_questions);
    auto netns = sys::NetNs::open("/proc/self/fd/" + std::to_string(pair_.here->fd()));
    fault::Context context{boot_now(), 60s, &random_, nullptr, {}};
    auto started = impact->start({std::move(*netns), std::nullopt, 0}, context);
    ASSERT_TRUE(started) << started.error().message();
    host_ = std::make_unique<ImpactHost>(std::move(impact));
  }

  static Message query(uint32_t i, bool meant) {
    std::string name = (i % 3 ? "Www" : "a") + std::to_string(i) + (meant ? ".bAd.example" : ".good.example");
    return made_up_query(static_cast<uint16_t>(i), name, i % 5 ? kTypeA : kTypeAaaa, i % 2);
  }
  // Nothing within the patience of the socket.
  static Message ask(int fd, const Message& query) {
    ::send(fd, query.data(), query.size(), 0);
    for (;;) {
      Message answer(2048);
      ssize_t got = ::recv(fd, answer.data(), answer.size(), 0);
      if (got <= 0) return {};
      answer.resize(static_cast<size_t>(got));
      if (std::equal(answer.begin(), answer.begin() + 2, query.begin())) return answer;  // else a late one
    }
  }
  UniqueFd client(int type) { return socket_in(*pair_.here, server_at_, type, false); }

  // (wrong answers, median time of the questions that are not meant)
  std::pair<int, Nanos> ask_many(uint32_t count, bool in_force, uint8_t code) {
    UniqueFd fd = client(SOCK_DGRAM);
    std::vector<Trip> trips;
    int wrong = 0;
    for (uint32_t i = 0; i < count; ++i) {
      bool meant = i % 2 == 0;
      Message asked = query(i, meant);
      BootTime begin = boot_now();
      Message answer = ask(fd.get(), asked);
      if (!meant) trips.push_back({i, boot_now() - begin});
      bool forged = meant && in_force;
      wrong += forged ? !is_false_answer(answer, asked, code) : answer != real_answer(asked);
    }
    return {wrong, median(trips)};
  }
  static bool is_false_answer(const Message& answer, const Message& asked, uint8_t code) {
    auto question = question_of_query(asked);
    return answer.size() >= question->end && answer[0] == asked[0] && answer[1] == asked[1] &&
           (answer[3] & 15) == code && answer[7] == 0 &&
           std::equal(asked.begin() + 12, asked.begin() + static_cast<std::ptrdiff_t>(question->end),
                      answer.begin() + 12);
  }
  // All in one send(), and what comes back, one by one.
  std::vector<Message> ask_at_once(int fd, const std::vector<Message>& queries) {
    Message all;
    for (const Message& one : queries) {
      Message carried = with_length(one);
      all.insert(all.end(), carried.begin(), carried.end());
    }
    ::send(fd, all.data(), all.size(), MSG_NOSIGNAL);
    std::vector<Message> answers;
    Message in;
    char buffer[65536];
    for (ssize_t got; answers.size() < queries.size() && (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      in.insert(in.end(), buffer, buffer + got);
      while (in.size() > 2 && in.size() >= 2 + size_t(in[0] << 8 | in[1])) {
        auto end = in.begin() + 2 + (in[0] << 8 | in[1]);
        answers.emplace_back(in.begin() + 2, end);
        in.erase(in.begin(), end);
      }
    }
    return answers;
  }

  VethPair pair_;
  Endpoint server_at_;
  Random random_{1};
  std::shared_ptr<Interceptor> reader_;
  std::unique_ptr<ImpactHost> host_;
};

const Act kUnknown{.kind = Act::Kind::kAnswer, .code = kNxDomain};

TEST_P(Dns, EveryQuestionOverUdpIsAnsweredExactly) {
  Server server(server_side(), server_at_);
  auto [wrong_before, bare] = ask_many(1000, false, 0);
  EXPECT_EQ(wrong_before, 0);
  start(kUnknown);
  const uint32_t count = std::string(GetParam().name) == "V4" ? 10'000 : 1'000;
  auto [wrong, through] = ask_many(count, true, kNxDomain);
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(through - bare, 20ms) << "bare " << bare.count() / 1000 << " us";
  RecordProperty("bare_p50_us", static_cast<int>(bare / 1us));
  RecordProperty("through_p50_us", static_cast<int>(through / 1us));
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(reader_->over_udp().questions, count);
  EXPECT_EQ(reader_->over_udp().hit, count / 2);
  EXPECT_EQ(proof.coverage[1].affected, count / 2) << proof.measured;
  EXPECT_EQ(proof.coverage[1].missed, 0) << proof.measured;
  EXPECT_EQ(ask_many(100, false, 0).first, 0);
}

TEST_P(Dns, OverTcpEachAnswerOfASegmentIsWhatItMustBe) {
  for (bool split : {false, true}) {
    Server server(server_side(), server_at_, split);
    start(kUnknown);
    UniqueFd fd = client(SOCK_STREAM);
    for (uint32_t round = 0; round < 25; ++round) {
      std::vector<Message> queries;
      for (uint32_t i = 0; i < 20; ++i) queries.push_back(query(round * 20 + i, i % 2 == 0));
      auto answers = ask_at_once(fd.get(), queries);
      ASSERT_EQ(answers.size(), queries.size());
      for (size_t i = 0; i < answers.size(); ++i) {
        EXPECT_EQ(answers[i].size(), real_answer(queries[i]).size());
        bool forged = is_false_answer(answers[i], queries[i], kNxDomain);
        EXPECT_TRUE(i % 2 == 0 ? forged : answers[i] == real_answer(queries[i])) << round << " " << i;
      }
    }
    Proof proof = host_->revert();
    EXPECT_TRUE(proof.proven) << proof.reason;
    EXPECT_EQ(reader_->over_tcp().hit, 250u) << proof.measured;
    host_.reset();
  }
}

TEST_P(Dns, AFixedAnswerHasTheAddressAndNoneOfTheOtherFamily) {
  Server server(server_side(), server_at_);
  start({.kind = Act::Kind::kAnswer, .addresses = {*sys::Prefix::parse("10.1.2.3")}, .ttl = 7});
  UniqueFd udp = client(SOCK_DGRAM), tcp = client(SOCK_STREAM);
  for (uint16_t type : {kTypeA, kTypeAaaa}) {
    Message asked = made_up_query(9, "db.bad.example", type);
    for (const Message& answer : {ask(udp.get(), asked), ask_at_once(tcp.get(), {asked}).at(0)}) {
      auto question = question_of_answer(answer);
      ASSERT_TRUE(question);
      EXPECT_EQ(answer[7], type == kTypeA ? 1 : 0);
      if (type != kTypeA) continue;
      auto record = answer.begin() + static_cast<std::ptrdiff_t>(question->end);
      EXPECT_EQ(Message(record, record + 16), (Message{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, 10, 1, 2, 3}));
    }
  }
  EXPECT_TRUE(host_->revert().proven);
}

TEST_P(Dns, ADelayIsAddedToWhatIsMeantAlone) {
  Server server(server_side(), server_at_);
  start({.kind = Act::Kind::kDelay}, 100ms);
  UniqueFd udp = client(SOCK_DGRAM), tcp = client(SOCK_STREAM);
  for (bool meant : {false, true})
    for (bool over_tcp : {false, true}) {
      Message asked = query(2, meant);
      Nanos quickest = 10s;
      for (int i = 0; i < 5; ++i) {
        BootTime begin = boot_now();
        Message answer = over_tcp ? ask_at_once(tcp.get(), {asked}).at(0) : ask(udp.get(), asked);
        quickest = std::min(quickest, boot_now() - begin);
        EXPECT_EQ(answer, real_answer(asked));
      }
      EXPECT_EQ(quickest >= 100ms, meant) << quickest.count();
    }
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
}

TEST_P(Dns, WhatIsDroppedHasNoAnswer) {
  Server server(server_side(), server_at_);
  start({.kind = Act::Kind::kDrop});
  UniqueFd udp = client(SOCK_DGRAM), tcp = client(SOCK_STREAM);
  EXPECT_TRUE(ask(udp.get(), query(2, true)).empty());
  EXPECT_EQ(ask(udp.get(), query(4, false)), real_answer(query(4, false)));
  EXPECT_EQ(ask_at_once(tcp.get(), {query(4, false)}).at(0), real_answer(query(4, false)));
  EXPECT_TRUE(ask_at_once(tcp.get(), {query(2, true)}).empty());
  EXPECT_TRUE(host_->revert().proven);
}

TEST_P(Dns, WithoutAQuestionThatIsMeantNothingIsProven) {
  Server server(server_side(), server_at_);
  start(kUnknown);
  UniqueFd udp = client(SOCK_DGRAM);
  EXPECT_EQ(ask(udp.get(), query(4, false)), real_answer(query(4, false)));
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.reason, "none of 1 questions was for these names: check the names, the types and caches");
}

INSTANTIATE_TEST_SUITE_P(Servers, Dns,
                         ::testing::Values(Where{"V4", "10.9.0.2", false}, Where{"V6", "fd09::2", false},
                                           Where{"Lo", "127.0.0.53", true}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace ordeal::testing
