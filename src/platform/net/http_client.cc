#include "platform/net/http_client.h"

#include <curl/curl.h>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/base/io/unique_fd.h"
#include "platform/net/client/transfer.h"

namespace ordeal::net {

namespace {

using Shared = std::shared_ptr<Transfer>;

uint32_t epoll_mask(int what) {
  uint32_t mask = 0;
  if (what & CURL_POLL_IN) mask |= EPOLLIN;
  if (what & CURL_POLL_OUT) mask |= EPOLLOUT;
  return mask;
}

int select_mask(uint32_t events) {
  int mask = 0;
  if (events & (EPOLLIN | EPOLLHUP)) mask |= CURL_CSELECT_IN;
  if (events & EPOLLOUT) mask |= CURL_CSELECT_OUT;
  if (events & EPOLLERR) mask |= CURL_CSELECT_ERR;
  return mask;
}

bool is_ready(const Streaming& s) { return !s.paused && !s.inbox.empty(); }

// Whole lines as long as they are wanted.
void deliver_lines(Transfer& transfer) {
  Streaming& s = *transfer.streaming;
  while (!transfer.gone && !s.paused) {
    auto line = s.lines.next();
    if (line) {
      s.paused = s.wish.on_data(*line) == Flow::kPause;
    } else if (s.lines.too_long()) {
      s.inbox.clear();
      return transfer.fail_with(HttpFailure::Cause::kTooLarge,
                                fmt::format("a line is longer than {} bytes", s.wish.max_line));
    } else if (s.inbox.empty()) {
      return;
    } else {
      s.lines.feed(s.inbox);
      s.inbox.clear();
    }
  }
}

void deliver_data(Transfer& transfer) {
  Streaming& s = *transfer.streaming;
  if (s.wish.max_line > 0) return deliver_lines(transfer);
  if (!is_ready(s)) return;
  std::string piece = std::exchange(s.inbox, {});
  s.paused = s.wish.on_data(piece) == Flow::kPause;
  // The room is kept: a stream takes the same size again.
  if (s.inbox.empty()) (piece.clear(), s.inbox = std::move(piece));
}

void ask_for_body(Streaming& s) {
  if (s.upload_ended || s.sent < s.outbox.size()) return;
  s.outbox.clear();
  s.sent = 0;
  if (s.wish.produce(s.outbox) != Upload::kEnd) return;
  s.upload_ended = true;
  s.head_since = boot_now();
}

void deliver_last_line(Transfer& transfer) {
  Streaming& s = *transfer.streaming;
  if (s.wish.max_line == 0 || transfer.failure) return;
  std::string rest = s.lines.take_rest();
  if (!rest.empty()) s.wish.on_data(rest);
}

}  // namespace

struct HttpClient::Impl {
  UniqueFd epoll;
  UniqueFd timer;     // curl's
  UniqueFd deadline;  // of the streams
  UniqueFd wake;      // something was pending outside of dispatch()
  CURLM* multi = nullptr;
  std::map<Ticket, Shared> transfers;
  std::vector<Ticket> pending;
  Ticket last_ticket = 0;
  bool only_outward = false;

