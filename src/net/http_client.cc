#include "net/http_client.h"

#include <curl/curl.h>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "base/text.h"
#include "base/unique_fd.h"

namespace ordeal::net {

namespace {

struct Transfer {
  HttpClient::Ticket ticket = 0;
  HttpCall call;
  HttpClient::Callback callback;
  HttpReply reply;
  bool too_large = false;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::array<char, CURL_ERROR_SIZE> message{};

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
};

size_t on_body(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  size_t bytes = size * count;
  if (transfer.reply.body.size() + bytes > transfer.call.max_body) {
    transfer.too_large = true;
    return 0;
  }
  transfer.reply.body.append(data, bytes);
  return bytes;
}

size_t on_header(char* data, size_t size, size_t count, void* context) {
  auto& headers = static_cast<Transfer*>(context)->reply.headers;
  std::string_view line(data, size * count);
  // A status line starts a new block of headers: what came with a 100 Continue is not the answer's.
  if (line.substr(0, 5) == "HTTP/") headers.clear();
  if (size_t colon = line.find(':'); colon != std::string_view::npos && line.substr(0, 5) != "HTTP/") {
    headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return size * count;
}

Nanos info_time(CURL* easy, CURLINFO which) {
  curl_off_t micros = 0;
  curl_easy_getinfo(easy, which, &micros);
  return std::chrono::microseconds(micros);
}

HttpTimings read_timings(CURL* easy) {
  long connections = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
  HttpTimings timings;
  Nanos connected = std::max(info_time(easy, CURLINFO_CONNECT_TIME_T), info_time(easy, CURLINFO_APPCONNECT_TIME_T));
  if (connections > 0) timings.connect = connected - info_time(easy, CURLINFO_NAMELOOKUP_TIME_T);
  timings.first_byte = info_time(easy, CURLINFO_STARTTRANSFER_TIME_T);
  timings.total = info_time(easy, CURLINFO_TOTAL_TIME_T);
  return timings;
}

// What is lacking here and not there. curl hides the errno of a socket that it could not make, so one is made.
bool lacks_something(CURLcode code, CURL* easy) {
  if (code == CURLE_INTERFACE_FAILED || code == CURLE_OUT_OF_MEMORY || code == CURLE_FAILED_INIT) return true;
  if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST) return false;
  long number = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  constexpr int kLacks[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN, EADDRNOTAVAIL, EADDRINUSE};
  if (std::find(std::begin(kLacks), std::end(kLacks), number) != std::end(kLacks)) return true;
  UniqueFd probe(number == 0 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1);
  return number == 0 && !probe;
}

HttpFailure::Kind classify(CURLcode code, const Transfer& transfer) {
  using Kind = HttpFailure::Kind;
  static constexpr std::pair<CURLcode, Kind> kKinds[] = {
      {CURLE_OPERATION_TIMEDOUT, Kind::kTimeout}, {CURLE_COULDNT_RESOLVE_HOST, Kind::kDns},
      {CURLE_SSL_CONNECT_ERROR, Kind::kTls},      {CURLE_PEER_FAILED_VERIFICATION, Kind::kTls},
      {CURLE_SSL_CERTPROBLEM, Kind::kTls},        {CURLE_SSL_CACERT_BADFILE, Kind::kTls},
      {CURLE_URL_MALFORMAT, Kind::kBadUrl},       {CURLE_UNSUPPORTED_PROTOCOL, Kind::kBadUrl},
  };
  if (transfer.too_large) return Kind::kTooLarge;
  if (lacks_something(code, transfer.easy)) return Kind::kOwnLack;
  if (code == CURLE_COULDNT_CONNECT) {
    long number = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_OS_ERRNO, &number);
    return number == ECONNREFUSED ? Kind::kRefused : Kind::kUnreachable;
  }
  for (const auto& [known, kind] : kKinds) {
    if (code == known) return kind;
  }
  return Kind::kBroken;
}

HttpFailure describe(CURLcode code, const Transfer& transfer) {
  HttpFailure failure{classify(code, transfer), {}};
  bool timed_out = failure.kind == HttpFailure::Kind::kTimeout;
  bool bad_url = failure.kind == HttpFailure::Kind::kBadUrl;
  Error cause;
  cause.code = timed_out ? Errc::kTimeout : bad_url ? Errc::kInvalidInput : Errc::kSystem;
  cause.what = transfer.too_large    ? fmt::format("the answer is larger than {} bytes", transfer.call.max_body)
               : timed_out           ? fmt::format("no answer within {:.0f} ms", to_millis(transfer.call.timeout))
               : transfer.message[0] ? std::string(transfer.message.data())
                                     : std::string(curl_easy_strerror(code));
  failure.error =
      wrap(std::move(cause), fmt::format("cannot {} {}", transfer.call.method, without_password(transfer.call.url)))
          .value();
  return failure;
}

// A port of a small range must be free again at once, and not wait a minute in TIME_WAIT.
int reset_on_close(void*, curl_socket_t fd, curlsocktype) {
  linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  return CURL_SOCKOPT_OK;
}

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

void set_up(Transfer& transfer) {
  CURL* easy = transfer.easy;
  const HttpCall& call = transfer.call;
  auto millis = std::max<long>(1, static_cast<long>(to_millis(call.timeout)));
  curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A transfer that ends while its name is looked up must not wait for the look-up's thread.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, millis);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "ordeal/" ORDEAL_VERSION);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message.data());
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  if (call.connect_only) curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  if (call.insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (!call.login.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERPWD, call.login.c_str());
  }
  if (call.connect_only || call.fresh_connection) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  if (call.local_ports) {
    curl_easy_setopt(easy, CURLOPT_LOCALPORT, static_cast<long>(call.local_ports->first));
    curl_easy_setopt(easy, CURLOPT_LOCALPORTRANGE, static_cast<long>(call.local_ports->count));
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, reset_on_close);
  }
}

