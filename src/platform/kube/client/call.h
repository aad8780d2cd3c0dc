// What goes over the wire for a request, and what came back as the client's words. Pure.
#pragma once

#include "platform/kube/access/exec_credential.h"
#include "platform/kube/api.h"
#include "platform/kube/client.h"

namespace ordeal::kube {

net::HttpCall call_of(const Access& access, const Credential& credential, const Request& request);
// `reads`: the request changes nothing, so that one that broke has done nothing.
ApiFailure failure_of(const net::HttpFailure& failure, bool reads);
ApiFailure failure_of(int status, const net::Headers& headers, std::string_view body);
// Of an answer with any status.
Answer<json::Value> answer_of(const net::HttpReply& reply);
// Deeper than a person's file may be: the schema of a custom resource is.
std::optional<json::Value> parse_answer(std::string_view text);
// The texts of the headers Warning: 299.
std::vector<std::string> warnings_of(const net::Headers& headers);

Request list_request(const Client::List& list, const std::string& go_on);
struct Page {
  json::Array items;
  std::string version;
  std::string go_on;  // the token of the next page; "" is the last one
};
Answer<Page> page_of(json::Value&& list);

Request watch_request(const WatchStart& start);
// One line of a watch; an ERROR event is a failure, and so is what is no event.
Answer<WatchEvent> event_of(std::string_view line);

}  // namespace ordeal::kube
