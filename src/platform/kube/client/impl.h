// Client::Impl: the tickets under way, and what each of them does next.
#pragma once

#include <map>

#include "core/base/io/unique_fd.h"
#include "platform/kube/client/credentials.h"
#include "platform/kube/client/operation.h"

namespace ordeal::kube {

struct Client::Impl {
  using Shared = std::shared_ptr<Operation>;

  Impl(Access from, net::HttpClient client) : access(std::move(from)), http(std::move(client)) {}
  Result<> begin();

  Ticket add(Shared operation);
  void cancel(Ticket ticket);
  void dispatch();
  BootTime next_wake() const;

  Shared find(Ticket ticket) const;
  // Sends it, or waits for a credential first.
  void launch(Ticket ticket, Operation& operation);
  void transmit(Ticket ticket, Operation& operation);
  void open_stream(Ticket ticket, net::HttpCall call, Nanos silence);
  // A 401 with a credential that can be renewed is sent once more.
  bool sent_again(Ticket ticket, Operation& operation, int status);
  void warn(const net::Headers& headers) const;

  void on_reply(Ticket ticket, net::HttpOutcome outcome);
  void on_head(Ticket ticket, const net::HttpHead& head);
  void on_line(Ticket ticket, std::string_view line);
  void on_end(Ticket ticket, const std::optional<net::HttpFailure>& failure);

  // The last that a ticket tells; of a list only when that was its last page.
  void finish(Ticket ticket, Answer<json::Value> answer);
  void finish_watch(Ticket ticket, const std::optional<ApiFailure>& failure);
  void fail(Ticket ticket, const ApiFailure& failure);
  void on_page(Ticket ticket, const Shared& operation, Answer<json::Value> answer);
  void next_page(Ticket ticket, Operation& operation, const std::string& go_on);

  void release_waiting();
  void refuse_wrong();

  Access access;
  net::HttpClient http;
  Credentials credentials{access};
  UniqueFd epoll;
  std::map<Ticket, Shared> operations;
  std::vector<Ticket> waiting;  // for a credential
  std::vector<Ticket> wrong;    // what cannot be sent
  std::function<void(const std::string&)> warning;
  Ticket last = 0;
};

}  // namespace ordeal::kube
