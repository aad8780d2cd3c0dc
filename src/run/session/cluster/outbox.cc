#include "run/session/cluster/outbox.h"

#include <algorithm>

namespace ordeal::session {
namespace {

constexpr Nanos kFirstPause = 100ms;
constexpr Nanos kLongestPause = 5s;

Nanos pause_after(int failures) { return std::min(kLongestPause, kFirstPause * (1 << std::min(failures - 1, 6))); }

}  // namespace

Outbox::Outbox(Send send, Now now, size_t most_at_once)
    : send_(std::move(send)), now_(std::move(now)), most_(most_at_once), self_(std::make_shared<Outbox*>(this)) {}

void Outbox::add(kube::Request request, Done done) {
  waiting_.push_back({std::move(request), std::move(done), 0, BootTime()});
}

size_t Outbox::drop_unsent() {
  return std::erase_if(waiting_, [](const Letter& letter) { return letter.failures == 0; });
}

BootTime Outbox::next_wake() const {
  BootTime next = BootTime::max();
  if (under_way_ >= most_) return next;
  for (const Letter& letter : waiting_) {
    next = std::min(next, letter.due);
    if (letter.due == BootTime()) break;  // the rest is no sooner
  }
  return next;
}

void Outbox::dispatch() {
  BootTime now = now_();
  for (size_t i = 0; i < waiting_.size() && under_way_ < most_;) {
    if (waiting_[i].due > now) {
      ++i;
      continue;
    }
    Letter letter = std::move(waiting_[i]);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    send(std::move(letter));
  }
}

void Outbox::send(Letter letter) {
  ++under_way_;
  kube::Request request = letter.request;
  auto kept = std::make_shared<Letter>(std::move(letter));
  std::weak_ptr<Outbox*> self = self_;
  send_(std::move(request), [self, kept](kube::Answer<json::Value> answer) {
    if (auto outbox = self.lock()) (*outbox)->answered(std::move(*kept), std::move(answer));
  });
}

void Outbox::answered(Letter letter, kube::Answer<json::Value> answer) {
  --under_way_;
  if (answer || !answer.error().passes() || !patient_) return letter.done(std::move(answer));
  letter.due = now_() + std::max(pause_after(++letter.failures), answer.error().retry_after.value_or(Nanos(0)));
  waiting_.push_back(std::move(letter));
}

}  // namespace ordeal::session
