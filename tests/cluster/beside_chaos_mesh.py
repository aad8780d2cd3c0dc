#!/usr/bin/env python3
"""Ordeal beside Chaos Mesh, on the same cluster and in the same minutes. A named command, as root:

  beside_chaos_mesh.py PART [--build DIR] [--runs N] [--only WORD] [--json FILE]

  effect   `kubectl apply` begun to effect, and `kubectl delete` begun to its end: a pod that loses its network, a load on
           its CPU, a container that is killed; the tools in turn, on pods of their own that are alike (about 8 minutes)
  killed   SIGKILL of each part while a fault of 20 s is in force, once with what starts it again and once without: when
           the fault is over, and what is left a minute later (about 8 minutes)
  absent   what Chaos Mesh says of the faults that this kernel has nothing for
  scale    its PodChaos on 10 000 pods of 1 000 nodes that KWOK plays (--pods, --nodes, --qps): no daemon takes part

`scale` has never been run to its end. It prints its figures, and exits 77 where the programs are not there
(`build --all` and `build --beside` make them)."""
import argparse
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab and this package
from cluster import Cluster, skip_without  # noqa: E402
from cluster import release as r  # noqa: E402
from cluster.chaos_mesh import GROUP, NAMESPACE, PROGRAMS, ChaosMesh, chaos, labels  # noqa: E402
from cluster.chaos_scale import Scale, audited  # noqa: E402
from lab.cgroups import CGROUPS  # noqa: E402
from lab.processes import now, read, wait_until  # noqa: E402

THEIRS, OURS = "chaos-mesh", "ordeal"
LENGTH, WATCHED = 20, 60  # seconds: of a fault whose owners are killed, and after the kill


def load():
    return round(os.getloadavg()[0], 1)


def spread(values):
    values = sorted(round(value, 2) for value in values)
    if not values:
        return None
    return {"runs": len(values), "p50": round(statistics.median(values), 2), "min": values[0], "max": values[-1]}


# The same fault of each tool, as what a user applies

def partition(tool, name, app, length):
    if tool == OURS:
        return ours(name, app, length, {"type": "packet_loss", "args": {"percent": 100, "port": 8000}})
    return chaos("NetworkChaos", name, app, action="partition", direction="to", duration=f"{length}s")


def cpu(tool, name, app, length):
    if tool == OURS:
        return ours(name, app, length, {"type": "cpu", "args": {"cores": 1, "percent": 100}})
    return chaos("StressChaos", name, app, stressors={"cpu": {"workers": 1, "load": 100}}, duration=f"{length}s")


def kill(tool, name, app, length):
    if tool == OURS:
        return ours(name, app, length, {"type": "shutdown", "args": {"delay": "0s"}})
    return chaos("PodChaos", name, app, action="container-kill", containerNames=["api"])


def pod_kill(tool, name, app, length):
    return kill(tool, name, app, length) if tool == OURS else chaos("PodChaos", name, app, action="pod-kill")


def ours(name, app, length, attack):
    thing = r.slow(name, f"{length}s")
    thing["spec"]["target"]["labels"] = {"app": app}
    thing["spec"]["attack"] = attack
    return thing


# What is seen of it from outside. Each: effect(since), over(since): when, or None

class Network:
    """A connection begun every 20 ms, whose first packet or its answer is lost: the next try is a second later."""

    def __init__(self, _, pod):
        self.visitor = r.Visitor(pod["status"]["podIP"])

    def blocked(self, since):
        return [(at, took is None or took > 0.9) for at, took in self.visitor.seen(since)]

    def effect(self, since):
        return next((at for at, lost in self.blocked(since) if lost), None)

    def over(self, since):
        """When the first visit began after which none is blocked, once that has been so for a while."""
        seen = self.blocked(since)
        last = max((at for at, lost in seen if lost), default=since)
        after = [at for at, lost in seen if not lost and at > last]
        return after[0] if after and after[-1] - after[0] > 1 else None

    def close(self):
        self.visitor.close()


