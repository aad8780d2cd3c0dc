"""What processes and cgroups can do to an attack: names that are no text, a victim in another one, one that stands still
already or sleeps in the kernel, and kills that could not be taken back."""
import json
import os
import signal
import subprocess
import sys
import time

import attacks
from lab import Cgroup, Run, kill, read, start, wait_until

HIERARCHIES = ["unified", "freezer", "cpu", "cpuacct"]
WAITS_FOR_VFORK = """
import os, sys, time
os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])
time.sleep(1000)
"""


def state(pid):
    text = read(f"/proc/{pid}/stat")
    return text[text.rindex(")") + 2] if text else "-"


def expect(*facts):
    """What is wrong: each fact is (true when all is well, what it is else)."""
    return [said for well, said in facts if not well]


def of(kind, target, length="700ms", **args):
    return {"name": "crash " + kind, "target": target, "baseline": "100ms", "recovery": "2s",
            "sources": {"interval": "100ms"},
            "attack": {"type": kind, "args": args, "length": length},
            "expect": [{"name": "always", "probe": {"command": ["true"]}, "condition": "result == 0"}]}


def plan(lab, experiment, run, *flags):
    path = run.base + ".plan.json"
    with open(path, "w") as file:
        json.dump(experiment, file)
    return lab.command("plan", path, "--state-dir", run.state, *flags, timeout=20)


def forget(run):
    run.end()
    run.forget()


def wake(fifo):
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return True
    except OSError:  # the reader is not there yet
        return False


class Nest:
    """A cgroup in a cgroup, each with a process."""

    def __init__(self, lab):
        self.outer = Cgroup(f"/{lab.name}/nest", HIERARCHIES)
        self.inner = Cgroup(f"/{lab.name}/nest/inner", HIERARCHIES)
        self.processes = [start(["sleep", "1000"], [self.outer]), start(["sleep", "1001"], [self.inner])]
        wait_until(lambda: all(read(f"/proc/{p.pid}/comm") == "sleep\n" for p in self.processes), 2)

    def freeze(self):
        for folder in self.outer.folders:
            if os.path.exists(folder + "/freezer.state"):
                with open(folder + "/freezer.state", "w") as file:
                    file.write("FROZEN")
                return
        with open(self.outer.folders[0] + "/cgroup.freeze", "w") as file:
            file.write("1")

    def end(self):
        self.outer.thaw()
        self.inner.thaw()
        for process in self.processes:
            process.kill()
            process.wait()
        self.outer.remove()


def target(cgroup):
    return {"type": "container", "cgroup": cgroup.path}


def name_that_is_no_text(lab, report):
    name = b"\xff\xfe\x80 sl\xc3"
    code = f"import ctypes, time\nctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0)\ntime.sleep(1000)\n"
    for kind, args in (("process_killer", {"process": "sl", "interval": "100ms"}), ("pause", {}),
                       ("cpu", {"percent": 5}), ("shutdown", {"delay": "100ms"})):
        victim = start([sys.executable, "-c", code, b"--\xff"], [lab.victim_cgroup])
        wait_until(lambda: b"\xff\xfe" in open(f"/proc/{victim.pid}/comm", "rb").read(), 3)
        run = Run(lab, of(kind, {"type": "container", "cgroup": lab.victim_cgroup.path}, **args))
        code_ = run.wait()
        verdict = run.event("verdict")
        planned = plan(lab, of(kind, {"type": "container", "cgroup": lab.victim_cgroup.path}, **args), run)
        problems = expect((code_ == 0, f"exit code {code_}, expected 0: {run.text()[-300:]}"),
                          (verdict is not None, "no verdict"),
                          (planned.returncode in (0, 4), f"plan: exit {planned.returncode} {planned.stderr}"))
        report.case(f"a name that is no text, {kind}", problems, verdict["data"]["reason"][:200] if verdict else "")
        kill(victim.pid)
        victim.wait()
        forget(run)
        lab.victim.ensure()


