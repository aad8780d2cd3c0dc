"""The death of engine, guard, reaper and standby at one instant leaves what is journalled. `ordeal revert` gives it back
in the same boot, leaves it alone in another boot (a changed boot id), and the next run gives it back before it starts.
Killed processes keep their locks and their cgroup until they have exited: that is waited for, and named where it takes
long."""
import ctypes
import os
import subprocess
import threading
import time

import attacks
from lab import Run, kill, read, traces, wait_until

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
BOOT_ID = "/proc/sys/kernel/random/boot_id"
PIDFD_GETFD = 438


class SlowExit:
    """What a process that takes long to exit still holds of a run: its locks, and its cgroup."""

    def __init__(self, run):
        self.fds = []
        libc = ctypes.CDLL(None, use_errno=True)
        for pid in (run.guard(), run.reaper()):
            handle = os.pidfd_open(pid)
            for name in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{name}").endswith(("/lock", ".journal")):
                    self.fds.append(libc.syscall(PIDFD_GETFD, handle, int(name), 0))
            os.close(handle)
        assert len(self.fds) >= 3 and min(self.fds) >= 0, self.fds
        cgroup = next(folder for folder in traces.run_cgroups(run.ids()) if "ordeal-reaper-" in folder)
        self.member = subprocess.Popen(["sleep", "60"])
        with open(cgroup + "/cgroup.procs", "w") as file:
            file.write(str(self.member.pid))

    def end(self):
        for fd in self.fds:
            os.close(fd)
        time.sleep(0.1)
        self.member.kill()
        self.member.wait()


def die_together(lab, before_death=None):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    run = Run(lab, dict(attacks.Pause().experiment(lab), attack={"type": "pause"}, length="5s"))
    run.wait_injected()
    time.sleep(0.1)
    if before_death:
        before_death(run)
    # Stopped first, so that none of them sees another one die.
    pids = [run.helper("standby"), run.reaper(), run.guard(), run.engine]
    for number in (19, 9):
        for pid in pids:
            kill(pid, number)
    run.process.wait()
    wait_until(lambda: not lab.processes_of(run.state), 2)
    return run, before


def with_other_boot_id(lab, run, *argv):
    """`ordeal` in a mount namespace where the kernel's boot id is another one."""
    other = run.state + ".boot"
    with open(other, "w") as file:
        file.write("00000000-1111-2222-3333-444444444444\n")
    libc = ctypes.CDLL(None, use_errno=True)

    def enter():
        if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) or \
                libc.mount(other.encode(), BOOT_ID.encode(), None, MS_BIND, None):
            os._exit(98)

    done = subprocess.run([lab.ordeal, *argv, "--state-dir", run.state], preexec_fn=enter, capture_output=True,
                          text=True, timeout=20)
    os.unlink(other)
    return done


def finish(lab, report, name, run, before, problems, note):
    problems += traces.clean_within(lab, run)[1]
    lab.victim_cgroup.thaw()
    problems += traces.differences(before, traces.fingerprint(lab))
    report.case(name, problems, note)
    run.end()
    run.forget()


def same_boot(lab, report):
    run, before = die_together(lab)
    problems = [] if lab.victim_cgroup.frozen() else ["nothing was left to revert: the test shows nothing"]
    done = lab.command("revert", "--state-dir", run.state, timeout=20)
    if done.returncode != 0 or ": undone: thaw" not in done.stdout:
        problems.append(f"exit {done.returncode}: {done.stdout}{done.stderr}")
    again = lab.command("revert", "--state-dir", run.state, timeout=20)
    if again.returncode != 0 or "Nothing" not in again.stdout:
        problems.append(f"the second time: exit {again.returncode}: {again.stdout}{again.stderr}")
    finish(lab, report, "revert in the same boot thaws", run, before, problems, done.stdout.strip())