  ~Impl() {
    for (auto& [ticket, transfer] : transfers) leave_multi(*transfer);
    transfers.clear();
    if (multi) curl_multi_cleanup(multi);
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* context, void*) {
    auto& self = *static_cast<Impl*>(context);
    if (what == CURL_POLL_REMOVE) {
      epoll_ctl(self.epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
      return 0;
    }
    epoll_event event{epoll_mask(what), {.fd = fd}};
    if (epoll_ctl(self.epoll.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
      epoll_ctl(self.epoll.get(), EPOLL_CTL_ADD, fd, &event);
    }
    return 0;
  }

  static int on_timer(CURLM*, long millis, void* context) {
    itimerspec spec{};
    if (millis == 0) spec.it_value.tv_nsec = 1;
    if (millis > 0) spec.it_value = to_timespec(milliseconds(millis));
    timerfd_settime(static_cast<Impl*>(context)->timer.get(), 0, &spec, nullptr);
    return 0;
  }

  Result<> watch(const UniqueFd& fd) {
    epoll_event event{EPOLLIN, {.fd = fd.get()}};
    if (fd && epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0) return {};
    return fail_errno("cannot make the HTTP client's descriptors");
  }

  void stir(Ticket ticket) {
    uint64_t one = 1;
    pending.push_back(ticket);
    [[maybe_unused]] ssize_t wrote = write(wake.get(), &one, sizeof one);
  }

  void leave_multi(Transfer& transfer) {
    if (std::exchange(transfer.in_multi, false)) curl_multi_remove_handle(multi, transfer.easy);
  }

  Shared find(Ticket ticket) {
    auto found = transfers.find(ticket);
    return found == transfers.end() ? nullptr : found->second;
  }

  Ticket add(Shared transfer) {
    Ticket ticket = transfer->ticket = ++last_ticket;
    transfer->only_outward = only_outward;
    transfer->pending = [this](Ticket t) { stir(t); };
    transfers.emplace(ticket, transfer);
    auto prepared = transfer->prepare();
    if (!prepared) {
      transfer->failure = std::move(prepared.error());
      if (transfer->streaming) transfer->streaming->ended = true;
    } else {
      transfer->in_multi = curl_multi_add_handle(multi, transfer->easy) == CURLM_OK;
    }
    if (!prepared || transfer->streaming) stir(ticket);
    return ticket;
  }

  void forget(Transfer& transfer) {
    transfer.gone = true;
    leave_multi(transfer);
    transfers.erase(transfer.ticket);
  }

  void act(int fd, uint32_t events) {
    int running = 0;
    if (fd == timer.get() || fd == wake.get() || fd == deadline.get()) {
      uint64_t ticks = 0;
      [[maybe_unused]] ssize_t got = read(fd, &ticks, sizeof ticks);
      if (fd == timer.get()) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    } else {
      curl_multi_socket_action(multi, fd, select_mask(events), &running);
    }
  }

  // Those that curl is done with; a stream may still have something to tell.
  void take_done() {
    int left = 0;
    std::vector<Ticket> done;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURLcode code = message->data.result;
      char* context = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
      auto& transfer = *reinterpret_cast<Transfer*>(context);
      transfer.end(code);
      leave_multi(transfer);
      done.push_back(transfer.ticket);
    }
    for (Ticket ticket : done) deliver(ticket);
  }

  void deliver(Ticket ticket) {
    Shared transfer = find(ticket);
    if (!transfer) return;
    if (transfer->streaming) return deliver_stream(*transfer);
    if (transfer->in_multi) return;
    forget(*transfer);
    auto outcome = transfer->failure ? HttpOutcome(tl::unexpected(std::move(*transfer->failure)))
                                     : HttpOutcome(std::move(transfer->reply));
    transfer->callback(std::move(outcome));
  }

  void deliver_stream(Transfer& transfer) {
    Streaming& s = *transfer.streaming;
    if (s.head_whole && !std::exchange(s.head_told, true) && s.wish.on_head)
      s.wish.on_head({transfer.reply.status, transfer.reply.headers});
    if (!transfer.gone) deliver_data(transfer);
    if (!transfer.gone && !s.ended) ask_for_body(s);
    if (transfer.gone) return;
    if (s.ended && !s.paused && s.inbox.empty()) return deliver_end(transfer);
    transfer.go_on();
  }

  void deliver_end(Transfer& transfer) {
    deliver_last_line(transfer);
    if (transfer.gone) return;
    forget(transfer);
    if (transfer.streaming->wish.on_end) transfer.streaming->wish.on_end(transfer.failure);
  }

  void deliver_pending() {
    std::vector<Ticket> now;
    now.swap(pending);
    std::sort(now.begin(), now.end());
    now.erase(std::unique(now.begin(), now.end()), now.end());
    for (Ticket ticket : now) deliver(ticket);
  }

  void end_overdue() {
    BootTime now = boot_now();
    std::vector<Ticket> overdue;
    for (auto& [ticket, transfer] : transfers)
      if (transfer->streaming && transfer->streaming->deadline(transfer->call.timeout) <= now)
        overdue.push_back(ticket);
    for (Ticket ticket : overdue) {
      Shared transfer = find(ticket);
      if (!transfer) continue;
      bool head = transfer->streaming->head_whole;
      auto millis = to_millis(head ? transfer->streaming->wish.idle_timeout : transfer->call.timeout);
      transfer->fail_with(HttpFailure::Cause::kTimeout,
                          fmt::format("{} within {:.0f} ms", head ? "nothing more" : "no answer", millis));
      leave_multi(*transfer);
      deliver(ticket);
    }
  }

  void set_deadline() {
    BootTime first = BootTime::max();
    for (auto& [ticket, transfer] : transfers)
      if (transfer->streaming) first = std::min(first, transfer->streaming->deadline(transfer->call.timeout));
    itimerspec spec{};
    if (first != BootTime::max()) spec.it_value = to_timespec(std::max(first.time_since_epoch(), Nanos(1)));
    timerfd_settime(deadline.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  }
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpClient> HttpClient::create() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_ALL);
  if (started != CURLE_OK) return fail(Errc::kSystem, "cannot start libcurl");
  auto impl = std::make_unique<Impl>();
  impl->epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  impl->timer = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  impl->deadline = UniqueFd(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  impl->wake = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  for (const auto* fd : {&impl->timer, &impl->deadline, &impl->wake}) TRY_VOID(impl->watch(*fd));
  impl->multi = curl_multi_init();
  if (!impl->multi) return fail(Errc::kSystem, "cannot start a libcurl multi handle");
  curl_multi_setopt(impl->multi, CURLMOPT_SOCKETFUNCTION, Impl::on_socket);
  curl_multi_setopt(impl->multi, CURLMOPT_SOCKETDATA, impl.get());
  curl_multi_setopt(impl->multi, CURLMOPT_TIMERFUNCTION, Impl::on_timer);
  curl_multi_setopt(impl->multi, CURLMOPT_TIMERDATA, impl.get());
  return HttpClient(std::move(impl));
}

void HttpClient::only_outward() { impl_->only_outward = true; }

HttpClient::Ticket HttpClient::start(HttpCall call, Callback callback) {
  auto transfer = std::make_shared<Transfer>();
  transfer->call = std::move(call);
  transfer->callback = std::move(callback);
  return impl_->add(std::move(transfer));
}

HttpClient::Ticket HttpClient::stream(HttpStream stream) {
  auto transfer = std::make_shared<Transfer>();
  transfer->call = std::move(stream.call);
  transfer->streaming = std::make_unique<Streaming>(std::move(stream));
  return impl_->add(std::move(transfer));
}

void HttpClient::resume(Ticket ticket) {
  Shared transfer = impl_->find(ticket);
  if (!transfer || !transfer->streaming) return;
  if (std::exchange(transfer->streaming->paused, false)) transfer->streaming->moved = boot_now();
  impl_->stir(ticket);
}

void HttpClient::cancel(Ticket ticket) {
  if (Shared transfer = impl_->find(ticket)) impl_->forget(*transfer);
}

size_t HttpClient::under_way() const { return impl_->transfers.size(); }

int HttpClient::descriptor() const { return impl_->epoll.get(); }

void HttpClient::dispatch() {
  std::array<epoll_event, 64> events{};
  int count = epoll_wait(impl_->epoll.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) impl_->act(events[i].data.fd, events[i].events);
  impl_->take_done();
  impl_->deliver_pending();
  impl_->end_overdue();
  impl_->set_deadline();
}

}  // namespace ordeal::net