def nested(lab, report):
    for first, second in (("inner", "outer"), ("outer", "inner")):
        nest = Nest(lab)
        one = Run(lab, of("pause", target(getattr(nest, first)), length="20s"))
        one.wait_injected()
        experiment = of("pause", target(getattr(nest, second)))
        planned = plan(lab, experiment, one)
        two = Run(lab, experiment, state=one.state)
        code_two, standing = two.wait(), getattr(nest, first).frozen()
        lab.command("halt", one.event("run")["run"], "--state-dir", one.state, timeout=20)
        code_one = one.wait()
        report.case(f"a pause of the {second} one while the {first} one is paused", expect(
            (planned.returncode == 3, f"plan: exit {planned.returncode}, expected 3: {planned.stdout}"),
            (code_two == 3, f"the second run: exit {code_two}, expected 3"),
            ("already" in two.text(), "it does not say why: " + two.text()[-300:]),
            (standing, "the first pause did not last"),
            (code_one == 5, f"the first run: exit {code_one}, expected 5: {one.text()[-300:]}"),
            (not os.path.exists(one.state + "/halt.json"), "the latch is engaged")), two.text().strip()[:200])
        forget(two)
        forget(one)
        nest.end()


def nested_in_one_run(lab, report):
    nest = Nest(lab)
    inventory = [{"name": name, "kind": "container", "labels": {"app": "x"}, "cgroup": cgroup.path}
                 for name, cgroup in (("outer", nest.outer), ("inner", nest.inner))]
    path = lab.folder + "/nest.json"
    with open(path, "w") as file:
        json.dump(inventory, file)
    experiment = of("pause", {"type": "container", "labels": {"app": "x"}})
    run = Run(lab, experiment, flags=["--inventory", path])
    code = run.wait()
    planned = plan(lab, experiment, run, "--inventory", path)
    report.case("a victim in another victim of the run", expect(
        (code == 3, f"exit {code}, expected 3"),
        (planned.returncode == 3, f"plan: exit {planned.returncode}, expected 3"),
        (not run.injected(), "one was paused all the same"),
        ("which meets" in planned.stdout, "plan does not say it: " + planned.stdout)), run.text().strip()[:200])
    forget(run)
    nest.end()


def frozen_by_somebody(lab, report):
    nest = Nest(lab)
    nest.freeze()
    for kind, args in (("pause", {}), ("cpu", {"percent": 5}), ("process_killer", {"process": "sleep"}),
                       ("shutdown", {"delay": "0s"})):
        experiment = of(kind, target(nest.inner), **args)
        run = Run(lab, experiment)
        code = run.wait()
        planned = plan(lab, experiment, run)
        report.case(f"a victim that somebody froze, {kind}", expect(
            (code == 3, f"exit {code}, expected 3: {run.text()[-300:]}"),
            (planned.returncode == 3, f"plan: exit {planned.returncode}, expected 3"),
            (nest.outer.frozen(), "it was thawed")), run.text().strip()[:160])
        forget(run)
    nest.outer.thaw()
    time.sleep(0.1)
    report.case("what was frozen lives and runs", expect(
        (all(p.poll() is None for p in nest.processes), "a kill waited for the thaw"),
        (all(wait_until(lambda: state(p.pid) == "S", 1) for p in nest.processes), "it stands still")))
    nest.end()


