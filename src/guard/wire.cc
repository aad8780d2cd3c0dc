#include "guard/wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace ordeal::guard {

Result<std::pair<UniqueFd, UniqueFd>> message_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) return fail_errno("cannot make a socket pair");
  return std::pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<> send_message(int fd, const json::Object& message) {
  std::string text = json::write(message);
  if (text.size() > kMaxMessage) return fail(Errc::kInternal, "a message is larger than 64 KiB");
  if (::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return fail(Errc::kTimeout, "the other side does not read");
  return fail_errno("cannot send");
}

Result<json::Object> parse_message(std::string_view text) {
  json::Value value = TRY(json::parse(text));
  if (!value.is_object()) return fail(Errc::kInternal, "a message is no JSON object");
  return std::move(value.get_object());
}

Result<Received> receive_message(int fd) {
  static thread_local std::string buffer(kMaxMessage, '\0');
  ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return Received{};
  if (n < 0 && errno == ECONNRESET) return Received{std::nullopt, true};
  if (n < 0) return fail_errno("cannot receive");
  if (n == 0) return Received{std::nullopt, true};
  return Received{TRY(parse_message(std::string_view(buffer.data(), static_cast<size_t>(n)))), false};
}

Result<json::Object> await_message(int fd, Nanos limit) {
  BootTime until = boot_now() + limit;
  for (;;) {
    Received received = TRY(receive_message(fd));
    if (received.message) return std::move(*received.message);
    if (received.closed) return fail(Errc::kNotFound, "the other side is gone");
    Nanos left = until - boot_now();
    if (left <= Nanos(0)) return fail(Errc::kTimeout, "no answer in time");
    pollfd poll_fd{fd, POLLIN, 0};
    ::poll(&poll_fd, 1, static_cast<int>(to_millis(left)) + 1);
  }
}

}  // namespace ordeal::guard