class Load:
    """The CPU time of the pod's cgroup, read every 10 ms: half of the pod's quota within 0.1 s. Resolved to that."""
    WINDOW, USED = 0.1, 0.5 * 0.1 * r.CPUS

    def __init__(self, _, pod):
        self.file = usage_file(pod)
        self.samples, self.ended = [], False
        self.thread = threading.Thread(target=self.go, daemon=True)
        self.thread.start()

    def go(self):
        while not self.ended:
            text = read(self.file)
            if text:
                self.samples.append((now(), int(text) / 1e9 if text.strip().isdigit() else int(text.split()[1]) / 1e6))
            time.sleep(0.01)

    def loaded(self, since):
        """(when, whether): for each window that ends after `since`."""
        samples, first, found = self.samples[:], 0, []
        for at, used in samples:
            while samples[first][0] < at - self.WINDOW:
                first += 1
            if at > since and first:
                found.append((at, used - samples[first][1] >= self.USED))
        return found

    def effect(self, since):
        return next((at for at, much in self.loaded(since) if much), None)

    def over(self, since):
        windows = self.loaded(since)
        last = max((at for at, much in windows if much), default=since)
        return last if windows and windows[-1][0] - last > 1 else None

    def close(self):
        self.ended = True
        self.thread.join()


class Death:
    """The end of the container's main process, through a pidfd."""

    def __init__(self, cluster, pod):
        pid = next(pid for pid in r.pids_of(cluster, pod) if "httpd" in read(f"/proc/{pid}/cmdline"))
        self.handle, self.at = os.pidfd_open(pid), None
        threading.Thread(target=self.go, daemon=True).start()

    def go(self):
        select.select([self.handle], [], [], 60)
        self.at = now()

    def effect(self, _):
        return self.at

    def close(self):
        os.close(self.handle)


FAULTS = {"network": (partition, Network), "cpu": (cpu, Load),
          "container killed": (kill, Death), "pod killed": (pod_kill, Death)}


def usage_file(pod):
    uid = pod["metadata"]["uid"]
    for pattern in (f"cpuacct/*/kubepods/**/pod{uid}/cpuacct.usage", f"**/pod{uid}/cpu.stat"):
        for path in Path(CGROUPS).glob(pattern):
            return path
    raise RuntimeError(f"no accounting of CPU for {uid}")


class Beside:
    """Both on one cluster. Each has pods of its own, which the other never sees."""

    def __init__(self, cluster, options):
        self.cluster, self.options, self.figures = cluster, options, {}

    def tell(self, what, value):
        self.figures[what] = value
        print(f"{what}: {value}", flush=True)

    def install(self):
        cluster = self.cluster
        cluster.start_real_node()
        cluster.namespace("gremlin")
        cluster.kubectl("apply", "-f", str(r.POLICY))
        self.release = r.Release(cluster, self.options.build)
        self.theirs = ChaosMesh(cluster, self.release.helm)
        self.tell("helm install --wait of Chaos Mesh, s", round(self.theirs.install(), 1))
        self.tell("helm install --wait of Ordeal, s", round(self.release.install(*r.BRIEF), 1))
        cluster.namespace(r.SHOP)
        for tool in (THEIRS, OURS):
            cluster.apply(r.shop(1, labels=labels(tool), name=tool))
        for tool in (THEIRS, OURS):
            self.ready(tool)

    def ready(self, app, but=()):
        """The pod of the app that serves, and is none of those."""
        def serves():
            return [pod for pod in self.cluster.running(r.SHOP, f"app={app}") if pod["metadata"]["uid"] not in but
                    and all(at.get("ready") for at in pod["status"].get("containerStatuses", [{}]))]
        return self.cluster.wait_for(serves, 90, f"the pod of {app}")[0]

    def fresh(self, app):
        """A pod that nothing has happened to."""
        old = [pod["metadata"] for pod in self.cluster.pods(r.SHOP, f"app={app}")]
        for pod in old:
            self.cluster.api("DELETE", f"/api/v1/namespaces/{r.SHOP}/pods/{pod['name']}?gracePeriodSeconds=0")
        return self.ready(app, [pod["uid"] for pod in old])

    def kubectl(self, *words, **options):
        code, said, complaint = self.cluster.kubectl(*words, **options)
        if code != 0:
            raise RuntimeError(f"kubectl {' '.join(words)}: {complaint}")
        return said

    def apply(self, thing):
        began = now()
        self.kubectl("apply", "-f", "-", input=json.dumps(thing))
        return began

    def words(self, thing):
        """What there is to read about a fault that is not what it should be."""
        found = self.cluster.api("GET", self.cluster.api.path(thing))[1]
        return json.dumps(found) + self.release.logs() + self.theirs.logs(20)

    def delete(self, thing, patience=60):
        """Begins it; whether the object was gone in time."""
        path = self.cluster.api.path(thing)
        metadata = thing["metadata"]
        self.kubectl("delete", thing["kind"], metadata["name"], "-n", metadata["namespace"], "--wait=false")
        return wait_until(lambda: self.cluster.api("GET", path)[0] == 404, patience, 0.2) is not None