def asleep_in_the_kernel(lab, report):
    """The stop of a sleeping process is pending. However its run ends, it runs when it wakes."""
    fifo = lab.folder + "/fifo"
    os.mkfifo(fifo)
    for name in ("its end", "halt", "guard killed", "all killed, then revert"):
        victim = subprocess.Popen([sys.executable, "-c", WAITS_FOR_VFORK, fifo], start_new_session=True)
        wait_until(lambda: state(victim.pid) == "D", 3)
        run = Run(lab, of("pause", {"type": "process", "pattern": fifo}, length="1s"))
        run.wait_injected()
        if name == "halt":
            lab.command("halt", "--state-dir", run.state, timeout=20)
        if name == "guard killed":
            kill(run.guard())
        if name.startswith("all"):
            pids = [run.reaper(), run.guard(), run.engine]
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in pids:
                    kill(pid, number)
            run.process.wait()
            wait_until(lambda: not lab.processes_of(run.state), 2)
            lab.command("revert", "--state-dir", run.state, timeout=20)
        run.wait()
        asleep = state(victim.pid)
        wait_until(lambda: wake(fifo), 2)
        awake = wait_until(lambda: state(victim.pid) == "S", 2)
        report.case(f"a process asleep in the kernel, {name}", expect(
            (asleep == "D", f"it did not sleep all the time: {asleep}; the test shows nothing"),
            (awake, f"awake, it is {state(victim.pid)}, and should run")))
        os.killpg(victim.pid, signal.SIGKILL)
        victim.wait()
        forget(run)


def one_of_three_matches(lab, report):
    cgroups = [Cgroup(f"/{lab.name}/third{i}", HIERARCHIES) for i in range(3)]
    victims = [start(["tail" if i else "sleep", *(["-f", "/dev/null"] if i else ["1000"])], [cgroup])
               for i, cgroup in enumerate(cgroups)]
    wait_until(lambda: [read(f"/proc/{v.pid}/comm").strip() for v in victims] == ["sleep", "tail", "tail"], 2)
    path = lab.folder + "/three.json"
    with open(path, "w") as file:
        json.dump([{"name": f"third{i}", "kind": "container", "labels": {"app": "three"}, "cgroup": cgroup.path}
                   for i, cgroup in enumerate(cgroups)], file)
    where = {"type": "container", "labels": {"app": "three"}}
    killer = of("process_killer", where, process="sleep")
    run = Run(lab, killer, flags=["--inventory", path])
    code = run.wait()
    verdict = run.event("verdict") or {"data": {"outcome": "", "reason": run.text()}}
    report.case("a killer that matches one of three victims", expect(
        (code == 4, f"exit {code}, expected 4"),
        (all(v.poll() is None for v in victims), "somebody was killed"),
        ("third1" in run.text() and "third2" in run.text(), "it does not name the victims that cannot be hit")),
        verdict["data"]["reason"])
    forget(run)
    run = Run(lab, dict(killer, min_injected=30), flags=["--inventory", path])
    code = run.wait()
    verdict = run.event("verdict") or {"data": {"reason": run.text()}}
    report.case("a killer that needs one of three", expect(
        (code == 0, f"exit {code}, expected 0"),
        ([v.poll() is None for v in victims] == [False, True, True], "not just the one was killed"),
        ("third0: 1 process was killed, and it was not back" in verdict["data"]["reason"], "it does not say so")),
        verdict["data"]["reason"])
    forget(run)
    for victim, cgroup in zip(victims, cgroups):
        kill(victim.pid)
        victim.wait()
        cgroup.remove()


def comes_back(lab, report):
    lab.victim.ensure()
    respawner = attacks.Respawner(lab.victim)
    run = Run(lab, of("process_killer", lab.target(), process="sleep", exact=True, interval="10s"))
    code = run.wait()
    respawner.stop()
    verdict = run.event("verdict") or {"data": {"reason": run.text()}}
    report.case("a killed process that comes back", expect(
        (code == 0, f"exit {code}, expected 0"),
        ("1 process was killed, and it was back within" in verdict["data"]["reason"], "it does not say so")),
        verdict["data"]["reason"])
    forget(run)


def run_suite(lab, report, options):
    lab.victim.ensure()
    for case in (name_that_is_no_text, nested, nested_in_one_run, frozen_by_somebody, asleep_in_the_kernel,
                 one_of_three_matches, comes_back):
        if options.only in case.__name__:
            case(lab, report)
