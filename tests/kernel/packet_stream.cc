#include "packet_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace ordeal {
namespace {

// Each word of the payload says the number, so that one wrong bit leaves it known.
class Stream {
 public:
  Stream(int from, int to, const StreamPlan& plan) : from_(from), to_(to), plan_(plan), times_(plan.count) {
    int buffer = 64 << 20;  // else what we read late would be lost
    ::setsockopt(to, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  }

  StreamSeen run() {
    BootTime end = due(plan_.count) + plan_.patience;
    while (boot_now() < end) {
      while (seen_.sent < plan_.count && due(seen_.sent) <= boot_now()) send_next();
      wait((seen_.sent < plan_.count ? due(seen_.sent) : end) - boot_now());
      receive_all();
    }
    count_runs();
    return seen_;
  }

 private:
  BootTime due(uint64_t number) const { return start_ + plan_.gap * static_cast<int64_t>(number); }

  void send_next() {
    std::vector<uint32_t> words(plan_.bytes / 4, static_cast<uint32_t>(seen_.sent++));
    seen_.sent_at.push_back(boot_now());
    ::send(from_, words.data(), words.size() * 4, MSG_NOSIGNAL);
  }

  void wait(Nanos length) const {
    length = std::max(length, Nanos(0));
    timespec limit{length / 1s, (length % 1s).count()};
    pollfd polled{to_, POLLIN, 0};
    ::ppoll(&polled, 1, &limit, nullptr);
  }

  void receive_all() {
    uint32_t words[16384];
    for (ssize_t size; (size = ::recv(to_, words, sizeof words, MSG_DONTWAIT)) >= 12;)
      count(words, static_cast<size_t>(size) / 4);
  }

  void count(const uint32_t* words, size_t length) {
    uint32_t number = words[0] == words[1] || words[0] == words[2] ? words[0] : words[1];
    if (number >= plan_.count) return;
    ++seen_.received;
    seen_.received_at.push_back(boot_now());
    bool right = std::all_of(words, words + length, [&](uint32_t word) { return word == number; });
    seen_.wrong += !right || length != plan_.bytes / 4;
    if (times_[number]++ > 0) return;
    ++seen_.distinct;
    seen_.late += number < newest_;
    newest_ = std::max(newest_, number);
  }

  void count_runs() {
    for (size_t i = 0; i < times_.size(); ++i) seen_.runs += times_[i] == 0 && (i == 0 || times_[i - 1] > 0);
  }

  int from_, to_;
  StreamPlan plan_;
  BootTime start_ = boot_now();
  StreamSeen seen_;
  std::vector<uint16_t> times_;
  uint32_t newest_ = 0;
};

}  // namespace

uint64_t StreamSeen::alone(Nanos delay) const {
  uint64_t count = 0;
  for (size_t i = 0; i < sent_at.size(); ++i) count += i + 1 == sent_at.size() || sent_at[i + 1] - sent_at[i] > delay;
  return count;
}

double StreamSeen::rate() const {
  size_t quarter = received_at.size() / 4;
  if (quarter == 0) return 0;
  return 2 * static_cast<double>(quarter) / to_seconds(received_at[3 * quarter] - received_at[quarter]);
}

StreamSeen run_stream(int from, int to, const StreamPlan& plan) { return Stream(from, to, plan).run(); }

}  // namespace ordeal
