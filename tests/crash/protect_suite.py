"""Nobody who is protected is hit, whole runs: what joins, what leaves, policies that change, names that are nested."""
import json
import os
import sys
import time

import attacks
from lab import PORT, VICTIM_ADDRESS, Cgroup, Run, kill, now, start, tool, traces, wait_until

PING = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab", "ping.py")
OPEN, CLOSED = "caps: {max_runs: 100}\n", "protected: {namespaces: [production]}\n"


class Rules:
    """A policy and an inventory beside a run. `entries` are of the inventory."""

    def __init__(self, lab, policy, entries):
        self.policy, self.inventory = f"{lab.folder}/policy.yaml", f"{lab.folder}/inventory.json"
        self.write(policy)
        with open(self.inventory, "w") as file:
            json.dump(entries, file)

    def write(self, policy):
        with open(self.policy + ".new", "w") as file:
            file.write(policy)
        os.chmod(self.policy + ".new", 0o644)
        os.rename(self.policy + ".new", self.policy)

    def flags(self):
        return ["--policy", self.policy, "--inventory", self.inventory]


def entry(name, space, **way):
    return {"name": name, "kind": "container", "namespace": space, **way}


def experiment(lab, attack, length="3s", baseline="100ms", **more):
    return dict({"name": "protect", "target": lab.target(), "baseline": baseline, "recovery": "100ms",
                 "attack": dict(attack, length=length), "sources": {"interval": "100ms"},
                 "expect": [{"name": "always", "probe": {"command": ["true"]}, "condition": "result == 0"}]}, **more)


LATENCY = {"type": "latency", "args": {"delay": "50ms", "port": PORT, "protocol": "udp"}}
PAUSE = {"type": "pause", "args": {}}


def said(run):
    verdict = run.event("verdict")
    return f"{verdict['data']['reason']}" if verdict else run.text().strip()


def finish(lab, report, name, run, code, words, problems, before, took=None):
    found = run.wait()
    text = said(run)
    problems = list(problems) + ([] if found == code else [f"exit code {found}, expected {code}"])
    problems += [f"the verdict does not speak of \"{word}\"" for word in words if word not in text]
    problems += traces.clean_within(lab, run)[1]
    problems += traces.differences(before, traces.fingerprint(lab))
    after = f"(ended after {took * 1e3:.0f} ms) " if took is not None else ""
    report.case(name, problems, after + text[:300])
    run.end()
    run.forget()


def ended_after(run, since):
    """Seconds from `since` until the impact was reverted, or None."""
    wait_until(lambda: run.event("reverted") or run.process.poll() is not None, 5)
    event = run.event("reverted")
    return event["data"]["reverted_boot_ns"] / 1e9 - since if event else None


def round_trip(lab, port, least, most):
    """The median round trip to the victim's namespace, in ms, when it is not between the two."""
    line = tool("nsenter", f"--net=/run/netns/{lab.client_ns}", "--", os.path.dirname(lab.echo) + "/net_probe", "udp",
                VICTIM_ADDRESS, str(port), "50", "0.5")
    median = json.loads(line)["rtt_p50"]
    return [] if least <= median <= most else [f"port {port}: {median} ms, expected {least} to {most}"]


def late(took, limit):
    return [] if took is not None and took <= limit else [f"ended after {took} s, limit {limit} s"]


def policy_in_baseline(lab, report):
    """Tightened, or removed, while the run only looks: nothing is injected."""
    for name, change in (("tightened", lambda rules: rules.write(CLOSED)),
                         ("removed", lambda rules: os.unlink(rules.policy)),
                         ("spoilt", lambda rules: rules.write("protcted: {}\n"))):
        lab.victim.ensure()
        before = traces.fingerprint(lab)
        rules = Rules(lab, OPEN, [entry("victim", "production", cgroup=lab.victim_cgroup.path)])
        run = Run(lab, experiment(lab, PAUSE, baseline="1500ms"), flags=rules.flags())
        wait_until(lambda: run.guard(), 5)
        time.sleep(0.3)
        change(rules)
        finish(lab, report, f"a policy that is {name} during the baseline", run, 3, ["policy"],
               ["it was injected"] if run.injected() else [], before)


