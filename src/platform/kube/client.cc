#include "platform/kube/client.h"

#include "core/base/io/wait.h"
#include "platform/kube/client/call.h"
#include "platform/kube/client/impl.h"

namespace ordeal::kube {
namespace {

template <typename T>
T wait_for_answer(Client& client, std::optional<T>& answer) {
  while (!answer) {
    BootTime wake = client.next_wake();
    wait_readable({client.descriptor()}, wake == BootTime::max() ? std::chrono::hours(1) : wake - boot_now());
    client.dispatch();
  }
  return std::move(*answer);
}

}  // namespace

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::create(Access access) {
  net::HttpClient http = TRY(net::HttpClient::create());
  auto impl = std::make_unique<Impl>(std::move(access), std::move(http));
  TRY_VOID(impl->begin());
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Ticket Client::send(Request request, Callback callback) {
  auto operation = std::make_shared<Operation>();
  operation->request = std::move(request);
  operation->answered = std::move(callback);
  return impl_->add(std::move(operation));
}

Ticket Client::list(List list) {
  auto operation = std::make_shared<Operation>();
  operation->request = list_request(list, "");
  operation->paging = std::make_unique<Paging>();
  operation->paging->list = std::move(list);
  return impl_->add(std::move(operation));
}

Ticket Client::watch(WatchStart start, std::function<void(WatchEvent&&)> event,
                     std::function<void(const std::optional<ApiFailure>&)> ended, std::function<void()> opened) {
  auto operation = std::make_shared<Operation>();
  operation->request = watch_request(start);
  operation->watching = std::make_unique<Watching>();
  Watching& watching = *operation->watching;
  watching.event = std::move(event);
  watching.ended = std::move(ended);
  watching.opened = std::move(opened);
  watching.silence = start.silence > 0ns ? start.silence : start.server_timeout + 10s;
  return impl_->add(std::move(operation));
}

void Client::cancel(Ticket ticket) { impl_->cancel(ticket); }

void Client::on_warning(std::function<void(const std::string&)> listener) { impl_->warning = std::move(listener); }

int Client::descriptor() const { return impl_->epoll.get(); }

BootTime Client::next_wake() const { return impl_->next_wake(); }

void Client::dispatch() { impl_->dispatch(); }

const Access& Client::access() const { return impl_->access; }

Answer<json::Value> ask(Client& client, Request request) {
  std::optional<Answer<json::Value>> answer;
  client.send(std::move(request), [&](Answer<json::Value> came) { answer = std::move(came); });
  return wait_for_answer(client, answer);
}

Answer<json::Array> ask_all(Client& client, const Resource& resource, const ObjectName& object,
                            const std::string& label_selector, const std::string& field_selector) {
  json::Array all;
  std::optional<Answer<json::Array>> answer;
  Client::List list{.resource = resource, .object = object};
  list.label_selector = label_selector;
  list.field_selector = field_selector;
  list.page = [&](json::Array&& items) {
    for (json::Value& item : items) all.push_back(std::move(item));
  };
  list.restart = [&] { all.clear(); };
  list.done = [&](Answer<std::string> version) {
    if (version) {
      answer = std::move(all);
    } else {
      answer = tl::unexpected(std::move(version.error()));
    }
  };
  client.list(std::move(list));
  return wait_for_answer(client, answer);
}

}  // namespace ordeal::kube
