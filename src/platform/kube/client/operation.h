// Operation: one ticket of the client, from the call until its last callback.
#pragma once

#include "platform/kube/client.h"

namespace ordeal::kube {

struct Watching {
  std::function<void(WatchEvent&&)> event;
  std::function<void(const std::optional<ApiFailure>&)> ended;
  std::function<void()> opened;
  Nanos silence{0};
  net::HttpHead head;
  std::string refusal;  // the body of an answer that is not 2xx
};

struct Paging {
  Client::List list;
  std::string version;  // of the list, from its first page
  int restarts = 0;
};

struct Operation {
  Request request;
  Client::Callback answered;           // of a single request
  std::unique_ptr<Paging> paging;      // or of a list
  std::unique_ptr<Watching> watching;  // or of a watch
  net::HttpClient::Ticket http = 0;
  uint64_t generation = 0;  // of the credential that it was sent with
  bool asked_again = false;
};

}  // namespace ordeal::kube
