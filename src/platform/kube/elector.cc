#include "platform/kube/elector.h"

#include <algorithm>

#include "core/base/random.h"
#include "platform/kube/elector/lease.h"

namespace ordeal::kube {
namespace {

using Kind = ApiFailure::Kind;

constexpr Nanos kReleaseLimit = 2s;
constexpr Nanos kMostTimeout = 5s;  // of one request

}  // namespace

struct Elector::Impl : std::enable_shared_from_this<Elector::Impl> {
  Impl(Client& c, ElectorOptions o, std::function<void(bool)> f)
      : client(c), options(std::move(o)), changed(std::move(f)), next_at(options.now()) {}

  Client& client;
  ElectorOptions options;
  std::function<void(bool)> changed;
  Random random{Random::fresh_seed()};

  bool ended = false;
  Ticket ticket = 0;  // under way
  BootTime next_at;   // of the next request
  LeaseRecord seen;
  BootTime seen_at;     // when it was seen to change
  BootTime sent_at;     // of the request under way
  BootTime renewed_at;  // when the last renewal that succeeded was sent
  bool leading = false;
  std::string trouble;
  std::function<void()> released;
  bool giving_back = false;
  BootTime release_until;

  BootTime now() const { return options.now(); }
  bool leads() const { return leading && now() < renewed_at + options.give_up; }

  void send(Request request, void (Impl::*then)(Answer<json::Value>)) {
    sent_at = now();
    request.timeout = giving_back ? kReleaseLimit : std::min(kMostTimeout, options.renew_every);
    ticket = client.send(std::move(request), [weak = weak_from_this(), then](Answer<json::Value> answer) {
      auto self = weak.lock();
      if (!self || self->ended) return;
      self->ticket = 0;
      self->trouble = answer ? "" : answer.error().error("the lease").message();
      (self.get()->*then)(std::move(answer));
    });
  }

  // Somewhat sooner or later, so that replicas do not ask all at once.
  Nanos about(Nanos time) {
    return Nanos(static_cast<Nanos::rep>(static_cast<double>(time.count()) * (0.8 + 0.2 * random.uniform())));
  }
  void look_again_after(Nanos time) { next_at = now() + about(time); }

  void look() { send(get(kLeases, options.lease), &Impl::on_seen); }

  void write() {
    json::Value body = held_by(seen, options.lease.name, options.identity, options.lease_length, wall_now());
    bool fresh = seen.object.is_null();
    send(fresh ? create(kLeases, options.lease, body) : replace(kLeases, options.lease, body), &Impl::on_written);
  }

  void observe(LeaseRecord record) {
    if (seen.object.is_null() || record.renewed_since(seen)) seen_at = now();
    seen = std::move(record);
  }

  // Nobody else may still take itself for the leader.
  bool free() const {
    if (seen.holder.empty() || seen.holder == options.identity) return true;
    return now() >= seen_at + std::max(seen.length, options.lease_length);
  }

  void on_seen(Answer<json::Value> answer) {
    if (!answer && answer.error().kind == Kind::kNotFound && !answer.error().no_such_resource) {
      seen = LeaseRecord();
      return write();
    }
    if (!answer) return look_again_after(retry_delay());
    observe(LeaseRecord::of(std::move(*answer)));
    if (leading && !seen.holder.empty() && seen.holder != options.identity) lead(false);
    if (ended) return;
    if (free()) return write();
    wait_for_holder();
  }

  void wait_for_holder() {
    look_again_after(options.renew_every / 2);
    next_at = std::min(next_at, seen_at + std::max(seen.length, options.lease_length));
  }

  Nanos retry_delay() const { return options.renew_every / 5; }

  void on_written(Answer<json::Value> answer) {
    if (!answer) return on_refused(answer.error());
    observe(LeaseRecord::of(std::move(*answer)));
    renewed_at = sent_at;
    next_at = sent_at + about(options.renew_every);
    // An answer that took too long is of a lease that another may have taken by now.
    if (now() < renewed_at + options.give_up) lead(true);
  }

  void on_refused(const ApiFailure& failure) {
    bool stale =
        failure.kind == Kind::kConflict || failure.kind == Kind::kAlreadyExists || failure.kind == Kind::kNotFound;
    if (stale && !failure.no_such_resource) return look();
    look_again_after(retry_delay());
  }

  void lead(bool now_leads) {
    if (std::exchange(leading, now_leads) == now_leads) return;
    if (changed) changed(now_leads);
  }

  void release(std::function<void()> done) {
    leading = false;
    released = done ? std::move(done) : [] {};
    release_until = now() + kReleaseLimit;
    client.cancel(std::exchange(ticket, 0));
    giving_back = seen.holder == options.identity && !seen.object.is_null();
    next_at = now();
  }

  void give_back() { send(replace(kLeases, options.lease, given_back(seen, wall_now())), &Impl::on_given_back); }

  void on_given_back(Answer<json::Value> answer) {
    // A renewal that was under way has come before.
    if (!answer && answer.error().kind == Kind::kConflict)
      return send(get(kLeases, options.lease), &Impl::on_seen_again);
    seen.holder.clear();
    finish();
  }

  void on_seen_again(Answer<json::Value> answer) {
    if (!answer) return finish();
    seen = LeaseRecord::of(std::move(*answer));
    if (seen.holder != options.identity) return finish();
    give_back();
  }

  void finish() {
    next_at = BootTime::max();
    giving_back = false;
    client.cancel(std::exchange(ticket, 0));
    if (auto done = std::exchange(released, nullptr)) done();
  }

  void dispatch() {
    auto self = shared_from_this();
    if (leading && !leads()) lead(false);
    if (ended) return;
    if (released && (!giving_back || now() >= release_until)) return finish();
    if (ticket != 0 || now() < next_at) return;
    next_at = BootTime::max();
    if (giving_back) return give_back();
    if (leading) return write();
    look();
  }

  BootTime next_wake() const {
    BootTime wake = ticket == 0 ? next_at : BootTime::max();
    if (leading) wake = std::min(wake, renewed_at + options.give_up);
    if (released) wake = std::min(wake, giving_back ? release_until : now());
    return wake;
  }
};

Elector::Elector(Client& client, ElectorOptions options, std::function<void(bool leads)> changed)
    : impl_(std::make_shared<Impl>(client, std::move(options), std::move(changed))) {}

Elector::~Elector() {
  impl_->ended = true;
  impl_->client.cancel(impl_->ticket);
}

bool Elector::leads() const { return impl_->leads(); }

std::string Elector::holder() const { return impl_->seen.holder; }

const std::string& Elector::trouble() const { return impl_->trouble; }

void Elector::release(std::function<void()> done) { impl_->release(std::move(done)); }

BootTime Elector::next_wake() const { return impl_->next_wake(); }

void Elector::dispatch() { impl_->dispatch(); }

}  // namespace ordeal::kube
