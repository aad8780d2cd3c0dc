"""Not injected: what cannot be, or has no effect, ends with exit code 4 and a sentence that helps. Never as held."""
import signal
import time

import attacks
from lab import PORT, Run, kill, now, start, traces, wait_until


def latency(lab, **args):
    return dict(attacks.Latency().experiment(lab), attack={"type": "latency", "args": {"delay": "50ms", **args},
                                                           "length": "500ms"})


def pause(lab, target):
    return dict(attacks.Pause().experiment(lab), target=target)


def without_net_admin():
    return ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"]


# name: the experiment, what the program is started by, and what its sentence must speak of.
CASES = {
    "wrong port": (lambda lab: latency(lab, port=PORT + 99), [], ["no packet matched", str(PORT + 99)]),
    "wrong address": (lambda lab: latency(lab, hosts="10.197.0.77"), [], ["no packet matched", "10.197.0.77"]),
    "no capability": (lambda lab: latency(lab, port=PORT), without_net_admin(), ["CAP_NET_ADMIN"]),
    "no such process": (lambda lab: pause(lab, {"type": "process", "name": "no-such-daemon"}), [],
                        ["no process named no-such-daemon"]),
    "nothing matched": (lambda lab: pause(lab, {"type": "container", "cgroup": f"/{lab.name}/none"}), [],
                        ["no container", "/none"]),
    "no process in the container": (
        lambda lab: dict(attacks.ProcessKiller().experiment(lab),
                         attack={"type": "process_killer", "args": {"process": "sleeep"}, "length": "500ms"}), [],
        ["no process", "sleeep", "sleep"]),
}


def one(lab, report, name):
    experiment, wrap, words = CASES[name]
    lab.victim.ensure()
    lab.open_stream()
    before = traces.fingerprint(lab)
    run = Run(lab, experiment(lab), wrap=wrap)
    code = run.wait()
    lab.close_stream()
    verdict = run.event("verdict")
    said = f"{verdict['data']['reason']} ({verdict['data']['hint']})" if verdict else run.text().strip()
    problems = [] if code == 4 else [f"exit code {code}, expected 4"]
    problems += [f"the sentence does not speak of \"{word}\"" for word in words if word not in said]
    problems += traces.clean_within(lab, run)[1]
    problems += traces.differences(before, traces.fingerprint(lab))
    report.case(name, problems, said[:300])
    run.end()
    run.forget()


def half_gone(lab, report):
    """Two victims, of which one ends in the middle."""
    marker = str(100000 + lab.victim.echo.pid)
    victims = [start(["sleep", marker]) for _ in range(2)]
    wait_until(lambda: False, 0.1)
    run = Run(lab, dict(pause(lab, {"type": "process", "pattern": f"^sleep {marker}$"}), length="5s",
                        attack={"type": "pause"}))
    run.wait_injected()
    time.sleep(0.1)
    victims[0].kill()
    victims[0].wait()
    ended = now()
    code = run.wait()
    verdict = run.event("verdict")
    said = verdict["data"]["reason"] if verdict else run.text().strip()
    problems = [] if code == 4 else [f"exit code {code}, expected 4"]
    problems += [] if "1 of 2 victims" in said else ["the sentence does not count the victims"]
    reverted = [event["data"]["reverted_boot_ns"] / 1e9 for event in run.events() if event["type"] == "reverted"]
    problems += [] if len(reverted) == 2 else [f"{len(reverted)} impacts ended, expected 2"]
    problems += [f"reverted {at - ended:.3f} s after" for at in reverted if at - ended > 1]
    problems += traces.clean_within(lab, run)[1]
    report.case("half of the victims gone", problems, said[:300])
    for victim in victims:
        kill(victim.pid, signal.SIGCONT)
        kill(victim.pid)
        victim.wait()
    run.end()
    run.forget()


def run_suite(lab, report, options):
    for name in CASES:
        if options.only in name:
            one(lab, report, name)
    if options.only in "half of the victims gone":
        lab.victim.ensure()
        half_gone(lab, report)