def other_boot(lab, report):
    run, before = die_together(lab)
    problems = [] if lab.victim_cgroup.frozen() else ["nothing was left to revert: the test shows nothing"]
    done = with_other_boot_id(lab, run, "revert")
    if done.returncode != 0 or "from another boot" not in done.stdout or ": undone" in done.stdout:
        problems.append(f"exit {done.returncode}: {done.stdout}{done.stderr}")
    if not lab.victim_cgroup.frozen():
        problems.append("it undid what another boot is said to have done")
    lab.victim_cgroup.thaw()  # as the restart would have
    finish(lab, report, "revert after a restart of the machine undoes nothing", run, before, problems,
           (done.stdout + done.stderr).strip())


def next_run(lab, report):
    run, before = die_together(lab)
    again = Run(lab, attacks.Pause().experiment(lab), state=run.state)
    code = again.wait(15)
    problems = [] if code == 4 and again.injected() else [f"exit {code}: {again.text()[-400:]}"]
    finish(lab, report, "the next run reverts first", run, before, problems, f"exit {code}")
    again.end()


def frozen_since(lab, report):
    """What somebody else gave back in between needs nothing."""
    run, before = die_together(lab)
    lab.victim_cgroup.thaw()
    done = lab.command("revert", "--state-dir", run.state, timeout=20)
    as_before = done.returncode == 0 and "was already as before" in done.stdout and ": undone" not in done.stdout
    problems = [] if as_before else [f"exit {done.returncode}: {done.stdout}{done.stderr}"]
    finish(lab, report, "revert of what somebody thawed already is success", run, before, problems, done.stdout.strip())


def slow_exit(lab, report, *argv):
    """The dead hold their locks for 0.3 s more, and the cgroup for 0.4 s."""
    slow = []
    run, before = die_together(lab, lambda run: slow.append(SlowExit(run)))
    end = threading.Timer(0.3, slow[0].end)
    end.start()
    again = None
    if argv:
        done = lab.command(*argv, "--state-dir", run.state, timeout=20)
        problems = [] if done.returncode == 0 and ": undone: thaw" in done.stdout else \
            [f"exit {done.returncode}: {done.stdout}{done.stderr}"]
    else:
        again = Run(lab, attacks.Pause().experiment(lab), state=run.state)
        code = again.wait(15)
        problems = [] if code == 4 and again.injected() else [f"exit {code}: {again.text()[-400:]}"]
    end.join()
    finish(lab, report, f"{argv[0] if argv else 'the next run'} waits for the exit of the dead", run, before, problems, "")
    if again:
        again.end()


def slow_exit_revert(lab, report):
    slow_exit(lab, report, "revert")


def slow_exit_next_run(lab, report):
    slow_exit(lab, report)


def endless_exit(lab, report):
    """What cannot be removed is named, and is no success; nor does another run start."""
    slow = []
    run, before = die_together(lab, lambda run: slow.append(SlowExit(run)))
    problems = []
    # What could not be reverted engages the latch, too.
    for argv, code, text in ((["revert"], 6, "still hold"), (["run", run.file], 3, "still hold")):
        done = lab.command(*argv, "--state-dir", run.state, timeout=20)
        said = done.stdout + done.stderr
        if done.returncode != code or text not in said:
            problems.append(f"{argv[0]}: exit {done.returncode}: {said}")
    for fd in slow[0].fds:
        os.close(fd)
    slow[0].fds = []
    done = lab.command("revert", "--state-dir", run.state, timeout=20)
    if done.returncode != 6 or "cannot remove the cgroup" not in done.stdout or ": undone: thaw" not in done.stdout:
        problems.append(f"with a busy cgroup: exit {done.returncode}: {done.stdout}{done.stderr}")
    slow[0].end()
    done = lab.command("revert", "--state-dir", run.state, timeout=20)
    if done.returncode != 0:
        problems.append(f"at last: exit {done.returncode}: {done.stdout}{done.stderr}")
    if lab.command("resume", "--state-dir", run.state, timeout=20).returncode != 0:
        problems.append("the latch was not engaged")
    finish(lab, report, "an exit that does not come to its end is named", run, before, problems, done.stdout.strip())


def run_suite(lab, report, options):
    assert read(BOOT_ID)
    for case in (same_boot, other_boot, next_run, frozen_since, slow_exit_revert, slow_exit_next_run, endless_exit):
        if options.only in case.__name__:
            case(lab, report)
