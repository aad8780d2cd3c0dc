"""Namespaces in which a whole program with all that it starts lives, so that the kernel ends it all with them.

Run as a program, it is their first process. It needs nothing of the rest of the lab."""
import os
import select
import signal
import subprocess
import sys
import time

AS_ROOT_OUTSIDE = "ORDEAL_DEMO_AS_ROOT"  # set for the isolated part, where everyone is uid 0


def isolated(argv, as_root, own_network=True):
    """Runs argv in namespaces of its own; it gets SIGTERM when we end or are told to. Its exit code."""
    user = [] if as_root else ["--user", "--map-root-user"]
    network = ["--net"] if own_network else []
    unshare = ["unshare", *user, *network, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    life, ours = os.pipe()
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    closing = []

    def end(*_):
        if not closing:
            closing.append(os.close(ours))

    before = {number: signal.signal(number, end) for number in signals}
    child = subprocess.Popen(
        [*unshare, sys.executable, __file__, str(life), *argv],
        pass_fds=[life],
        env={**os.environ, AS_ROOT_OUTSIDE: "1" if as_root else ""},
    )
    os.close(life)
    code = child.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    return code


def as_root_outside():
    return bool(os.environ.get(AS_ROOT_OUTSIDE))


def init(life, argv):
    """The first process of the PID namespace: reaps, and asks argv to end when `life` closes. Its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    main = subprocess.Popen(argv)
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        status = reap(main.pid)
        if status is not None:
            return os.waitstatus_to_exitcode(status) & 0xFF
        if deadline is None and select.select([life], [], [], 0.1)[0]:
            os.kill(main.pid, signal.SIGTERM)
            deadline = time.monotonic() + 20
        elif deadline is not None:
            time.sleep(0.05)
    return 130


def reap(awaited):
    """Reaps what has ended. The wait status of `awaited`, when it is among that."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == awaited:
            status = ended


if __name__ == "__main__":
    sys.exit(init(int(sys.argv[1]), sys.argv[2:]))
