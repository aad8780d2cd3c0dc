"""Two of engine, guard and reaper at once, killed or stopped in every combination, by each attack: the effect is gone
within 1 s, nothing is left behind, and the run says that it was lost. And the whole of engine and guard frozen."""
import random
import signal
import time

import attacks
from frozen_suite import join, set_frozen
from lab import Cgroup, Run, kill, now, traces, wait_until
from lab.report import millis

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
    "engine and guard frozen": {},
}
FROZEN = "engine and guard frozen"
FROZEN_LIMITS = {"latency": 1.2}  # the kernel's lease
KILLERS = ("process_killer", "shutdown")


def prepare(attack_type):
    """The attack as it is tried here: of a length that does not end the effect by itself."""
    attack = attack_type()
    attack.length = 6.0
    attack.limit = attack.limit if attack.type in KILLERS else LIMIT
    if attack.type == "shutdown":
        attack.args, attack.length = {"delay": "2500ms"}, 2.5
    return attack


def one_run(lab, attack, case, instant, frozen=None):
    """(problems, time until the effect was gone). `frozen`: a cgroup that engine and guard are frozen in, instead."""
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    attack.before(lab)
    run = Run(lab, attack.experiment(lab))
    run.wait_injected()
    time.sleep(instant)
    pids = {"engine": run.engine, "guard": run.guard(), "reaper": run.reaper()}
    struck = freeze(frozen, run) if frozen else strike(pids, case)
    problems = [attack.ended(lab, struck)]
    gone = now() - struck
    problems.append(attack.later(lab, struck))
    if frozen:
        time.sleep(max(0, struck + LIMIT - now()))  # long enough for the reaper to take it for hung
        set_frozen(frozen, False)
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


def strike(pids, case):
    for who, number in case.items():
        kill(pids[who], number)
    return now()


def freeze(cgroup, run):
    join(cgroup, [run.engine, run.guard()])
    set_frozen(cgroup, True)
    wait_until(cgroup.frozen, 2)
    return now()


def try_case(lab, report, options, attack_type, name):
    frozen = Cgroup(f"/{lab.name}/frozen", ["freezer"]) if name == FROZEN else None
    dice = random.Random(f"{options.seed}/{attack_type.type}/{name}")
    problems, times = [], []
    for number in range(options.count):
        attack = prepare(attack_type)
        if frozen:
            attack.limit = FROZEN_LIMITS.get(attack.type, attack.limit)
        found, gone = one_run(lab, attack, CASES[name], dice.uniform(0.05, 0.9), frozen)
        problems += [f"run {number}: {text}" for text in found]
        times.append(gone)
    lab.close_stream()
    if frozen:
        frozen.remove()
    report.case(f"{name} × {attack_type.name or attack_type.type}, {options.count} runs", problems, f"effect gone after {millis(times)}")


def run_suite(lab, report, options):
    dice = random.Random(options.seed)
    every = attacks.ALL if options.soak or options.only else attacks.KINDS
    for attack_type in (*every, *attacks.WAYS):
        names = list(CASES)
        if not options.soak and not options.only:  # a sample
            names = names[:2] if attack_type is attacks.Pause else dice.sample(names[:-1], attack_type.type != "shutdown")
        title = attack_type.name or attack_type.type
        for name in names:
            if options.only in f"{name} × {title}":
                try_case(lab, report, options, attack_type, name)
