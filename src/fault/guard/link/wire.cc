#include "fault/guard/link/wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

namespace ordeal::guard {

namespace {

// The kernel's default holds some 200 KiB. Without the right to force it, as much as the host allows.
void make_room(int fd) {
  int bytes = 2 * kMaxMessage;
  if (::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
    (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> message_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) return fail_errno("cannot make a socket pair");
  for (int fd : fds) make_room(fd);
  return std::pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<> send_message(int fd, const json::Object& message) {
  std::string text = json::write(message);
  if (text.size() > kMaxMessage) return fail(Errc::kInvalidInput, "a message is larger than 1 MiB");
  if (::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return fail(Errc::kTimeout, "the other side is not reading");
  return fail_errno("cannot send");
}

namespace {

// What is read as infinite, or as no number, cannot be written again.
bool is_finite(const json::Value& value) {
  if (value.is_double()) return std::isfinite(value.get_double());
  if (value.is_array()) return std::all_of(value.get_array().begin(), value.get_array().end(), is_finite);
  return !value.is_object() || std::all_of(value.get_object().begin(), value.get_object().end(),
                                           [](const auto& member) { return is_finite(member.value()); });
}

// Whether the other side closed without having read everything. The kernel says so once, ahead of what that side had
// sent before: those messages are still there.
bool was_reset(ssize_t n) { return n < 0 && errno == ECONNRESET; }

ssize_t receive_now(int fd, char* buffer, size_t size, int flags) {
  ssize_t n = ::recv(fd, buffer, size, flags | MSG_DONTWAIT);
  return was_reset(n) ? ::recv(fd, buffer, size, flags | MSG_DONTWAIT) : n;
}

}  // namespace

Result<json::Object> parse_message(std::string_view text) {
  json::Value value = TRY(json::parse(text));
  if (!value.is_object()) return fail(Errc::kInternal, "a message is not a JSON object");
  if (!is_finite(value)) return fail(Errc::kInternal, "a message has a number that is out of range");
  return std::move(value.get_object());
}

Result<Received> receive_message(int fd) {
  ssize_t n = receive_now(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC);
  std::string buffer(n > 0 ? static_cast<size_t>(n) : 0, '\0');
  if (n > 0) n = receive_now(fd, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return Received{};
  if (was_reset(n)) return Received{std::nullopt, true, std::nullopt};
  if (n < 0) return fail_errno("cannot receive");
  if (n == 0) return Received{std::nullopt, true, std::nullopt};
  auto message = parse_message(buffer);
  if (!message) return Received{std::nullopt, false, message.error().message()};
  return Received{std::move(*message), false, std::nullopt};
}

Result<json::Object> await_message(int fd, Nanos limit) {
  BootTime until = boot_now() + limit;
  for (;;) {
    Received received = TRY(receive_message(fd));
    if (received.message) return std::move(*received.message);
    if (received.unreadable) return fail(Errc::kInternal, "a message cannot be read: " + *received.unreadable);
    if (received.closed) return fail(Errc::kNotFound, "the other side is gone");
    Nanos left = until - boot_now();
    if (left <= Nanos(0)) return fail(Errc::kTimeout, "no answer in time");
    pollfd poll_fd{fd, POLLIN, 0};
    ::poll(&poll_fd, 1, static_cast<int>(to_millis(left)) + 1);
  }
}

}  // namespace ordeal::guard
