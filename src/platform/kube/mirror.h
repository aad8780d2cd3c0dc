// Mirror: keeps up with one collection, or one object, for as long as it lives: a list, then a watch from there, again
// and again. An expired version lists anew, and so does a watch in which nothing came at all, not even a bookmark (a
// server that was set back to an older state is silent). What fails is tried again after 0.1 s, doubling up to 5 s,
// with jitter, or when the server says so. What is kept of an object is the owner's business. A handler may destroy the
// mirror; handlers are called from inside the client's dispatch().
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/kube/client.h"

namespace ordeal::kube {

struct MirrorOptions {
  Resource resource;
  ObjectName object{};
  std::string label_selector{}, field_selector{};
  int page_size = 500;
  Nanos server_timeout = 290s, silence{0};   // of each watch (WatchStart)
  std::function<BootTime()> now = boot_now;  // for tests
};

struct MirrorHandlers {
  // An object as it is now. `object` may be moved from.
  std::function<void(json::Value&& object)> put;
  // It is gone; `object` is its last state.
  std::function<void(const json::Value& object)> gone;
  // A list has begun to come: what is not put between the last relist() and synced() is gone (deletions were missed
  // meanwhile). A list that breaks off begins anew, with another relist().
  std::function<void()> relist;
  // Everything up to now has been put. After each list.
  std::function<void()> synced;
  // The first failure after a good answer, and each time that the reason changes. A version that has expired is none.
  std::function<void(const ApiFailure&)> trouble;
};

class Mirror {
 public:
  // Begins at once. The client outlives it. Destroying it ends it without a call.
  Mirror(Client& client, MirrorOptions options, MirrorHandlers handlers);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // A list is complete, and a watch goes on from there or is being set up again without a failure.
  bool in_sync() const;
  // When the last event, bookmark or list came.
  BootTime heard() const;

  // When dispatch() is to be called though nothing came: the time to try again.
  BootTime next_wake() const;
  void dispatch();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace ordeal::kube