def policy_in_force(lab, report):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    rules = Rules(lab, OPEN, [entry("victim", "production", cgroup=lab.victim_cgroup.path)])
    run = Run(lab, experiment(lab, PAUSE), flags=rules.flags())
    run.wait_injected()
    time.sleep(0.2)
    changed = now()
    rules.write(CLOSED)
    took = ended_after(run, changed)
    finish(lab, report, "a policy that is tightened while it is in force", run, 4, ["production"], late(took, 0.4), before, took)


def ping(lab, least, most):
    """The median round trip of ICMP to the victim's namespace, in ms, when it is not between the two."""
    took = json.loads(tool("nsenter", f"--net=/run/netns/{lab.client_ns}", "--", sys.executable, "-B", PING, VICTIM_ADDRESS,
                           "5"))
    median = sorted(took)[2]
    return [] if least <= median <= most else [f"ping: {median} ms, expected {least} to {most}"]


def sidecar(lab, report):
    """A protected process joins the victim's network namespace: nothing of it is hit, and the attack goes on."""
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    other = Cgroup(f"/{lab.name}/sidecar", ["unified", "freezer", "cpu", "cpuacct"])
    rules = Rules(lab, CLOSED, [entry("sidecar", "production", cgroup=other.path)])
    run = Run(lab, experiment(lab, dict(LATENCY, args={"delay": "50ms"}), length="4s"), flags=rules.flags())
    run.wait_injected()
    problems = ping(lab, 45, 80)
    echo = start([lab.echo, "0.0.0.0", str(PORT + 1)], [other], lab.victim_ns)
    time.sleep(0.3)
    # ICMP is of the whole namespace, so from now on it is left alone.
    problems += ping(lab, 0, 20) + round_trip(lab, PORT + 1, 0, 20) + round_trip(lab, PORT, 45, 80)
    run.wait()
    proof = run.event("proof")["data"]["measured"]
    problems += [] if "ICMP was left alone" in proof else [f"the proof does not say it: {proof}"]
    finish(lab, report, "a protected sidecar joins the namespace", run, 0, [], problems, before)
    kill(echo.pid)
    echo.wait()
    other.remove()


def sidecar_scoped(lab, report):
    """The same with ports: nothing of it is in reach, and the attack goes on."""
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    other = Cgroup(f"/{lab.name}/sidecar", ["unified", "freezer", "cpu", "cpuacct"])
    rules = Rules(lab, CLOSED, [entry("sidecar", "production", cgroup=other.path)])
    attack = {"type": "latency", "args": {"delay": "50ms", "port": f"{PORT}-{PORT + 1}", "protocol": "udp"}}
    run = Run(lab, experiment(lab, attack, length="3s"), flags=rules.flags())
    run.wait_injected()
    echo = start([lab.echo, "0.0.0.0", str(PORT + 1)], [other], lab.victim_ns)
    time.sleep(0.3)
    problems = round_trip(lab, PORT + 1, 0, 20) + round_trip(lab, PORT, 45, 80)
    finish(lab, report, "a sidecar is not hit where the sockets can be told apart", run, 0, [], problems, before)
    kill(echo.pid)
    echo.wait()
    other.remove()