class Effect:
    def __init__(self, beside):
        self.beside, self.took = beside, {}

    def run(self, runs, only):
        faults = {name: fault for name, fault in FAULTS.items() if only in name}
        for index in range(runs):
            for name, fault in faults.items():
                for tool in (THEIRS, OURS) if index % 2 else (OURS, THEIRS):
                    self.once(tool, name, fault, index)
        for (name, what, tool), values in sorted(self.took.items()):
            self.beside.tell(f"{name}: {what}, s, {tool}", spread(values))

    def once(self, tool, name, fault, index):
        make, see = fault
        beside = self.beside
        pod = beside.fresh(tool)
        seen = see(beside.cluster, pod)
        time.sleep(0.5)
        thing = make(tool, f"{name.replace(' ', '-')}-{index}", tool, 60)
        began = beside.apply(thing)
        self.note(name, "apply to effect", tool, began, lambda: seen.effect(began), thing)
        time.sleep(1)
        ending = now()
        if not beside.delete(thing):
            print(f"{thing['kind']} {thing['metadata']['name']} is not gone a minute after its deletion", flush=True)
        if hasattr(seen, "over"):
            self.note(name, "delete to normal", tool, ending, lambda: seen.over(ending), thing)
        seen.close()

    def note(self, name, what, tool, since, look, thing):
        found = []
        wait_until(lambda: found.append(look()) or found[-1] is not None, 30, 0.1)
        if found[-1] is None:
            raise RuntimeError(f"{name} of {tool}: no {what} within 30 s\n{self.beside.words(thing)}")
        self.took.setdefault((name, what, tool), []).append(found[-1] - since)
        print(f"  {name}, {tool}: {what} {found[-1] - since:.2f} s (load {load()})", flush=True)


# What may die. Each part: its pods, its processes, and the object that keeps it running

CONTROLLERS = {THEIRS: (NAMESPACE, "deployments", "chaos-controller-manager"),
               OURS: (r.RELEASE, "deployments", "ordeal-controller")}
NODE_PARTS = {THEIRS: (NAMESPACE, "daemonsets", "chaos-daemon"), OURS: (r.RELEASE, "daemonsets", "ordeal-agent")}


