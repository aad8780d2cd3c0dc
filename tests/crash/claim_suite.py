"""What halt, revert and verify-clean say while something is in force and nobody is left who would undo it: they undo it
first, say what, or say that they could not. Never "nothing"."""
import fcntl
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import attacks
from lab import Run, kill, now, read, traces, wait_until

ALL = ("engine", "guard", "reaper", "standby")


def paused(lab):
    """A run whose pause is in force, and its processes."""
    lab.victim.ensure()
    run = Run(lab, dict(attacks.Pause().experiment(lab), length="30s", attack={"type": "pause"}))
    run.wait_injected()
    return run, {"engine": run.engine, "guard": run.guard(), "reaper": run.reaper(), "standby": run.helper("standby")}


def strike(pids, names, number):
    for name in names:  # first they stand still, so that none acts on the death of another
        kill(pids[name], signal.SIGSTOP)
    for name in names:
        kill(pids[name], number)
    if number == signal.SIGKILL:
        wait_until(lambda: not any(os.path.exists(f"/proc/{pids[name]}/exe") for name in names), 3)


def tidy(lab, run):
    run.end()
    lab.victim_cgroup.thaw()
    lab.command("revert", "--state-dir", run.state, timeout=20)
    run.forget()


def check(lab, done, expected, says, frozen_after=False):
    """Problems with an answer: its exit code, what it must say, and the state of the victim when it said so."""
    said = done.stdout + done.stderr
    problems = [] if done.returncode in expected else [f"exit {done.returncode}, expected {expected}: {said}"]
    problems += [f"it does not say \"{text}\": {said}" for text in says if text not in said]
    if any(claim in said for claim in ("Nothing", "No fault", "were removed in")) and lab.victim_cgroup.frozen():
        problems.append("it says that nothing is in force while the victim is frozen: " + said)
    if lab.victim_cgroup.frozen() != frozen_after:
        problems.append("the victim is " + ("not frozen" if frozen_after else "frozen still"))
    return problems


def all_dead(lab, report, argv, says):
    run, pids = paused(lab)
    strike(pids, ALL, signal.SIGKILL)
    problems = [] if lab.victim_cgroup.frozen() else ["the victim was not frozen, so nothing is shown"]
    argv = [run.ids()[0] if word == "RUN" else word for word in argv]
    done = lab.command(*argv, "--state-dir", run.state, timeout=20)
    problems += check(lab, done, (0, 6) if argv[0] == "verify-clean" else (0,), says)  # others work on the machine
    report.case(f"all four killed, then {argv[0]}{' RUN' if len(argv) > 1 else ''}", problems, done.stdout.strip()[:120])
    tidy(lab, run)


def all_stopped(lab, report):
    """Engine, guard, reaper and standby stopped: a live run that nobody ends but halt."""
    run, pids = paused(lab)
    strike(pids, ALL, signal.SIGSTOP)
    done = lab.command("revert", "--state-dir", run.state, timeout=20)
    report.case("all four stopped, then revert",
                check(lab, done, (3,), [run.ids()[0], "live", "ordeal halt"], frozen_after=True), done.stdout.strip()[:120])
    done = lab.command("verify-clean", "--state-dir", run.state, timeout=20)
    report.case("all four stopped, then verify-clean", check(lab, done, (3,), [run.ids()[0], "live"], frozen_after=True))
    begin = now()
    done = lab.command("halt", "--state-dir", run.state, timeout=30)
    took = now() - begin
    problems = check(lab, done, (0,), ["undone: thaw", "faults were removed"])
    problems += [] if took < 2 else [f"it took {took:.2f} s, bar 2 s"]
    report.case("all four stopped, then halt", problems, f"{took:.2f} s")
    for pid in pids.values():
        kill(pid, signal.SIGCONT)
    code = run.wait()
    report.case("all four stopped, halted, then continued", [] if code in (5, 7) else [f"exit {code}, expected 5 or 7"])
    lab.command("resume", "--state-dir", run.state)
    report.case("and nothing is left", traces.clean_within(lab, run)[1])
    tidy(lab, run)


