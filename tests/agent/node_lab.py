"""One node for the agent: a real API server, a pod of which KWOK plays the kubelet's part and this machine the real one (a
process in a cgroup that is named as a kubelet names it, in a network namespace of its own), the agent in a pod's cgroup of its
own, and the test in the controller's place."""
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab and the cluster
from cluster import Cluster, accounts  # noqa: E402
from lab import Lab  # noqa: E402
from lab.cgroups import CGROUPS, Cgroup  # noqa: E402
from lab.processes import kill, now, read, start, stop, wait_until  # noqa: E402
from lab.victim import DELAY, PORT, Victim  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
LEASE = 3.0
NODE = "node-0000"
OURS = "ordeal"  # namespace
GROUP = "/apis/ordeal.dev/v1alpha1"
HALT = {"apiVersion": "ordeal.dev/v1alpha1", "kind": "Halt", "metadata": {"name": "global"},
        "spec": {"engaged": True, "reason": "a drill", "by": "eve"}}
AGENT_POD = "/kubepods/besteffort/pod0f1e2d3c-0001-4000-8000-0123456789ab"


def attack(kind, length=60, **args):
    """As a controller writes it."""
    return {"type": kind, "args": args, "length_ms": length * 1000, "lead_in_ms": 0, "min_events": 10}


LATENCY = attack("latency", delay=f"{int(DELAY * 1000)}ms", port=PORT, protocol="udp")
PAUSE = attack("pause")
KILLER = attack("process_killer", length=1, process="sleep", exact=True, interval="100ms")


def definition(kind, scope="Namespaced"):
    """Of a resource that may hold anything."""
    plural, anything = kind.lower() + "s", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "subresources": {"status": {}},
               "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": plural + ".ordeal.dev"},
            "spec": {"group": "ordeal.dev", "scope": scope, "names": {"kind": kind, "plural": plural}, "versions": [version]}}


def remove_pod(path):
    """The folders of a pod's cgroup, which are empty, and those above it that were made for it."""
    for mount in {CGROUPS, *(str(entry) for entry in Path(CGROUPS).iterdir() if entry.is_dir())}:
        for folder, _, _ in os.walk(mount + path, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass
        for above in list(Path(path).parents)[:-1]:
            try:
                os.rmdir(f"{mount}{above}")
            except OSError:
                pass


class PodVictim(Victim):
    """The lab's victim as the one container of a pod."""


class NodeLab(Lab):
    def __init__(self, build):
        self.cluster = Cluster(nodes=1)
        try:
            accounts.audit(self.cluster)
            self.cluster.start()
            self.make_objects()
            super().__init__(build)
            self.become_a_pod()
        except BaseException:
            self.cluster.close()
            raise

    def make_objects(self):
        cluster = self.cluster
        if (ROOT / "charts/ordeal/crds").is_dir():
            code, _, said = cluster.kubectl("apply", "-f", str(ROOT / "charts/ordeal/crds"))
            if code != 0:
                raise RuntimeError(said)
        else:
            cluster.apply([definition("Experiment"), definition("Injection"), definition("Halt", "Cluster")])
        for name in (OURS, "shop"):
            cluster.namespace(name)
        accounts.install(cluster)
        self.kubeconfig = accounts.kubeconfig(cluster, "ordeal-agent")
        self.set_policy("caps: {max_targets: 10}")
        cluster.make_pods(1, name="api", namespace="shop", labels={"app": "api"}, direct=True, nodes=[NODE])
        cluster.wait_for(lambda: cluster.api("GET", f"{GROUP}/halts")[0] == 200, 20, "the resources")

    def proxy(self):
        """One in front of the API server, whose .kubeconfig is the agent's."""
        proxy = self.cluster.proxy()
        proxy.kubeconfig = accounts.kubeconfig(self.cluster, "ordeal-agent", proxy.url)
        return proxy

    def set_policy(self, text):
        self.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ordeal-config", "namespace": OURS},
                            "data": {"config.yaml": text}})

    def become_a_pod(self):
        self.victim_cgroup.remove()
        self.pod = self.cluster.pods("shop")[0]
        self.uid = self.pod["metadata"]["uid"]
        self.container_id = self.pod["status"]["containerStatuses"][0]["containerID"].split("://")[1]
        self.pod_path = f"/kubepods/besteffort/pod{self.uid}"
        self.victim_cgroup = Cgroup(f"{self.pod_path}/{self.container_id}",
                                    ["unified", "freezer", "cpu", "cpuacct", "systemd", "pids"])
        self.victim = PodVictim(self, self.victim_cgroup)
        self.agent_cgroup = Cgroup(f"{AGENT_POD}/{'a' * 64}", ["unified", "freezer", "cpu", "cpuacct", "systemd", "pids"])

    def close(self):
        try:
            super().close()
        finally:
            remove_pod(self.pod_path)
            remove_pod(AGENT_POD)
            self.cluster.close()


SERVES = f"serves the node {NODE}\n"


