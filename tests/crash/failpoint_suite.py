"""One SIGKILL at every failpoint of guard, reaper and engine (ORDEAL_FAILPOINT), by each attack that comes by it; and
the death of the reaper at random instants. The failpoints are read from the sources, so that a new one is tried; those
of a cluster's controller are tried by tests/cluster/controller_test.py. Guard or reaper lost is an error of Ordeal's
own, 7; an engine that was killed says nothing any more."""
import glob
import os
import random
import re
import time

import attacks
from lab import Run, kill, now, traces

# When the reaper dies on its way out everything is over: the verdict stands, and the guard removes what is left.
EXPECTED = {"reaper.leaving": {4}, "standby.leaving": {4}}
ON_A_BREACH = ["engine.breach", "engine.before_action"]

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src")


def failpoints():
    names = set()
    for path in glob.glob(SOURCES + "/**/*.cc", recursive=True):
        if path.endswith("_test.cc"):
            continue
        with open(path) as file:
            names |= set(re.findall(r'failpoint\("([a-z_.]+)"\)', file.read()))
    return sorted(name for name in names if not name.startswith("controller."))


# A run that nobody undid by itself is a failure; one that `ordeal revert` had to mend as well.
def judge(lab, run, before, expected):
    code = run.wait(20)
    problems = []
    if code is None:
        problems.append("the engine did not end within 20 s")
    elif code not in expected:
        problems.append(f"exit code {code}, expected one of {sorted(expected)}")
    _, left = traces.clean_within(lab, run)
    problems += left
    lab.victim_cgroup.thaw()
    lab.victim.ensure()
    problems += traces.differences(before, traces.fingerprint(lab))
    verdict = run.event("verdict")
    said = f"exit {code}" + (f", {verdict['data']['reason'][:90]}" if verdict else "")
    if problems:
        problems.append("log: " + " | ".join(run.text().splitlines()[-2:])[-600:])
    return problems, said


def with_breach(lab, experiment):
    """An expectation that the pause breaches, and an action on it."""
    freezer = [folder + "/freezer.state" for folder in lab.victim_cgroup.folders
               if os.path.exists(folder + "/freezer.state")]
    looks = ["THAWED", freezer[0]] if freezer else ["frozen 0", lab.victim_cgroup.folders[0] + "/cgroup.events"]
    return dict(experiment, rollback=[{"command": ["true"]}], length="5s", attack={"type": "pause"},
                expect=[{"name": "runs", "probe": {"command": ["grep", "-q", *looks]}, "condition": "result < 1"}])


def at_failpoint(lab, report, name, attack):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    attack.before(lab)
    experiment = attack.experiment(lab)
    run = Run(lab, with_breach(lab, experiment) if name in ON_A_BREACH else experiment, failpoint=name)
    if name == "standby.leaving":  # its empty cgroup is removed by whoever has the right to, once nobody can be about to enter it
        run.wait(20)
        time.sleep(2.2)
        lab.command("revert", "--state-dir", run.state, timeout=20)
    problems, said = judge(lab, run, before, EXPECTED.get(name, {-9} if name.startswith("engine.") else {7}))
    attack.after(lab)
    lab.close_stream()
    report.case(f"{name} × {attack.type}", problems, said)
    run.end()
    run.forget()


def reaper_dies(lab, report, attack, instant):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    attack.before(lab)
    run = Run(lab, attack.experiment(lab))
    run.wait_injected()
    time.sleep(instant)
    reaper = run.reaper()
    if reaper:
        kill(reaper)
    killed = now()
    late = [attack.ended(lab, killed), attack.later(lab, killed)]
    problems, said = judge(lab, run, before, {7})
    attack.after(lab)
    lab.close_stream()
    report.case(f"reaper killed × {attack.type}, {instant:.3f} s after the injection",
                [text for text in late if text] + problems, said)
    run.end()
    run.forget()


def attacks_at(name):
    if name.startswith("guard.") and name not in ("guard.journalled", "guard.registered"):
        return attacks.KINDS
    return [attacks.Latency, attacks.Pause] if name.startswith("engine.") and name not in ON_A_BREACH else [attacks.Pause]


def run_suite(lab, report, options):
    for name in failpoints():
        for attack_type in attacks_at(name):
            if options.only in f"{name} × {attack_type.type}":
                at_failpoint(lab, report, name, attack_type())
    dice = random.Random(options.seed)
    for attack_type in attacks.KINDS:
        if options.only in f"reaper killed × {attack_type.type}":
            reaper_dies(lab, report, attack_type(), dice.uniform(0, attack_type.length * 0.4))