void set_up_message(Transfer& transfer) {
  CURL* easy = transfer.easy;
  const HttpCall& call = transfer.call;
  if (call.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (!call.body.empty() || call.method == "POST" || call.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body.data());
  }
  if (call.method != "GET" && call.method != "HEAD" && call.method != "POST") {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  }
  // An "Expect: 100-continue" would cost a round trip, or a second with a server that ignores it.
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  for (const auto& [name, value] : call.headers) {
    transfer.headers = curl_slist_append(transfer.headers, fmt::format("{}: {}", name, value).c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
}

}  // namespace

struct HttpClient::Impl {
  UniqueFd epoll;
  UniqueFd timer;
  CURLM* multi = nullptr;
  std::map<Ticket, std::unique_ptr<Transfer>> transfers;
  Ticket last_ticket = 0;

  ~Impl() {
    for (auto& [ticket, transfer] : transfers) curl_multi_remove_handle(multi, transfer->easy);
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
    if (millis > 0) spec.it_value = {millis / 1000, (millis % 1000) * 1'000'000};
    timerfd_settime(static_cast<Impl*>(context)->timer.get(), 0, &spec, nullptr);
    return 0;
  }

  void act(int fd, uint32_t events) {
    int running = 0;
    if (fd == timer.get()) {
      uint64_t ticks = 0;
      [[maybe_unused]] ssize_t got = read(fd, &ticks, sizeof ticks);
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    } else {
      curl_multi_socket_action(multi, fd, select_mask(events), &running);
    }
  }

  // Takes the next transfer that has ended out of the table.
  std::pair<std::unique_ptr<Transfer>, CURLcode> take_done() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURLcode code = message->data.result;
      char* context = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
      auto found = transfers.find(reinterpret_cast<Transfer*>(context)->ticket);
      auto transfer = std::move(found->second);
      transfers.erase(found);
      return {std::move(transfer), code};
    }
    return {nullptr, CURLE_OK};
  }

  void finish(Transfer& transfer, CURLcode code) {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.reply.status = static_cast<int>(status);
    transfer.reply.timings = read_timings(transfer.easy);
    auto outcome = code == CURLE_OK ? HttpOutcome(std::move(transfer.reply))
                                    : HttpOutcome(tl::unexpected(describe(code, transfer)));
    curl_multi_remove_handle(multi, transfer.easy);
    transfer.callback(std::move(outcome));
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
  if (!impl->epoll || !impl->timer) return fail_errno("cannot make the HTTP client's descriptors");
  epoll_event event{EPOLLIN, {.fd = impl->timer.get()}};
  if (epoll_ctl(impl->epoll.get(), EPOLL_CTL_ADD, impl->timer.get(), &event) != 0) {
    return fail_errno("cannot watch the HTTP client's timer");
  }
  impl->multi = curl_multi_init();
  if (!impl->multi) return fail(Errc::kSystem, "cannot start a libcurl multi handle");
  curl_multi_setopt(impl->multi, CURLMOPT_SOCKETFUNCTION, Impl::on_socket);
  curl_multi_setopt(impl->multi, CURLMOPT_SOCKETDATA, impl.get());
  curl_multi_setopt(impl->multi, CURLMOPT_TIMERFUNCTION, Impl::on_timer);
  curl_multi_setopt(impl->multi, CURLMOPT_TIMERDATA, impl.get());
  return HttpClient(std::move(impl));
}

HttpClient::Ticket HttpClient::start(HttpCall call, Callback callback) {
  auto transfer = std::make_unique<Transfer>();
  transfer->ticket = ++impl_->last_ticket;
  transfer->call = std::move(call);
  transfer->callback = std::move(callback);
  transfer->easy = curl_easy_init();
  set_up(*transfer);
  set_up_message(*transfer);
  curl_multi_add_handle(impl_->multi, transfer->easy);
  Ticket ticket = transfer->ticket;
  impl_->transfers.emplace(ticket, std::move(transfer));
  return ticket;
}

void HttpClient::cancel(Ticket ticket) {
  auto found = impl_->transfers.find(ticket);
  if (found == impl_->transfers.end()) return;
  curl_multi_remove_handle(impl_->multi, found->second->easy);
  impl_->transfers.erase(found);
}

size_t HttpClient::under_way() const { return impl_->transfers.size(); }

int HttpClient::descriptor() const { return impl_->epoll.get(); }

void HttpClient::dispatch() {
  std::array<epoll_event, 64> events{};
  int count = epoll_wait(impl_->epoll.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) impl_->act(events[i].data.fd, events[i].events);
  while (true) {
    auto [transfer, code] = impl_->take_done();
    if (!transfer) return;
    impl_->finish(*transfer, code);
  }
}

}  // namespace ordeal::net
