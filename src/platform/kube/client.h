// Client: requests to one API server that never block, on net::HttpClient. The loop watches descriptor() for reading
// until next_wake(), then calls dispatch(); every callback comes from inside dispatch(). A callback may send, watch and
// cancel; it must not destroy the client. A request that failed is not sent again by the client itself, but for a 401
// with a credential that a plugin can renew (once). Warnings of the server (header Warning: 299) go to the listener.
// Answers are taken up to 64 MiB, a watch's events up to 4 MiB. A client with a plugin is made by the thread that lives
// longest (ChildRunner).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "platform/kube/access.h"
#include "platform/kube/api.h"

namespace ordeal::kube {

using Ticket = uint64_t;

struct WatchStart {
  Resource resource;
  ObjectName object;  // `name` "" is the collection; a name watches that one object
  std::string label_selector{}, field_selector{};
  std::string version;          // the resourceVersion to go on from
  Nanos server_timeout = 290s;  // the server ends the watch after that, in good order; whole seconds
  Nanos silence{0};             // nothing comes for so long: stalled; 0 is server_timeout + 10 s
};

struct WatchEvent {
  enum class Kind { kAdded, kModified, kDeleted, kBookmark };  // a bookmark's object has a resourceVersion only
  Kind kind = Kind::kAdded;
  json::Value object;
};

class Client {
 public:
  using Callback = std::function<void(Answer<json::Value>)>;

  static Result<std::unique_ptr<Client>> create(Access access);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The answer's JSON; null for an empty body. An eviction that is granted answers a Status, a deletion the object.
  Ticket send(Request request, Callback callback);

  // All objects of a collection, page by page: `page` for each, then `done` once with the list's resourceVersion. A
  // continue token that has expired begins anew (`restart` is called first), at most five times. With a name the list
  // is of that one object, or empty. Items have no kind and no apiVersion of their own.
  struct List {
    Resource resource;
    ObjectName object{};
    std::string label_selector{}, field_selector{};
    int page_size = 500;
    std::string version{};  // "" is a consistent read, "0" whatever the server has in memory
    std::function<void(json::Array&& items)> page;
    std::function<void()> restart;
    std::function<void(Answer<std::string>)> done;
  };
  Ticket list(List list);

  // One watch, until the server ends it or it fails: `ended` comes once; a failure says why, none is a good end. A
  // stalled connection (nothing, not even a bookmark, for start.silence) is a failure. `opened`: the server has taken
  // it; a version that has expired is told only after that.
  Ticket watch(WatchStart start, std::function<void(WatchEvent&&)> event,
               std::function<void(const std::optional<ApiFailure>&)> ended, std::function<void()> opened = {});

  // Its callbacks will not come. Unknown tickets are ignored.
  void cancel(Ticket ticket);
  void on_warning(std::function<void(const std::string&)> listener);

  int descriptor() const;
  // BootTime::max() where only the descriptor is waited for.
  BootTime next_wake() const;
  void dispatch();
  const Access& access() const;

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Sends it and waits for the answer, for programs that have nothing else to do meanwhile; not from inside a callback.
Answer<json::Value> ask(Client& client, Request request);
// All items of a collection.
Answer<json::Array> ask_all(Client& client, const Resource& resource, const ObjectName& object = {},
                            const std::string& label_selector = {}, const std::string& field_selector = {});

}  // namespace ordeal::kube
