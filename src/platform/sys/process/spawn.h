// Child: a program started by its argument list (never a shell), and its one owner. It gets no descriptor but those
// asked for, default signal handling, and a process group of its own. Destroying a Child that still runs kills the
// whole group and waits for the child. With die_with_parent the kernel kills it when the *thread* that started it ends:
// start such children from the main thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::sys {

enum class Stream { kInherit, kNull, kPipe };

struct SpawnOptions {
  std::vector<std::string> argv;
  std::string program;                                  // the file to run; "" looks argv[0] up in PATH
  std::optional<std::vector<std::string>> environment;  // "NAME=value"; absent is ours
  std::string folder;                                   // working folder; "" is ours
  Stream in = Stream::kNull;
  Stream out = Stream::kInherit;
  Stream err = Stream::kInherit;
  std::vector<std::pair<int, int>> pass;  // our descriptor, and its number in the child (3 or more)
  bool die_with_parent = false;
};

struct ExitStatus {
  int code = -1;   // when it exited
  int signal = 0;  // when a signal ended it
  bool ok() const { return signal == 0 && code == 0; }
  std::string text() const;  // "exited with 1", "was ended by signal 9 (Killed)"
};

class Child {
 public:
  // Fails when the program cannot be executed (the child's own exec error).
  static Result<Child> start(const SpawnOptions& options);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return handle_->pid(); }
  int fd() const { return handle_->fd(); }  // readable once it has ended
  // Our ends of the pipes; -1 when the stream is no pipe.
  int in() const { return in_.get(); }
  int out() const { return out_.get(); }
  int err() const { return err_.get(); }
  void close_in() { in_.reset(); }
  UniqueFd take_out() { return std::move(out_); }
  UniqueFd take_err() { return std::move(err_); }

  bool ended() const { return handle_->dead(); }  // also before it was waited for

  // Nothing when it still runs after `limit`. Once it has ended, the same answer each time.
  std::optional<ExitStatus> wait(Nanos limit);
  // To the whole group; a group that is gone is fine.
  void kill_group(int signal) const;
  // Gives it up without waiting: when it still runs, it goes on, and init or our own end takes it.
  void detach();

 private:
  explicit Child(PidFd handle) : handle_(std::move(handle)) {}
  void end();

  std::optional<PidFd> handle_;
  std::optional<ExitStatus> status_;
  UniqueFd in_, out_, err_;
};

}  // namespace ordeal::sys