class Killed:
    """One fault of each tool at a time, and SIGKILL two seconds after its effect is seen."""

    def __init__(self, beside):
        self.beside, self.cluster = beside, beside.cluster

    CASES = [("network", "controller", True), ("network", "controller", False), ("network", "node", True),
             ("network", "node", False), ("network", "guard", True), ("cpu", "controller", False), ("cpu", "node", True)]

    def run(self, only):
        for name, part, again in self.CASES:
            title = f"{name}, {part} killed, {'started again' if again else 'not started again'}"
            if only not in title:
                continue
            with ThreadPoolExecutor(2) as pool:
                tools = [OURS] if part == "guard" else [THEIRS, OURS]
                for future in [pool.submit(self.once, title, tool, name, part, again) for tool in tools]:
                    future.result()

    def once(self, title, tool, name, part, again):
        beside, (make, see) = self.beside, FAULTS[name]
        pod = beside.fresh(tool)
        seen = see(beside.cluster, pod)
        time.sleep(0.5)
        thing = make(tool, f"killed-{part}-{name}-{int(again)}", tool, LENGTH)
        began = beside.apply(thing)
        wait_until(lambda: seen.effect(began) is not None, 30, 0.05)
        start = seen.effect(began)
        time.sleep(2)
        killed = now()
        self.kill(tool, part, again)
        time.sleep(max(0, killed + WATCHED - now()))
        over = seen.over(start)
        found = {"in force for, s (asked: 20)": over and round(over - start, 1),
                 "killed to normal, s": over and round(over - killed, 2), "left after a minute": self.left(tool, pod)}
        gone = beside.delete(thing, 20)
        found["kubectl delete"] = "done" if gone else "hangs after 20 s"
        if not again:
            self.restore(tool, part)
            back = now()
        if not gone:
            path = self.cluster.api.path(thing)
            at = wait_until(lambda: self.cluster.api("GET", path)[0] == 404, 60, 0.2)
            found["gone after its programs are back, s"] = at and round(at - back, 1)
        found["load"] = load()
        seen.close()
        beside.tell(f"{title}, {tool}", found)

    # What is killed

    def part_of(self, tool, part):
        return (CONTROLLERS if part == "controller" else NODE_PARTS)[tool]

    def kill(self, tool, part, again):
        """With what starts it again: the one that leads, or acts. Without: all of them, and their pods."""
        pods = self.pods(tool, part)
        if part == "controller" and again:
            pods = [self.leader(tool)]
        for pod in pods:
            for pid in r.pids_of(self.cluster, pod):
                if part != "guard" or "ordeal-guard" in read(f"/proc/{pid}/cmdline"):
                    os.kill(pid, signal.SIGKILL)
        if not again:
            namespace, kind, name = self.part_of(tool, part)
            nowhere = {"template": {"spec": {"nodeSelector": {"none": "has-this"}}}}
            none = {"replicas": 0} if kind == "deployments" else nowhere
            self.patch(namespace, kind, name, none)
            for pod in pods:
                path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}?gracePeriodSeconds=0"
                self.cluster.api("DELETE", path)

    def pods(self, tool, part):
        if tool == THEIRS:
            return self.beside.theirs.pods("controller" if part == "controller" else "daemon")
        return self.beside.release.pods("controller" if part == "controller" else "agent")

    def leader(self, tool):
        if tool == THEIRS:
            return self.beside.theirs.leader()
        name = self.beside.release.leader()
        return next(pod for pod in self.pods(OURS, "controller") if pod["metadata"]["name"] == name)

    def patch(self, namespace, kind, name, spec):
        path = f"/apis/apps/v1/namespaces/{namespace}/{kind}/{name}"
        return self.cluster.api.must("PATCH", path, {"spec": spec}, content_type="merge")

    def restore(self, tool, part):
        namespace, kind, name = self.part_of(tool, part)
        count = {THEIRS: 3, OURS: 2}[tool] if kind == "deployments" else 1
        more = {"replicas": count} if kind == "deployments" else {"template": {"spec": {"nodeSelector": {"none": None}}}}
        self.patch(namespace, kind, name, more)
        self.cluster.wait_for(lambda: len(self.pods(tool, part)) == count, 60, f"{name} to be back")

    # What is left

    def left(self, tool, pod):
        pids = r.pids_of(self.cluster, pod)
        own = {"busybox", "httpd", "sh", "sleep", "postgres"}
        names = [read(f"/proc/{pid}/comm").strip() for pid in pids]
        found = [f"process {name}" for name in names if name and name not in own]
        if pids:
            found += r.left_in(pids[0]) + rules(pids[0])
        return found + self.finalizers(tool)

    def finalizers(self, tool):
        found = []
        for kind in ("networkchaos", "stresschaos") if tool == THEIRS else ("injections", "experiments"):
            group = GROUP if tool == THEIRS else r.GROUP
            items = self.cluster.api.must("GET", f"{group}/namespaces/{r.SHOP}/{kind}")["items"]
            found += [f"{kind} with a finaliser" for item in items if item["metadata"].get("finalizers")]
        return found


