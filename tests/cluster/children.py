"""The programs of a cluster. Each carries the cluster's mark in its environment, and so does what it starts (the shims
of containerd, which leave their parent), so that another process finds all of them later, and none that only has a
number of theirs."""
import os
import signal
import subprocess

from lab.processes import wait_until

MARK = "ORDEAL_TEST_CLUSTER"


def start(argv, mark, log, mortal=True, environment=None):
    """What it says is added to the file `log`. `mortal`: it dies with the thread that calls this."""
    words = ["setpriv", "--pdeathsig", "KILL", "--", *argv] if mortal else argv
    with open(log, "a") as output:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                start_new_session=True, env={**os.environ, **(environment or {}), MARK: mark})


def has(pid, mark):
    """Of a process that has ended, and of one that is another user's: no."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"{MARK}={mark}".encode() in file.read().split(b"\0")
    except OSError:
        return False


def marked(mark):
    """{pid: pidfd} of the living that carry the mark; the caller closes them."""
    found = {}
    for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]:
        if not has(pid, mark):
            continue
        try:
            found[pid] = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if not has(pid, mark):  # another process has the number by now
            os.close(found.pop(pid))
    return found


def kill_marked(mark, patience=10):
    """Until none is left; those that would start others are among them, so it looks again."""
    def none_left():
        found = marked(mark)
        for handle in found.values():
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.close(handle)
        return not found
    if wait_until(none_left, patience, 0.02) is None:
        raise RuntimeError(f"processes of a test cluster do not end: {sorted(marked(mark))}")