def without_rights(lab, report):
    """Somebody else's run: no claim."""
    run, _ = paused(lab)
    os.chmod(lab.folder, 0o755)
    os.chmod(run.state, 0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for argv in (["halt"], ["revert"], ["verify-clean"], ["halt", run.ids()[0]]):
        done = subprocess.run([*nobody, lab.ordeal, *argv, "--state-dir", run.state], capture_output=True, text=True)
        report.case(f"without rights, {argv[0]}{' RUN' if len(argv) > 1 else ''}",
                    check(lab, done, (3,), ["ordeal:"], frozen_after=True), (done.stdout + done.stderr).strip()[:110])
    run.process.terminate()
    run.wait()
    tidy(lab, run)


def of_root(lab, report):
    """Somebody without rights, who has folders of his own, halts while a run of root's is in force: in a mount namespace
    where /run is empty but for that run."""
    claims = json.dumps({"v": 1, "run": "r20260101t000000z-abcde", "claims": ["cgroup:/a"], "targets": 1})
    script = """mount -t tmpfs none /run && mkdir -p /run/ordeal/r20260101t000000z-abcde
    printf %s "$1" >/run/ordeal/r20260101t000000z-abcde/claims.json
    HOME=/tmp/ordeal-nobody-home exec setpriv --reuid=65534 --regid=65534 --clear-groups "$2" halt"""
    env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
    home = Path("/tmp/ordeal-nobody-home")
    home.mkdir(exist_ok=True)
    os.chown(home, 65534, 65534)
    done = subprocess.run(["unshare", "-m", "sh", "-ec", script, "sh", claims, lab.ordeal], capture_output=True, text=True,
                          env=env)
    shutil.rmtree(home)
    report.case("without rights, a run of root's", check(lab, done, (3,), ["root's run ", "sudo ordeal halt"]),
                (done.stdout + done.stderr).strip()[:110])


def locked_registry(lab, report):
    """Whoever holds the registry's lock keeps no halt from being asked for."""
    run, _ = paused(lab)
    with open(f"{run.state}/run/registry.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        halting = subprocess.Popen([lab.ordeal, "halt", "--state-dir", run.state], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        thawed = wait_until(lambda: not lab.victim_cgroup.frozen(), 1.5)
        problems = [] if thawed else ["the victim is still paused"]
        problems += [] if os.path.exists(f"{run.state}/halt.json") else ["the latch is not engaged"]
    said = halting.communicate(timeout=30)[0]
    report.case("halt while the registry is locked", problems, said.strip()[:110])
    run.wait()
    lab.command("resume", "--state-dir", run.state)
    tidy(lab, run)


def damaged(lab, report):
    """What cannot be undone engages the latch."""
    run, pids = paused(lab)
    strike(pids, ALL, signal.SIGKILL)
    journal = f"{run.state}/journal/{run.ids()[0]}.journal"
    with open(journal, "r+b") as file:  # the record before the last is damaged
        file.seek(30)
        file.write(b"!")
    done = lab.command("revert", "--state-dir", run.state, timeout=20)
    problems = check(lab, done, (6,), ["NOT undone", "damaged"], frozen_after=True)
    problems += [] if "a revert failed" in read(f"{run.state}/halt.json") else ["the latch is not engaged"]
    done = lab.command("halt", "--state-dir", run.state, timeout=20)
    problems += check(lab, done, (6,), ["NOT undone"], frozen_after=True)
    report.case("a journal that cannot be replayed", problems)
    os.unlink(journal)
    tidy(lab, run)


def run_suite(lab, report, options):
    for argv, says in ((["halt"], ["undone: thaw", "faults were removed"]), (["halt", "RUN"], ["undone: thaw"]),
                       (["revert"], ["undone: thaw"]), (["verify-clean"], ["undone: thaw"])):
        if options.only in "killed " + argv[0]:
            all_dead(lab, report, argv, says)
    if options.only in "stopped":
        all_stopped(lab, report)
    if options.only in "rights":
        without_rights(lab, report)
        of_root(lab, report)
    if options.only in "locked":
        locked_registry(lab, report)
    if options.only in "damaged":
        damaged(lab, report)
