#include "platform/kube/mirror.h"

#include <algorithm>
#include <tuple>

#include "core/base/random.h"
#include "platform/kube/fields.h"

namespace ordeal::kube {
namespace {

constexpr Nanos kFirstDelay = 100ms;
constexpr Nanos kMostDelay = 5s;
constexpr Nanos kShort = 1s;  // a watch that ends sooner, with nothing, is not begun anew at once

using Reason = std::tuple<ApiFailure::Kind, int, std::string>;

}  // namespace

struct Mirror::Impl : std::enable_shared_from_this<Mirror::Impl> {
  Impl(Client& c, MirrorOptions o, MirrorHandlers h) : client(c), options(std::move(o)), handlers(std::move(h)) {}

  Client& client;
  MirrorOptions options;
  MirrorHandlers handlers;
  Random random{Random::fresh_seed()};

  bool ended = false;    // the mirror is gone
  Ticket ticket = 0;     // of the list or the watch under way
  std::string version;   // to watch from; "" lists first
  bool begun = false;    // this list has told relist()
  bool listed = false;   // a list is complete, and nothing of it was missed since
  bool failing = false;  // since the last good answer
  bool opened = false;   // the server has taken this watch
  bool came = false;     // something in this watch
  int failures = 0;      // one after the other
  std::optional<Reason> told;
  BootTime opened_at, heard, retry_at = BootTime::max();

  // A callback of the client's that comes to nothing once the mirror is gone.
  template <typename... Arguments>
  auto call(void (Impl::*member)(Arguments...)) {
    return [weak = weak_from_this(), member](auto&&... arguments) {
      auto self = weak.lock();
      if (self && !self->ended) (self.get()->*member)(std::forward<decltype(arguments)>(arguments)...);
    };
  }

  void go_on() {
    if (ended) return;
    if (version.empty()) {
      list();
    } else {
      watch();
    }
  }

  void list() {
    begun = false;
    Client::List list{.resource = options.resource, .object = options.object};
    list.label_selector = options.label_selector;
    list.field_selector = options.field_selector;
    list.page_size = options.page_size;
    list.page = call(&Impl::on_page);
    list.restart = call(&Impl::on_restart);
    list.done = call(&Impl::on_listed);
    ticket = client.list(std::move(list));
  }

  void watch() {
    opened = came = false;
    opened_at = options.now();
    WatchStart start{.resource = options.resource, .object = options.object};
    start.label_selector = options.label_selector;
    start.field_selector = options.field_selector;
    start.version = version;
    start.server_timeout = options.server_timeout;
    start.silence = options.silence;
    ticket = client.watch(std::move(start), call(&Impl::on_event), call(&Impl::on_ended), call(&Impl::on_opened));
  }

  void is_good() {
    failing = false;
    told.reset();
  }

  void on_restart() { begun = false; }

  void on_page(json::Array&& items) {
    heard = options.now();
    if (!std::exchange(begun, true)) handlers.relist();
    for (json::Value& item : items) {
      if (ended) return;
      handlers.put(std::move(item));
    }
  }

  void on_listed(Answer<std::string> outcome) {
    ticket = 0;
    if (!outcome) return on_failure(outcome.error());
    heard = options.now();
    version = std::move(*outcome);
    listed = true;
    is_good();
    handlers.synced();
    go_on();
  }

  void on_opened() {
    opened = true;
    opened_at = options.now();
    is_good();
  }

  void on_event(WatchEvent&& event) {
    heard = options.now();
    came = true;
    failures = 0;
    is_good();
    if (std::string next = text_at(event.object, "metadata.resourceVersion"); !next.empty()) version = next;
    if (event.kind == WatchEvent::Kind::kDeleted) return handlers.gone(event.object);
    if (event.kind != WatchEvent::Kind::kBookmark) handlers.put(std::move(event.object));
  }

  void on_ended(const std::optional<ApiFailure>& failure) {
    ticket = 0;
    if (failure) return on_watch_failure(*failure);
    // The server may have been set back, and be silent for a version that it does not have yet.
    if (!came) version.clear();
    if (!came && options.now() - opened_at < kShort) return wait(0ns);
    failures = 0;
    go_on();
  }

  void on_watch_failure(const ApiFailure& failure) {
    using Kind = ApiFailure::Kind;
    if (failure.kind == Kind::kExpired) {
      listed = false;
      version.clear();
      // At once, but for a server whose every version has expired.
      if (failures == 0) return ++failures, go_on();
      return wait(0ns);
    }
    // What came may have held an event that is lost now.
    bool lost = failure.kind == Kind::kBadAnswer || failure.kind == Kind::kInvalid || failure.kind == Kind::kNotFound;
    if (lost) listed = false;
    bool silent = opened && !came && failure.kind == Kind::kTimeout;
    if (lost || silent) version.clear();
    on_failure(failure);
  }

  void on_failure(const ApiFailure& failure) {
    failing = true;
    wait(failure.retry_after.value_or(0ns));
    Reason reason(failure.kind, failure.code, failure.reason);
    if (told == reason) return;
    told = std::move(reason);
    if (handlers.trouble) handlers.trouble(failure);
  }

  void wait(Nanos least) {
    Nanos delay = std::min(kMostDelay, kFirstDelay * (1 << std::min(failures, 6)));
    ++failures;
    delay = Nanos(static_cast<Nanos::rep>(static_cast<double>(delay.count()) * (0.8 + 0.4 * random.uniform())));
    retry_at = options.now() + std::max(delay, least);
  }

  void dispatch() {
    if (options.now() < retry_at) return;
    retry_at = BootTime::max();
    go_on();
  }
};

Mirror::Mirror(Client& client, MirrorOptions options, MirrorHandlers handlers)
    : impl_(std::make_shared<Impl>(client, std::move(options), std::move(handlers))) {
  impl_->go_on();
}

Mirror::~Mirror() {
  impl_->ended = true;
  impl_->client.cancel(impl_->ticket);
}

bool Mirror::in_sync() const { return impl_->listed && !impl_->failing; }

BootTime Mirror::heard() const { return impl_->heard; }

BootTime Mirror::next_wake() const { return impl_->retry_at; }

void Mirror::dispatch() { impl_->dispatch(); }

}  // namespace ordeal::kube
