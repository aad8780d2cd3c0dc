// EventHub: server-sent events for any number of readers of a page, published from one place.
// publish() never waits and keeps nothing for a reader: all share one ring of the newest events, and each has only its
// place in it and at most one batch (64 KiB) on its way. A reader who falls out of the ring, or comes back to it with
// an id that is no longer in it, gets one event "lost" with {"missed": N} in its place (null where the number is not
// known), then goes on with the oldest that is left: the page loads anew what it shows. A reader who reads nothing at
// all is ended by the server's write time-out. A reader who is idle gets a comment at each `keep_alive`. Ids are
// "EPOCH:NUMBER"; a browser gives its last one back when it connects again, and misses nothing. On the loop's thread
// only; from another one through Loop::post().
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "platform/net/http_server.h"

namespace ordeal::net {

struct EventHubOptions {
  std::string epoch = "0";              // another one for each process or run, so that old ids are known as such
  size_t most_events = 4096;            // of the ring
  size_t most_bytes = size_t{4} << 20;  // of the ring; the newest event stays whatever its size
  size_t most_readers = 64;             // more get 503
  bool from_the_start = true;           // a new reader gets what the ring holds, else only what comes
  Nanos keep_alive = 15s;
  milliseconds retry{2000};  // what a browser waits before it connects again
};

class EventHub {
 public:
  EventHub(Loop& loop, EventHubOptions options);
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;
  ~EventHub();  // close()

  // kInvalidInput for a type with a line break.
  Result<> publish(const std::string& type, std::string data);
  // What a handler answers to GET; the stream lasts until the reader goes, close() or the server's stop().
  HttpResponse answer(const HttpRequest& request);
  // Everybody gets what there is, and then the end. Nothing can be published any more.
  void close();
  size_t readers() const;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace ordeal::net
