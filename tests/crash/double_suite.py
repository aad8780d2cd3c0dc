"""Two of engine, guard and reaper at once, killed or stopped in every combination, by each attack: the effect is gone
within 1 s, nothing is left behind, and the run says that it was lost. And the whole of engine and guard frozen."""
import os
import random
import signal
import time

import attacks
import traces
from lab import Cgroup, Run, kill, now, wait_until
from report import millis

STOP, KILL = signal.SIGSTOP, signal.SIGKILL
LIMIT = 1.0
# name: who gets which signal
CASES = {
    "guard and reaper killed": {"guard": KILL, "reaper": KILL},
    "guard and reaper stopped": {"guard": STOP, "reaper": STOP},
    "guard stopped, reaper killed": {"guard": STOP, "reaper": KILL},
    "guard killed, reaper stopped": {"guard": KILL, "reaper": STOP},
    "engine killed, guard stopped": {"engine": KILL, "guard": STOP},
    "engine killed, reaper stopped": {"engine": KILL, "reaper": STOP},
    "engine stopped, guard killed": {"engine": STOP, "guard": KILL},
    "engine stopped, reaper killed": {"engine": STOP, "reaper": KILL},
    "engine and guard stopped": {"engine": STOP, "guard": STOP},
    "engine and reaper stopped": {"engine": STOP, "reaper": STOP},
    "guard, reaper and engine killed": {"guard": KILL, "reaper": KILL, "engine": KILL},
}
KILLERS = ("process_killer", "shutdown")


def prepare(attack_type):
    """The attack as it is tried here: of a length that does not end the effect by itself."""
    attack = attack_type()
    attack.length = 6.0
    attack.limit = 0.1 if attack.type in KILLERS else LIMIT
    if attack.type == "shutdown":
        attack.args, attack.length = {"delay": "2500ms"}, 2.5
    return attack


def strike(run, pids, case):
    for who, number in case.items():
        kill(pids[who], number)
    return now()


def one_run(lab, attack, case, instant):
    """(problems, time until the effect was gone)"""
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    attack.before(lab)
    run = Run(lab, attack.experiment(lab))
    run.wait_injected()
    time.sleep(instant)
    pids = {"engine": run.engine, "guard": run.guard(), "reaper": run.reaper()}
    struck = strike(run, pids, case)
    problems = [attack.ended(lab, struck)]
    gone = now() - struck
    problems.append(attack.later(lab, struck))
    if case.get("engine") == STOP:
        kill(run.engine, signal.SIGCONT)
    code = run.wait()
    expected = (-9,) if case.get("engine") == KILL else (5, 7)
    problems.append("" if code in expected else f"exit code {code}, expected {expected}")
    problems += traces.clean_within(lab, run)[1]
    attack.after(lab)
    lab.victim_cgroup.thaw()
    lab.victim.ensure()
    problems += traces.differences(before, traces.fingerprint(lab))
    problems = [problem for problem in problems if problem]
    if problems:
        problems.append("log: " + " | ".join(run.text().splitlines()[-3:])[-600:])
    run.end()
    run.forget()
    return problems, gone


def try_case(lab, report, options, attack_type, name):
    dice = random.Random(f"{options.seed}/{attack_type.type}/{name}")
    problems, times = [], []
    for number in range(options.count):
        found, gone = one_run(lab, prepare(attack_type), CASES[name], dice.uniform(0.05, 0.9))
        problems += [f"run {number}: {text}" for text in found]
        times.append(gone)
    lab.close_stream()
    report.case(f"{name} × {attack_type.type}, {options.count} runs", problems, f"effect gone after {millis(times)}")


class FrozenSpan:
    """Engine and guard stand still as one, by the freezer on their cgroup: the kernel's lease ends network rules within
    2 s, the reaper gives back what is journalled and kills the burner within 1 s, and nothing more is killed."""
    LIMITS = {"latency": 2.1, "cpu": 1.0, "pause": 1.0, "process_killer": 0.1, "shutdown": 0.1}

    def __init__(self, lab, attack_type):
        self.lab, self.attack = lab, prepare(attack_type)
        self.cgroup = Cgroup(f"/{lab.name}/frozen", ["freezer"])
        self.attack.limit = self.LIMITS[self.attack.type]

    def strike(self, run):
        for pid in (run.engine, run.guard()):
            for folder in self.cgroup.folders:
                with open(folder + "/cgroup.procs", "w") as file:
                    file.write(str(pid))
        for folder in self.cgroup.folders:
            for name, text in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
                if os.path.exists(f"{folder}/{name}"):
                    with open(f"{folder}/{name}", "w") as file:
                        file.write(text)
        wait_until(self.cgroup.frozen, 2)
        return now()

    def one_run(self, instant):
        lab, attack = self.lab, self.attack
        lab.victim.ensure()
        before = traces.fingerprint(lab)
        attack.before(lab)
        run = Run(lab, attack.experiment(lab))
        run.wait_injected()
        time.sleep(instant)
        struck = self.strike(run)
        problems = [attack.ended(lab, struck), attack.later(lab, struck)]
        time.sleep(max(0, struck + 1 - now()))  # long enough for the reaper to have taken it for hung
        self.cgroup.thaw()
        code = run.wait()
        problems += ["" if code in (5, 7) else f"exit code {code}, expected 5 or 7"]
        problems += traces.clean_within(lab, run)[1]
        attack.after(lab)
        lab.victim_cgroup.thaw()
        lab.victim.ensure()
        problems += traces.differences(before, traces.fingerprint(lab))
        run.end()
        run.forget()
        self.cgroup.remove()
        return [problem for problem in problems if problem]


def try_frozen(lab, report, options, attack_type):
    dice = random.Random(f"{options.seed}/{attack_type.type}/frozen")
    problems = []
    for number in range(options.count):
        found = FrozenSpan(lab, attack_type).one_run(dice.uniform(0.05, 0.9))
        problems += [f"run {number}: {text}" for text in found]
    lab.close_stream()
    report.case(f"engine and guard frozen × {attack_type.type}, {options.count} runs", problems)


def run_suite(lab, report, options):
    dice = random.Random(options.seed)
    for attack_type in attacks.ALL:
        names = list(CASES)
        if not options.soak and not options.only:  # a sample: the four of guard and reaper for a pause, one of the others
            names = names[:4] if attack_type is attacks.Pause else dice.sample(names, 1)
        for name in names:
            if options.only in f"{name} × {attack_type.type}":
                try_case(lab, report, options, attack_type, name)
        if options.only in f"engine and guard frozen × {attack_type.type}" and (
                options.soak or options.only or attack_type in (attacks.Pause, attacks.Latency)):
            try_frozen(lab, report, options, attack_type)
