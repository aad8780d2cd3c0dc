#include "core/base/io/output.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "core/base/text/printable.h"
#include "core/base/text/secrets.h"

namespace ordeal {
namespace {

constexpr size_t kPushAt = 1 << 16;
// Milliseconds.
constexpr int kErrorWaits = 200;
constexpr int kPatience = 1000;
constexpr size_t kMostWaiting = size_t{64} << 20;  // of a reader that does not read

// Standard output: what waits, and what became of the rest.
class Output {
 public:
  void put(std::string_view text) {
    if (closed_) return;
    if (waiting_.size() - pushed_ > kMostWaiting) return fail(ENOBUFS);
    waiting_ += text;
    if (waiting_.size() - pushed_ >= kPushAt) push(0);
  }

  // `timeout` as for poll(2).
  void push(int timeout) {
    while (pushed_ < waiting_.size() && !closed_) {
      if (!is_file() && !ready(timeout)) return;
      // A pipe that is ready takes this much without blocking.
      size_t most = is_file() ? waiting_.size() : PIPE_BUF;
      ssize_t n = ::write(STDOUT_FILENO, waiting_.data() + pushed_, std::min(waiting_.size() - pushed_, most));
      if (n < 0 && errno != EINTR && errno != EAGAIN) return fail(errno);
      if (n > 0) pushed_ += static_cast<size_t>(n);
    }
    waiting_.clear();
    pushed_ = 0;
  }

  bool waits() const { return pushed_ < waiting_.size(); }
  // 0: all was written, or its reader has gone.
  int failure() const { return failure_; }
  // 0 from the second time on.
  int take_failure() { return std::exchange(taken_, true) ? 0 : failure_; }

 private:
  static bool is_file() {
    struct stat is {};
    return ::fstat(STDOUT_FILENO, &is) == 0 && S_ISREG(is.st_mode);
  }
  static bool ready(int timeout) {
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    int count = 0;
    while ((count = ::poll(&out, 1, timeout)) < 0 && errno == EINTR) continue;
    return count > 0;
  }
  void fail(int number) {
    closed_ = true;
    waiting_.clear();
    pushed_ = 0;
    if (number != EPIPE) failure_ = number;
  }

  std::string waiting_;
  size_t pushed_ = 0;  // of it
  bool closed_ = false;
  int failure_ = 0;
  bool taken_ = false;  // somebody has said it
};

Output& output() {
  static Output one;
  return one;
}

std::vector<std::string>& hidden() {
  static std::vector<std::string> secrets;
  return secrets;
}

}  // namespace

const std::vector<std::string>& hidden_in_output() { return hidden(); }

void guard_output() {
  for (int signal : {SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_IGN);
  for (int fd = 0; fd <= STDERR_FILENO;)
    if (::fcntl(fd, F_GETFD) >= 0 || ::open("/dev/null", O_RDWR) == fd)
      ++fd;
    else
      return;
}

void hide_in_output(std::vector<std::string> secrets) {
  for (std::string& secret : secrets) hidden().push_back(std::move(secret));
}

void put_document(std::string_view text) { output().put(text); }
void put_json(std::string_view json) { output().put(hide(printable_json(json), hidden())); }

void put_error(std::string_view text) {
  output().push(0);
  while (!text.empty()) {
    pollfd out{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&out, 1, kErrorWaits) == 0) return;  // nobody reads, and a run must go on
    ssize_t n = ::write(STDERR_FILENO, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (n < 0 && errno != EINTR && errno != EAGAIN) return;  // nobody is left to be told
    if (n > 0) text.remove_prefix(static_cast<size_t>(n));
  }
}

void push_output() { output().push(0); }

Result<> take_output_failure() {
  if (output().failure() == 0) return {};
  int number = output().take_failure();
  if (number == 0) return {};
  return fail_errno("cannot write to standard output", number);
}

bool finish_output() {
  output().push(kPatience);
  if (output().waits()) {
    // Nothing is left but to wait for the reader: a person may end that, also where a run had taken the signals.
    sigset_t endings;
    sigemptyset(&endings);
    for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&endings, number);
    ::pthread_sigmask(SIG_UNBLOCK, &endings, nullptr);
    output().push(-1);
  }
  auto failed = take_output_failure();
  if (!failed) print_to_error("ordeal: {}\n", failed.error().message());
  return output().failure() == 0;
}

std::string shown_text(std::string_view text) { return printable(hide(hide_secrets(text), hidden())); }

}  // namespace ordeal
