// Transfer: one request on libcurl, with its buffers. It knows no multi handle and calls nobody: inside of curl only
// the buffers here are filled and emptied, so that whoever is called may start and cancel transfers.
#pragma once

#include <array>

#include "platform/net/events/lines.h"
#include "platform/net/http_client.h"

struct curl_slist;

namespace ordeal::net {

// Above this nothing is read. One read of curl's (64 KiB) more may be held here, and one in curl.
constexpr size_t kMostInbox = size_t{256} << 10;
constexpr size_t kMostHead = size_t{256} << 10;

struct Streaming {
  explicit Streaming(HttpStream s) : wish(std::move(s)), lines(wish.max_line) {}

  HttpStream wish;
  LineSplitter lines;
  std::string inbox;   // came, and on_data has not had it
  std::string outbox;  // `produce` gave it
  size_t sent = 0;     // of outbox
  bool head_whole = false;
  bool head_told = false;
  bool paused = false;           // by on_data
  bool receiving_stops = false;  // curl was told so: the inbox is full
  bool sending_stops = false;    // curl was told so: the outbox is empty
  bool upload_ended = true;
  bool ended = false;
  BootTime moved;       // bytes came or went
  BootTime head_since;  // the time for the head counts from here

  bool waits_for_us() const { return paused || (sending_stops && outbox.empty()); }
  // When it has lasted too long; never is BootTime::max().
  BootTime deadline(Nanos head_timeout) const;
};

struct Transfer {
  HttpClient::Ticket ticket = 0;
  HttpCall call;
  HttpClient::Callback callback;
  std::unique_ptr<Streaming> streaming;             // else callback
  std::function<void(HttpClient::Ticket)> pending;  // called when there is something to deliver

  HttpReply reply;
  std::optional<HttpFailure> failure;
  size_t head_bytes = 0;
  bool too_large = false;
  bool only_outward = false;  // no connection to this host or its link
  bool was_inward = false;    // it would have been one
  bool in_multi = false;
  bool gone = false;  // cancelled or ended
  void* easy = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* connect_to = nullptr;
  std::array<char, 256> message{};

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // Everything about the request; fails where it cannot be sent at all.
  tl::expected<void, HttpFailure> prepare();
  // Of curl's code at the end; 0 is none.
  void end(int code);
  void fail_with(HttpFailure::Cause kind, std::string what);
  // Lets curl go on where the buffers allow it.
  void go_on();
};

}  // namespace ordeal::net
