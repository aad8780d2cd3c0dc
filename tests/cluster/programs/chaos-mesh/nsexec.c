// Stands in for nsexec 0.1, a program in Rust that Chaos Mesh's daemon runs its commands by and that no registry has:
//   nsexec [-c PATH] [-i PATH] [-n PATH] [-p PATH] -- COMMAND...
// enters the namespaces, starts the command as a child, passes SIGTERM and SIGINT on to it as SIGTERM, and ends with its
// code, or with 0 when a signal ended it. Not here: mount namespaces (-m, -l) and kept descriptors.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t child;

static void pass_on(int number) {
  (void)number;
  if (child > 0) kill(child, SIGTERM);
}

static void enter(const char* path, int kind) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && setns(fd, kind) == 0) return;
  perror(path);
  exit(101);
}

int main(int argc, char** argv) {
  signal(SIGINT, pass_on);
  signal(SIGTERM, pass_on);
  for (int option; (option = getopt(argc, argv, "+c:i:n:p:")) != -1;) {
    switch (option) {
      case 'c': enter(optarg, CLONE_NEWCGROUP); break;
      case 'i': enter(optarg, CLONE_NEWIPC); break;
      case 'n': enter(optarg, CLONE_NEWNET); break;
      case 'p': enter(optarg, CLONE_NEWPID); break;
      default: return 1;
    }
  }
  if (optind == argc) return 1;
  child = fork();
  if (child == 0) {
    execvp(argv[optind], argv + optind);
    perror(argv[optind]);
    _exit(101);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}
