"""Somebody freezes the cgroup that Ordeal runs in (the engine and the guard; the reaper has one of its own). With the
freezer of version 1 a frozen guard cannot even be killed. What arrives for a latency attack then is held back until the
kernel's lease ends; a pause is undone by the reaper, and the load killed by it. Figures: how long until the victim is as before."""
import time

import attacks
from lab import Cgroup, Run, now, traces, wait_until

# The lease is 1 s, and was renewed at most 0.25 s before.
LIMITS = {"latency": 1.1, "pause": 1.0, "cpu": 1.0, "memory": 1.0}


def set_frozen(cgroup, frozen):
    for folder in cgroup.folders:
        for name, words in (("freezer.state", ("THAWED", "FROZEN")), ("cgroup.freeze", ("0", "1"))):
            try:
                with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                    file.write(words[frozen])
            except OSError:
                pass


def join(cgroup, pids):
    for folder in cgroup.folders:
        for pid in pids:
            with open(folder + "/cgroup.procs", "w", encoding="utf-8") as file:
                file.write(str(pid))


def back_to_normal(lab, attack, begin):
    if attack.type == "latency":
        return lab.stream.normal_since(begin, 3)
    if isinstance(attack, attacks.Taken):
        return wait_until(lambda: attack.given_back(lab), 3)
    if attack.type == "cpu":
        return wait_until(lambda: not traces.burners(lab), 3)
    return wait_until(lambda: not lab.victim_cgroup.frozen(), 3)


def one(lab, report, attack, cgroup):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    attack.before(lab)
    run = Run(lab, dict(attack.experiment(lab), length="20s", attack={"type": attack.type, "args": attack.args}))
    run.wait_injected()
    time.sleep(0.7)  # the kernel's lease has been renewed at least once
    join(cgroup, [run.engine, run.guard()])
    set_frozen(cgroup, True)
    begin = now()
    at = back_to_normal(lab, attack, begin)
    set_frozen(cgroup, False)
    limit = LIMITS[attack.type]
    problems = [] if at and at - begin <= limit else [f"not normal within {limit:g} s"]
    code = run.wait(10)
    problems += [] if code in (5, 7) else [f"exit code {code}, expected 5 or 7"]
    problems += traces.clean_within(lab, run)[1]
    lab.close_stream()
    lab.victim_cgroup.thaw()
    problems += traces.differences(before, traces.fingerprint(lab))
    took = f"{at - begin:.3f} s" if at else "never"
    report.case(f"Ordeal's cgroup frozen × {attack.type}", problems, f"normal after {took}, bar {limit:g} s; exit {code}")
    run.end()
    run.forget()
    return at - begin if at else None


def run_suite(lab, report, options):
    cgroup = Cgroup(f"/{lab.name}/frozen", ["freezer", "unified"])
    # In a hybrid tree the one of version 1 is the one that cannot be killed out of.
    cgroup.folders = [f for f in cgroup.folders if "freezer" in f] or cgroup.folders
    try:
        for attack_type in (attacks.Latency, attacks.Pause, attacks.Cpu, attacks.Memory):
            took = [one(lab, report, attack_type(), cgroup) for _ in range(options.count)]
            seen = sorted(t for t in took if t is not None)
            if len(seen) > 1:
                print(f"{attack_type.type}: normal after {seen[len(seen) // 2]:.2f} s in the middle, {seen[-1]:.2f} s at most "
                      f"({len(seen)} of {len(took)})", flush=True)
    finally:
        set_frozen(cgroup, False)
        Cgroup(f"/{lab.name}/frozen", ["freezer", "unified"]).remove()