class Agent:
    """With the account that the chart gives it, unless a kubeconfig is given."""

    def __init__(self, lab, kubeconfig=None, in_pod=True):
        self.lab = lab
        self.state = tempfile.mkdtemp(prefix="agent-", dir=lab.folder)
        self.log = f"{self.state}.log"
        self.kubeconfig = kubeconfig or lab.kubeconfig
        self.cgroups = [lab.agent_cgroup] if in_pod else []
        self.process = None

    def argv(self):
        return [self.lab.ordeal, "agent", "--node", NODE, "--namespace", OURS, "--name", "agent-1", "--policy-configmap",
                f"{OURS}/ordeal-config", "--kubeconfig", self.kubeconfig, "--state-dir", self.state]

    def start(self, wait=True):
        self.served = read(self.log).count(SERVES) if os.path.exists(self.log) else 0
        self.process = start(self.argv(), self.cgroups, log=self.log)
        if wait and wait_until(self.watches, 20, 0.02) is None:
            raise RuntimeError("the agent does not watch: " + read(self.log))
        return self

    def watches(self):
        """Its first list has come: what is made before would be taken for an earlier one's."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the agent ended with {self.process.returncode}: {read(self.log)}")
        return read(self.log).count(SERVES) > self.served

    served = 0

    def kill(self):
        self.process.kill()
        self.process.wait()
        return now()

    def stop(self):
        """Its exit code."""
        stop(self.process, patience=30)
        return self.process.returncode

    def everything_ends(self):
        """What the end of its container does: all that is in its cgroups is killed at once."""
        self.lab.agent_cgroup.kill()
        self.process.wait()
        return now()


class Run:
    """One run with one impact, in the controller's place."""

    number = 0

    def __init__(self, lab, attack=None, victim=None, waits_for_go=False, run=None, node=NODE, renews=True, uid=None):
        Run.number += 1
        attack = attack or LATENCY
        self.lab, self.api = lab, lab.cluster.api
        self.name = f"slow-{Run.number}"
        self.run = run or f"r20261130t0500{Run.number:02}z-abcde"
        self.injection_path = f"{GROUP}/namespaces/shop/injections/{self.name}-{node}"
        self.experiment_path = f"{GROUP}/namespaces/shop/experiments/{self.name}"
        experiment = self.api.must("POST", f"{GROUP}/namespaces/shop/experiments", {
            "apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": self.name, "namespace": "shop"},
            "spec": {"target": {"type": "kubernetes", "labels": {"app": "api"}},
                     "attack": {"type": attack["type"], "args": attack["args"]}}})
        self.uid = experiment["metadata"]["uid"]
        self.count, self.stopping = 0, threading.Event()
        self.renew()
        victim = victim or {"kind": "pod", "namespace": "shop", "pod": "api-00000", "uid": lab.uid}
        self.api.must("POST", f"{GROUP}/namespaces/shop/injections", {
            "apiVersion": "ordeal.dev/v1alpha1", "kind": "Injection",
            "metadata": {"name": f"{self.name}-{node}", "namespace": "shop", "finalizers": ["ordeal.dev/revert"],
                         "labels": {"ordeal.dev/node": node, "ordeal.dev/experiment": self.name, "ordeal.dev/run": "any"},
                         "ownerReferences": [{"apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment", "name": self.name,
                                              "uid": self.uid, "controller": True, "blockOwnerDeletion": False}]},
            "spec": {"run": self.run, "experiment": self.name, "experimentUID": uid or self.uid, "node": node,
                     "leaseMs": int(LEASE * 1000), "waitsForGo": waits_for_go, "candidates": 10,
                     "impacts": [{"id": 0, "victim": victim, "attack": attack}]}})
        self.made = now()
        self.thread = threading.Thread(target=self.work, daemon=True)
        if renews:
            self.thread.start()

    def work(self):
        while not self.stopping.wait(LEASE / 3):
            try:
                self.renew()
            except (OSError, RuntimeError):
                pass  # the server is away, or the Experiment

    def renew(self, **more):
        self.count += 1
        self.say({"run": self.run, "renewal": {"count": self.count, "halt": "", "go": False, "stop": "", **more}})

    def say(self, status):
        self.api.must("PATCH", self.experiment_path + "/status", {"status": status}, content_type="merge")

    def stop(self, why="the attack is over"):
        self.stopping.set()
        self.renew(stop=why)
        return now()

    def silence(self):
        """The controller renews no more."""
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join()
        return now()

    def injection(self):
        status, body = self.api("GET", self.injection_path)
        return body if status == 200 else None

    def status(self):
        injection = self.injection()
        return injection.get("status", {}) if injection else {}

    def impact(self):
        return (self.status().get("impacts") or [{}])[0]

    def becomes(self, state, limit=20):
        wait_until(lambda: self.status().get("state") in (state, "reverted"), limit, 0.01)
        if self.status().get("state") != state:
            raise AssertionError(f"not {state} after {limit} s at most: {self.status()}")
        return now()

    def released(self, limit=10):
        """The finaliser is gone, or the Injection."""
        return wait_until(lambda: not (self.injection() or {"metadata": {}})["metadata"].get("finalizers"), limit, 0.01)

    def close(self):
        self.silence()
        self.api("DELETE", self.experiment_path)
        if self.released(20) is None:
            raise AssertionError(f"{self.injection_path} still has its finaliser: {self.status()}")


__all__ = ["Agent", "HALT", "KILLER", "LEASE", "NODE", "NodeLab", "OURS", "PAUSE", "Run", "kill", "now", "read",
           "subprocess", "wait_until"]