def lone_in_namespace(lab, report):
    """A victim without a cgroup is told apart by its namespace alone: a newcomer ends it."""
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    for pid in lab.victim_cgroup.procs():
        kill(pid)
    wait_until(lambda: not lab.victim_cgroup.procs(), 2)
    echo = start([lab.echo, "0.0.0.0", str(PORT)], [], lab.victim_ns)
    lab.open_stream()
    target = {"type": "process", "pattern": f"^{lab.echo} 0.0.0.0 {PORT}$"}
    run = Run(lab, experiment(lab, LATENCY, target=target))
    run.wait_injected()
    time.sleep(0.4)
    guest = start(["sleep", "60"], [], lab.victim_ns)
    joined = now()
    took = ended_after(run, joined)
    lab.close_stream()
    problems = late(took, 0.6)
    for process in (guest, echo):
        kill(process.pid)
        process.wait()
    lab.victim.ensure()
    finish(lab, report, "somebody joins the namespace of a lone victim", run, 4, ["has joined", str(guest.pid)], problems,
           before, took)


def leaves(lab, report):
    """A process that leaves the loaded cgroup, in all hierarchies or in one of them, ends the attack."""
    for name, hierarchies in (("a process leaves the cgroup", lab.victim_cgroup.names),
                              ("a process leaves the cgroup of the freezer alone", ["freezer"])):
        lab.victim.ensure()
        before = traces.fingerprint(lab)
        elsewhere = Cgroup(f"/{lab.name}/elsewhere", hierarchies)
        run = Run(lab, experiment(lab, attacks.Cpu().experiment(lab)["attack"], length="3s"), flags=Rules(lab, OPEN, []).flags())
        run.wait_injected()
        time.sleep(0.2)
        for folder in elsewhere.folders:
            with open(folder + "/cgroup.procs", "w") as file:
                file.write(str(lab.victim.idle.pid))
        left = now()
        took = ended_after(run, left)
        kill(lab.victim.idle.pid)
        lab.victim.ensure()
        finish(lab, report, name, run, 4, ["has left the cgroup"], late(took, 0.4), before, took)
        wait_until(lambda: not elsewhere.procs(), 2)
        elsewhere.remove()


def killer(lab, report):
    """On the host: what the policy protects is spared and named, the rest is killed."""
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    marker = str(200000 + os.getpid() % 100000)
    guarded = Cgroup(f"/{lab.name}/guarded", ["unified", "freezer", "cpu", "cpuacct"])
    spared = start(["sleep", marker], [guarded])
    others = [start(["sleep", marker]) for _ in range(2)]
    time.sleep(0.2)
    rules = Rules(lab, CLOSED, [entry("db", "production", cgroup=guarded.path)])
    attack = {"type": "process_killer", "args": {"process": f"^sleep {marker}$", "full": True, "interval": "100ms"}}
    host = experiment(lab, attack, length="1s", target={"type": "host"})
    plan = lab.command("plan", write_experiment(lab, host), *rules.flags())
    problems = [] if f"spared: sleep (pid {spared.pid}) is db" in plan.stdout else ["plan does not name the spared"]
    run = Run(lab, host, flags=rules.flags())
    run.wait()
    problems += [] if spared.poll() is None else ["the protected process was killed"]
    problems += [] if all(other.poll() is not None for other in others) else ["the others live"]
    finish(lab, report, "a killer on the host spares the protected", run, 0, [], problems, before)
    # With nothing but protected ones it is refused.
    before = traces.fingerprint(lab)
    run = Run(lab, host, flags=rules.flags())
    run.wait()
    finish(lab, report, "a killer that matches nothing but protected ones", run, 3, ["is db in the inventory"],
           [] if spared.poll() is None else ["the protected process was killed"], before)
    kill(spared.pid)
    spared.wait()
    wait_until(lambda: not guarded.procs(), 2)
    guarded.remove()


def write_experiment(lab, what):
    path = f"{lab.folder}/experiment.json"
    with open(path, "w") as file:
        json.dump(what, file)
    return path


CASES = {"policy in the baseline": policy_in_baseline, "policy in force": policy_in_force, "sidecar": sidecar,
         "sidecar scoped": sidecar_scoped, "lone in namespace": lone_in_namespace, "leaves": leaves, "killer": killer}


def run_suite(lab, report, options):
    for name, case in CASES.items():
        if options.only in name:
            case(lab, report)
