"""A cluster with a real node, pods that serve, and the release: one for all the classes of end_to_end.py."""
import argparse
import contextlib
import json
import os
import unittest

from lab.processes import now, read, wait_until

from . import addons
from . import release as r
from .cluster import Cluster
from .release import APP, BRIEF, SHOP, Visitor, conditions, experiment_of, slow

OPTIONS = argparse.Namespace(build="build/release", as_they_stand=False, runs=50, kills=30, rest=600)
LEASE = 15
LAB = []  # the cluster and the release
UNTIL_THE_END = contextlib.ExitStack()  # of the command, which closes it
PAGES = "result < 2.5"  # 500 ms for the connection and 500 ms for the answer


def load():
    return f"load {os.getloadavg()[0]:.1f}"


def percentiles(values):
    values = sorted(values)
    at = lambda share: values[min(len(values) - 1, int(share * len(values)))]
    return f"p50 {at(0.5):.2f} s, p95 {at(0.95):.2f} s, max {values[-1]:.2f} s of {len(values)} ({load()})"


def begin():
    cluster = UNTIL_THE_END.enter_context(Cluster(flags=addons.QUICK_AUTOSCALER))
    cluster.start_real_node()
    release = r.Release(cluster, OPTIONS.build)
    LAB.extend([cluster, release])
    print(f"cluster {cluster.seconds:.1f} s, node {cluster.node.seconds:.1f} s; {release.image}", flush=True)
    cluster.namespace("gremlin")
    cluster.kubectl("apply", "-f", str(r.POLICY))


class OnTheNode(unittest.TestCase):
    """A cluster with a real node, pods that serve, and the release: one for all classes."""
    PODS = 4

    @classmethod
    def setUpClass(cls):
        if not LAB:
            begin()
        cls.cluster, cls.release = LAB
        cls.prepare()
        cls.make_shop()
        if not cls.release.pods("agent"):
            print(f"helm install --wait: {cls.release.install(*BRIEF):.1f} s ({load()})", flush=True)

    @classmethod
    def prepare(cls):
        """What a class's workload needs."""

    @classmethod
    def make_shop(cls):
        cls.cluster.namespace(SHOP)
        cls.cluster.apply(cls.workload())
        cls.cluster.wait_for(lambda: len(cls.ready()) == cls.PODS, 60, "the pods of the shop")

    @classmethod
    def workload(cls):
        return r.shop(cls.PODS)

    @classmethod
    def remove(cls, *things):
        """Of a class that has another workload than the next one; returns when its pods are gone."""
        for thing in [cls.workload(), *things]:
            cls.cluster.delete(thing, propagationPolicy="Background")
        cls.cluster.wait_for(lambda: not cls.cluster.pods(SHOP), 60, "the pods to go")

    @classmethod
    def ready(cls):
        return [pod for pod in cls.cluster.running(SHOP, f"app={APP}")
                if all(at.get("ready") for at in pod["status"].get("containerStatuses", [{}]))]

    @staticmethod
    def must(code, said, complaint):
        if code != 0:
            raise AssertionError(complaint + said)
        return said

    def setUp(self):
        self.cluster.wait_for(lambda: len(self.ready()) == self.PODS, 90, "all pods to be ready")
        self.made, self.troubles_before = [], self.troubles()

    def troubles(self):
        result = self._outcome.result
        return len(result.failures) + len(result.errors)

    def tearDown(self):
        if self.troubles() > self.troubles_before:
            print(self.release.ordeal("report", "--cluster", "last", "--format", "md").stdout, self.cluster.kubectl("get", "oex,oin", "-A", "-o", "yaml")[1][-12000:], self.release.logs(), flush=True)
        for name in self.made:
            self.cluster.kubectl("delete", "oex", name, "-n", SHOP, "--ignore-not-found", "--wait=false")

    def apply(self, thing):
        """By kubectl; when it began."""
        began = now()
        self.must(*self.cluster.kubectl("apply", "-f", "-", input=json.dumps(thing)))
        self.made.append(thing["metadata"]["name"])
        return began

    def see(self, name, namespace=SHOP):
        return experiment_of(self.cluster, name, namespace)

    def complete(self, name, timeout=120):
        """Waits as a user does; its conditions."""
        self.must(*self.cluster.kubectl("wait", f"oex/{name}", "-n", SHOP, "--for=condition=Complete", f"--timeout={timeout}s",
                                        timeout=timeout + 30))
        found = self.see(name)
        print(f"  {name}: {found['status'].get('verdict')}: {found['status'].get('reason')}", flush=True)
        return conditions(found)

    def visitor(self, pod=None):
        pod = pod or self.ready()[0]
        visitor = Visitor(pod["status"]["podIP"])
        self.addCleanup(visitor.close)
        return visitor

    def in_force(self, name, visitor, **more):
        """A slow experiment whose delay is felt; when it began to be."""
        began = self.apply(slow(name, **more))
        at = r.wait_for_slow(visitor, began)
        self.assertIsNotNone(at, self.see(name))
        return at

    def gone_within(self, visitor, since, limit, what):
        at = r.wait_for_normal(visitor, since, limit + 20)
        self.assertIsNotNone(at, f"{what}: still slow")
        print(f"  {what}: {at - since:.2f} s ({load()})", flush=True)
        self.assertLessEqual(at - since, limit, what)
        return at - since

    def never_held(self, name, timeout=90):
        got = self.complete(name, timeout)
        self.assertNotEqual(got["Held"][0], "True", got)
        return got

    def nothing_left(self, patience=40):
        """No Injection that hangs, no process that guards, nothing in the network namespace of any pod."""
        def clean():
            return not [at for at in r.injections(self.cluster) if at["metadata"].get("finalizers")]
        self.assertIsNotNone(wait_until(clean, patience, 0.2), r.injections(self.cluster))
        for pod in self.ready():
            for pid in r.pids_of(self.cluster, pod)[:1]:
                self.assertEqual(r.left_in(pid), [], pod["metadata"]["name"])
        self.assertIsNotNone(wait_until(lambda: not self.guards(), 5, 0.1), "a guard still runs")

    def guards(self):
        """Of this node's agents; other tests of this machine may have theirs."""
        found = []
        for pid in self.agent_processes():
            if "ordeal-guard" in read(f"/proc/{pid}/cmdline"):
                found.append(pid)
        return found

    def agent_processes(self):
        return self.release.processes("agent")

    def agent(self):
        for pid in self.agent_processes():
            words = read(f"/proc/{pid}/cmdline").split("\0")
            if len(words) > 1 and words[1] == "agent":
                return pid
        return None
