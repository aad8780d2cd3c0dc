#include "run/report/terminal/live_terminal.h"

#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "core/base/io/output.h"
#include "run/report/terminal/text_report.h"

namespace ordeal::report {
namespace {

struct Size {
  size_t width = 80, height = 24;
};

Size size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {std::max<size_t>(size.ws_col, 20), std::max<size_t>(size.ws_row, 4)};
}

bool is_set(const char* name) {
  const char* value = ::getenv(name);
  return value && *value;
}

}  // namespace

TerminalStyle style_of(const TerminalOptions& options) { return {size_of(options.fd).width, options.colour}; }

TerminalOptions terminal_options(int fd) {
  const char* term = ::getenv("TERM");
  bool able = ::isatty(fd) && term && std::string_view(term) != "dumb" && *term;
  return {fd, able, able && !is_set("NO_COLOR")};
}

// A terminal that is stopped must not hold up a run: what it does not take within 100 ms is dropped, and until it
// takes something again nothing is waited for. The lines of a log are kept for it (base/output.h).
void LiveTerminal::write(std::string_view text) {
  if (!options_.redraw) {
    put_document(text);
    return push_output();
  }
  while (!text.empty()) {
    pollfd ready{options_.fd, POLLOUT, 0};
    stuck_ = ::poll(&ready, 1, stuck_ ? 0 : 100) <= 0;
    if (stuck_) return;
    // A pipe that is ready takes this much without blocking.
    ssize_t written = ::write(options_.fd, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void LiveTerminal::redraw(BootTime now) {
  Size size = size_of(options_.fd);
  std::vector<std::string> lines = view_.frame(now, {size.width, options_.colour, size.height - 1});
  // What does not fit above the cursor could not be drawn over: the top is left out.
  if (lines.size() + 1 > size.height) lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(size.height - 1));
  std::string out = drawn_ > 0 ? fmt::format("\r\x1b[{}A", drawn_) : "";
  for (const std::string& line : lines) out += line + "\x1b[K\n";
  out += "\x1b[J";
  drawn_ = lines.size();
  write(out);
}

void LiveTerminal::update(BootTime now) {
  if (options_.redraw) return redraw(now);
  std::string out;
  for (const std::string& line : view_.new_lines(now)) out += line + "\n";
  write(out);
}

void LiveTerminal::finish(const RunSummary& summary, const std::string& report_path) {
  update(summary.end);
  std::string out = options_.redraw ? "\n" : "";
  write(out + ending_in_words(summary, report_path, style_of(options_)));
}

}  // namespace ordeal::report
