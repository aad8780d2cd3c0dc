"""A controller and simulated agents on a cluster of KWOK: what tests of them share."""
import base64
import gzip
import json
import os
import re
import signal
import unittest
from pathlib import Path

from . import accounts
from .cluster import Cluster
from .programs import HERE

API = "ordeal.dev/v1alpha1"
GROUP = f"/apis/{API}"
CRDS = HERE.parent.parent / "charts" / "ordeal" / "crds"


def experiment(name, namespace="shop", length="3s", target=None, attack=None, **spec):
    return {"apiVersion": API, "kind": "Experiment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"target": target or {"type": "kubernetes", "namespace": namespace, "labels": {"app": "api"}},
                     "attack": attack or {"type": "latency", "args": {"delay": "100ms", "port": 8000}},
                     "length": length, "baseline": "300ms", "recovery": "1s", **spec}}


class Hosted(unittest.TestCase):
    """Base of tests of a controller; they set what follows. Controller and agents have accounts of their own, with the rights
    that the chart gives them, and nothing that they ask is refused."""
    ordeal = agents = None  # the programs
    policy = ""
    nodes = 5
    left_alone = ()  # nodes that are not looked at after each test

    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster = Cluster(nodes=cls.nodes)
        cls.addClassCleanup(cluster.close)
        accounts.audit(cluster)
        cluster.__enter__()
        code, _, complaint = cluster.kubectl("apply", "-f", str(CRDS))
        assert code == 0, complaint
        cluster.namespace("ordeal")
        accounts.install(cluster)
        cls.configs = {name: accounts.kubeconfig(cluster, name) for name in accounts.PROGRAMS}
        cls.addClassCleanup(cls.nothing_was_refused)
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ordeal-config", "namespace": "ordeal"},
                       "data": {"config.yaml": cls.policy}})
        cls.started = 0
        cls.make_targets()
        cls.start_agents()
        cls.start_controller()

    @classmethod
    def nothing_was_refused(cls):
        refused = accounts.Asked(cls.cluster).refused
        assert not refused, refused[:10]

    @classmethod
    def make_targets(cls):
        """Pods, before agents and controller begin."""

    @classmethod
    def start_agents(cls, *flags):
        cls.end("agents")
        cls.cluster.run("agents", [cls.agents, "--kubeconfig", cls.configs["ordeal-agent"], *flags])

    @classmethod
    def start_controller(cls, name="controller", failpoint=None, flags=()):
        cls.started += 1
        environment = {**os.environ, **({"ORDEAL_FAILPOINT": failpoint} if failpoint else {})}
        argv = [cls.ordeal, "controller", "--namespace", "ordeal", "--name", f"{name}-{cls.started}", "--policy-configmap",
                "ordeal/ordeal-config", "--agents", "", "--kubeconfig", cls.configs["ordeal-controller"], *flags]
        cls.cluster.run(name, argv, environment)

    @classmethod
    def end(cls, name, with_signal=signal.SIGKILL):
        process = cls.cluster.processes.pop(name, None)
        if process:
            process.send_signal(with_signal)
            return process.wait(30)
        return None

    def tearDown(self):
        """Nothing stays in force and no finaliser, whatever a test did."""
        self.cluster.wait_for(lambda: not self.finalizers(), 60, "the finalisers to go")
        held = {}
        for line in Path(f"{self.cluster.folder}/logs/agents.log").read_text().splitlines():
            match = re.match(r"(\S+) (in force|over) (\S+)", line)
            if match and match[1] not in self.left_alone:
                held[match[1], match[3]] = match[2] == "in force"
        self.assertFalse([key for key, there in held.items() if there])

    # What there is

    @classmethod
    def create(cls, thing):
        return cls.cluster.api.must("POST", f"{GROUP}/namespaces/{thing['metadata']['namespace']}/experiments", thing)

    def status(self, name, namespace="shop"):
        code, answer = self.cluster.api("GET", f"{GROUP}/namespaces/{namespace}/experiments/{name}")
        return answer.get("status", {}) if code == 200 else {}

    def condition(self, status, kind):
        return next((c for c in status.get("conditions", []) if c["type"] == kind), {})

    def wait_complete(self, name, namespace="shop", timeout=60):
        def complete():
            status = self.status(name, namespace)
            return status if self.condition(status, "Complete").get("status") == "True" else None
        return self.cluster.wait_for(complete, timeout, f"{name} to be complete")

    def wait_phase(self, name, phase, namespace="shop", timeout=30):
        self.cluster.wait_for(lambda: self.status(name, namespace).get("phase") == phase, timeout, f"{name}: {phase}")

    def injections(self, namespace="shop", run=None):
        items = self.cluster.api.must("GET", f"{GROUP}/namespaces/{namespace}/injections")["items"]
        return [item for item in items if run in (None, item["spec"]["run"])]

    def finalizers(self):
        items = self.cluster.api.must("GET", f"{GROUP}/injections")["items"]
        return [item["metadata"]["name"] for item in items
                if item["metadata"].get("finalizers") and item["spec"]["node"] not in self.left_alone]

    def record(self, run, namespace="shop"):
        maps = self.cluster.api.must("GET", f"/api/v1/namespaces/{namespace}/configmaps?labelSelector=ordeal.dev/run={run}")
        parts = sorted(maps["items"], key=lambda item: int(item["metadata"]["name"].rsplit("-", 1)[1]))
        data = [base64.b64decode(value) for part in parts for value in part["binaryData"].values()]
        return [json.loads(line) for text in data for line in gzip.decompress(text).decode().splitlines()]
