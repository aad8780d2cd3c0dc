"""SIGSTOP of engine, guard, reaper, and guard and reaper together: how long until the victim is as before. And of the
reaper at the instants when the guard waits for it, by failpoint: it holds the guard no longer than that either."""
import signal
import time

import attacks
from lab import Run, kill, now, start, traces, wait_until

# who is stopped, and within what the effect must be gone: the lease is 5 s.
CASES = [(("engine",), 6.0), (("guard",), 1.0), (("reaper",), 1.0), (("guard", "reaper"), 3.0)]


def back_to_normal(lab, attack, begin, limit):
    if attack.type == "latency":
        return lab.stream.normal_since(begin, limit + 1)
    if isinstance(attack, attacks.Taken):
        return wait_until(lambda: attack.given_back(lab), limit + 1)
    return wait_until(lambda: not lab.victim_cgroup.frozen(), limit + 1)


def one(lab, report, attack, who, limit):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    attack.before(lab)
    run = Run(lab, dict(attack.experiment(lab), length="20s", attack={"type": attack.type, "args": attack.args}))
    run.wait_injected()
    time.sleep(0.7)  # the kernel's lease has been renewed at least once
    pids = {"engine": run.engine, "guard": run.guard(), "reaper": run.reaper()}
    for name in who:
        kill(pids[name], signal.SIGSTOP)
    begin = now()
    at = back_to_normal(lab, attack, begin, limit)
    problems = [] if at and at - begin <= limit else [f"not normal within {limit:g} s"]
    for name in reversed(who):
        kill(pids[name], signal.SIGCONT)
    code = run.wait(10)
    problems += [] if code in (5, 7) else [f"exit code {code}, expected 5 or 7"]
    problems += traces.clean_within(lab, run)[1]
    lab.close_stream()
    lab.victim_cgroup.thaw()
    problems += traces.differences(before, traces.fingerprint(lab))
    took = f"{at - begin:.3f} s" if at else "never"
    report.case(f"{' and '.join(who)} stopped × {attack.type}", problems, f"normal after {took}, bar {limit:g} s; exit {code}")
    run.end()
    run.forget()


def reverted(run):
    """What tells when the fault was off: of a guard that is lost, too, on a machine too busy for it, the verdict is."""
    told = [event["data"] for event in run.events() if event["type"] == "reverted"]
    injected, verdict = run.event("inject"), run.event("verdict")
    if told or not injected or not verdict:
        return told
    return [{"applied_boot_ns": injected["boot_ns"], "reverted_boot_ns": verdict["boot_ns"]}]


def hang(lab, report, name, experiment, failpoint, judge, expected):
    """`judge` says how long the hang lasted the victim too long, in seconds."""
    run = Run(lab, experiment, failpoint=failpoint)
    code = run.wait(15)
    problems = [] if code == expected else [f"exit code {code}, expected {expected}: {run.text()[-300:]}"]
    ended = reverted(run)
    took = judge(ended[0]) if ended else None
    problems += [] if took is not None and took <= 1 else ["not reverted within 1 s"]
    problems += traces.clean_within(lab, run)[1]
    report.case(name, problems, f"{took:.3f} s, bar 1 s; exit {code}" if took is not None else f"exit {code}")
    run.end()
    run.forget()


def hangs(lab, report, options):
    def in_force(data):
        return (data["reverted_boot_ns"] - data["applied_boot_ns"]) / 1e9

    lab.victim.ensure()
    pause = attacks.Pause()
    if options.only in "reaper hangs while it records":
        marker = str(100000 + lab.victim.echo.pid)
        victims = [start(["sleep", marker]) for _ in range(2)]
        time.sleep(0.1)
        two = dict(pause.experiment(lab), target={"type": "process", "pattern": f"^sleep {marker}$"}, length="5s",
                   attack={"type": "pause"})
        hang(lab, report, "reaper hangs while it records a second victim", two, "reaper.before_journal:stop@2", in_force, 7)
        for victim in victims:
            kill(victim.pid)
            victim.wait()
    if options.only in "reaper hangs while it undoes":
        hang(lab, report, "reaper hangs while it undoes", pause.experiment(lab), "reaper.before_undo:stop",
             lambda data: in_force(data) - pause.length, 7)
    if options.only in "reaper hangs on its way out":
        hang(lab, report, "reaper hangs on its way out", pause.experiment(lab), "reaper.leaving:stop",
             lambda data: in_force(data) - pause.length, 4)


def run_suite(lab, report, options):
    hangs(lab, report, options)
    for attack_type in (attacks.Latency, attacks.Pause, attacks.Memory):
        for who, limit in CASES:
            # What is journalled has nobody to give it back while both are stopped (docs/safety.md).
            if attack_type is attacks.Pause and len(who) > 1:
                continue
            if options.only in f"{' and '.join(who)} stopped × {attack_type.type}":
                one(lab, report, attack_type(), who, limit)
