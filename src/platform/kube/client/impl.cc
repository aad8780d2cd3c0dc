#include "platform/kube/client/impl.h"

#include <sys/epoll.h>

#include "platform/kube/client/call.h"

namespace ordeal::kube {
namespace {

constexpr size_t kMostLine = size_t{4} << 20;
constexpr size_t kMostRefusal = size_t{1} << 20;
constexpr int kMostRestarts = 5;

bool is_good(int status) { return status >= 200 && status < 300; }

}  // namespace

Result<> Client::Impl::begin() {
  TRY_VOID(credentials.begin());
  epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  for (int fd : {http.descriptor(), credentials.descriptor()}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    if (!epoll || (fd >= 0 && epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0))
      return fail_errno("cannot make the API client's descriptors");
  }
  return {};
}

Ticket Client::Impl::add(Shared operation) {
  Ticket ticket = ++last;
  operations.emplace(ticket, operation);
  launch(ticket, *operation);
  return ticket;
}

void Client::Impl::cancel(Ticket ticket) {
  Shared operation = find(ticket);
  if (!operation) return;
  http.cancel(operation->http);
  operations.erase(ticket);
}

Client::Impl::Shared Client::Impl::find(Ticket ticket) const {
  auto found = operations.find(ticket);
  return found == operations.end() ? nullptr : found->second;
}

void Client::Impl::launch(Ticket ticket, Operation& operation) {
  if (!operation.request.wrong.empty()) return wrong.push_back(ticket);
  if (credentials.ready()) return transmit(ticket, operation);
  waiting.push_back(ticket);
  credentials.ask();
}

void Client::Impl::transmit(Ticket ticket, Operation& operation) {
  operation.generation = credentials.generation();
  net::HttpCall call = call_of(access, credentials.current(), operation.request);
  if (operation.watching) return open_stream(ticket, std::move(call), operation.watching->silence);
  operation.http =
      http.start(std::move(call), [this, ticket](net::HttpOutcome outcome) { on_reply(ticket, std::move(outcome)); });
}

void Client::Impl::open_stream(Ticket ticket, net::HttpCall call, Nanos silence) {
  net::HttpStream stream;
  stream.call = std::move(call);
  stream.call.compressed = false;  // events are wanted one by one
  stream.idle_timeout = silence;
  stream.max_line = kMostLine;
  stream.on_head = [this, ticket](const net::HttpHead& head) { on_head(ticket, head); };
  stream.on_data = [this, ticket](std::string_view line) { return on_line(ticket, line), net::Flow::kGoOn; };
  stream.on_end = [this, ticket](const std::optional<net::HttpFailure>& failure) { on_end(ticket, failure); };
  find(ticket)->http = http.stream(std::move(stream));
}

bool Client::Impl::sent_again(Ticket ticket, Operation& operation, int status) {
  if (status != 401 || !credentials.renewable() || operation.asked_again) return false;
  operation.asked_again = true;
  credentials.refused(operation.generation);
  launch(ticket, operation);
  return true;
}

void Client::Impl::warn(const net::Headers& headers) const {
  if (!warning) return;
  for (const std::string& text : warnings_of(headers)) warning(text);
}

void Client::Impl::on_reply(Ticket ticket, net::HttpOutcome outcome) {
  Shared operation = find(ticket);
  if (!operation) return;
  if (!outcome) return fail(ticket, failure_of(outcome.error(), operation->request.method == "GET"));
  if (sent_again(ticket, *operation, outcome->status)) return;
  warn(outcome->headers);
  if (find(ticket)) finish(ticket, answer_of(*outcome));
}

void Client::Impl::on_head(Ticket ticket, const net::HttpHead& head) {
  Shared operation = find(ticket);
  if (!operation) return;
  operation->watching->head = head;
  operation->watching->refusal.clear();
  warn(head.headers);
  if (find(ticket) && is_good(head.status) && operation->watching->opened) operation->watching->opened();
}

void Client::Impl::on_line(Ticket ticket, std::string_view line) {
  Shared operation = find(ticket);
  if (!operation || line.empty()) return;
  Watching& watching = *operation->watching;
  if (!is_good(watching.head.status)) {
    if (watching.refusal.size() < kMostRefusal) watching.refusal.append(line).append("\n");
    return;
  }
  auto event = event_of(line);
  if (event) return watching.event(std::move(*event));
  http.cancel(operation->http);
  finish_watch(ticket, event.error());
}

void Client::Impl::on_end(Ticket ticket, const std::optional<net::HttpFailure>& failure) {
  Shared operation = find(ticket);
  if (!operation) return;
  const Watching& watching = *operation->watching;
  if (failure) return finish_watch(ticket, failure_of(*failure, true));
  if (is_good(watching.head.status)) return finish_watch(ticket, std::nullopt);
  if (sent_again(ticket, *operation, watching.head.status)) return;
  finish_watch(ticket, failure_of(watching.head.status, watching.head.headers, watching.refusal));
}

void Client::Impl::finish(Ticket ticket, Answer<json::Value> answer) {
  Shared operation = find(ticket);
  if (operation->paging) return on_page(ticket, operation, std::move(answer));
  operations.erase(ticket);
  operation->answered(std::move(answer));
}

void Client::Impl::finish_watch(Ticket ticket, const std::optional<ApiFailure>& failure) {
  Shared operation = find(ticket);
  operations.erase(ticket);
  operation->watching->ended(failure);
}

void Client::Impl::fail(Ticket ticket, const ApiFailure& failure) {
  if (find(ticket)->watching) return finish_watch(ticket, failure);
  finish(ticket, tl::unexpected(failure));
}

void Client::Impl::on_page(Ticket ticket, const Shared& operation, Answer<json::Value> answer) {
  Paging& paging = *operation->paging;
  auto end = [&](Answer<std::string> outcome) {
    operations.erase(ticket);
    paging.list.done(std::move(outcome));
  };
  auto page = answer ? page_of(std::move(*answer)) : tl::unexpected(std::move(answer.error()));
  if (!page) {
    bool expired = page.error().kind == ApiFailure::Kind::kExpired && !paging.version.empty();
    if (!expired || ++paging.restarts > kMostRestarts) return end(tl::unexpected(page.error()));
    paging.version.clear();
    if (paging.list.restart) paging.list.restart();
    return next_page(ticket, *operation, "");
  }
  if (paging.version.empty()) paging.version = page->version;
  paging.list.page(std::move(page->items));
  if (!find(ticket)) return;
  if (page->go_on.empty()) return end(paging.version);
  next_page(ticket, *operation, page->go_on);
}

void Client::Impl::next_page(Ticket ticket, Operation& operation, const std::string& go_on) {
  if (!find(ticket)) return;
  operation.request = list_request(operation.paging->list, go_on);
  operation.asked_again = false;
  launch(ticket, operation);
}

void Client::Impl::release_waiting() {
  auto outcome = credentials.take_outcome();
  if (!outcome) return;
  for (Ticket ticket : std::exchange(waiting, {})) {
    Shared operation = find(ticket);
    if (!operation) continue;
    if (*outcome) {
      transmit(ticket, *operation);
    } else {
      fail(ticket, outcome->error());
    }
  }
}

void Client::Impl::refuse_wrong() {
  for (Ticket ticket : std::exchange(wrong, {})) {
    Shared operation = find(ticket);
    if (!operation) continue;
    ApiFailure failure;
    failure.kind = ApiFailure::Kind::kInvalid;
    failure.message = operation->request.wrong;
    fail(ticket, failure);
  }
}

void Client::Impl::dispatch() {
  http.dispatch();
  credentials.dispatch();
  release_waiting();
  refuse_wrong();
}

BootTime Client::Impl::next_wake() const {
  return credentials.has_outcome() || !wrong.empty() ? boot_now() : BootTime::max();
}

}  // namespace ordeal::kube