def rules(pid):
    """Of iptables and ipset, in the network namespace of the process."""
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]
    said = [subprocess.run([*enter, *words], capture_output=True, text=True).stdout
            for words in (("iptables-legacy", "-S"), ("ipset", "list", "-n"))]
    return [line for line in "\n".join(said).splitlines() if line and not line.startswith("-P ")]


# What of Chaos Mesh needs a queueing discipline, with the one that this kernel may lack
QUEUES = {"delay (netem)": {"action": "delay", "delay": {"latency": "100ms"}},
          "loss (netem)": {"action": "loss", "loss": {"loss": "50"}},
          "bandwidth (tbf)": {"action": "bandwidth", "bandwidth": {"rate": "1mbps", "limit": 20971520, "buffer": 10000}}}


def absent(beside):
    """What it says of faults that need what this kernel may not have, and whether they can be deleted again."""
    for name, spec in QUEUES.items():
        beside.fresh(THEIRS)
        thing = chaos("NetworkChaos", spec["action"], THEIRS, duration="20s", **spec)
        beside.apply(thing)
        time.sleep(10)
        status = beside.cluster.api.must("GET", beside.cluster.api.path(thing))["status"]
        events = [event for record in status["experiment"].get("containerRecords", []) for event in record.get("events", [])]
        said = {event["message"] for event in events if event.get("message")}
        conditions = {at["type"]: at["status"] for at in status.get("conditions", [])}
        found = {"all injected": conditions.get("AllInjected"), "said": sorted(said)}
        beside.tell(f"NetworkChaos {name}, after 10 s", found)
        beside.tell(f"NetworkChaos {name}, gone within a minute of its deletion", beside.delete(thing))
    said = [line for line in beside.theirs.logs(2000).splitlines() if "kind is unknown" in line]
    beside.tell("its daemon's words", said[:1])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["effect", "killed", "absent", "scale"])
    parser.add_argument("--build", default="build/release", help="where ordeal is built (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default="", metavar="WORD", help="of the faults or cases, those whose name has it")
    parser.add_argument("--json", metavar="FILE", help="also writes the figures there")
    parser.add_argument("--pods", type=int, default=10000)
    parser.add_argument("--nodes", type=int, default=1000, help="at most 1000")
    parser.add_argument("--qps", type=int, default=0, metavar="N", help="its requests a second (default: its own, 30)")
    parser.add_argument("--patience", type=int, default=420, metavar="SECONDS", help="for each of its steps")
    options = parser.parse_args()
    options.build = os.path.realpath(options.build)
    return options


def small(options):
    with Cluster() as cluster:
        beside = Beside(cluster, options)
        beside.tell("load before", load())
        beside.install()
        if options.part == "effect":
            Effect(beside).run(options.runs, options.only)
        elif options.part == "killed":
            Killed(beside).run(options.only)
        else:
            absent(beside)
        beside.tell("load after", load())
    return beside.figures


def scale(options):
    with tempfile.TemporaryDirectory(prefix="ordeal-beside-") as folder:
        with Cluster(flags={"kube-apiserver": audited(folder)}) as cluster:
            beside = Beside(cluster, options)
            beside.tell("load before", load())
            Scale(cluster, f"{folder}/audit.log", options, beside.tell).run()
    return beside.figures


def main():
    options = arguments()
    if os.geteuid() != 0:
        print("skipped: a real node needs root")
        return 77
    skip_without("kubectl", "helm", "kubelet", "containerd", "runc", "host-local", "busybox", *PROGRAMS)
    figures = scale(options) if options.part == "scale" else small(options)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
