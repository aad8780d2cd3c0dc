"""One SIGKILL at every failpoint of guard, reaper and engine (ORDEAL_FAILPOINT), by each attack that comes by it; and
the death of the reaper at random instants. The failpoints are read from the sources, so that a new one is tried."""
import glob
import os
import random
import re
import time

import attacks
import traces
from lab import Run, kill, now

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src")


def failpoints():
    names = set()
    for path in glob.glob(SOURCES + "/**/*.cc", recursive=True):
        with open(path) as file:
            names |= set(re.findall(r'failpoint\("([a-z_.]+)"\)', file.read()))
    return sorted(names)


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


def at_failpoint(lab, report, name, attack):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    attack.before(lab)
    run = Run(lab, attack.experiment(lab), failpoint=name)
    # 7: an error of Ordeal's own; 4: without a reaper that takes the undo nothing was injected. The verdict of a run
    # whose failpoint is not on the way of its attack would be 4 as well, with another reason.
    problems, said = judge(lab, run, before, {4, 7} if "journal" in name and "reaper" in name else {7})
    if "no expectation" in said:
        problems.append("the failpoint was not reached")
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


def run_suite(lab, report, options):
    for name in failpoints():
        types = attacks.ALL if name.startswith("guard.") and name != "guard.journalled" else [attacks.Pause]
        for attack_type in types:
            if options.only in f"{name} × {attack_type.type}":
                at_failpoint(lab, report, name, attack_type())
    dice = random.Random(options.seed)
    for attack_type in attacks.ALL:
        if options.only in f"reaper killed × {attack_type.type}":
            reaper_dies(lab, report, attack_type(), dice.uniform(0, attack_type.length * 0.4))
