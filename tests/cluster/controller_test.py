#!/usr/bin/env python3
"""`ordeal controller` with a real API server, pods of KWOK and simulated agents (agents.cc): an Experiment from its
creation to its end, what refuses it, what ends it in the middle, and what becomes of it when the controller dies between
any two of its writes. Arguments: the programs `ordeal` and `cluster_agents`."""
import base64
import gzip
import json
import os
import re
import signal
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from cluster import Cluster, skip_without  # noqa: E402
from lab.processes import now  # noqa: E402

ORDEAL, AGENTS = sys.argv[1:3]
API = "ordeal.dev/v1alpha1"
GROUP = f"/apis/{API}"
POLICY = "blast_radius: {namespaces: [shop, small, other]}\nprotected: {labels: {tier: payments}}\n"
CRDS = HERE.parent.parent / "charts" / "ordeal" / "crds"


def experiment(name, namespace="shop", length="3s", target=None, attack=None, **spec):
    return {"apiVersion": API, "kind": "Experiment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"target": target or {"type": "kubernetes", "namespace": namespace, "labels": {"app": "api"}},
                     "attack": attack or {"type": "latency", "args": {"delay": "100ms", "port": 8000}},
                     "length": length, "baseline": "300ms", "recovery": "1s", **spec}}


class ControllerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=5).__enter__()
        cluster = cls.cluster
        code, _, complaint = cluster.kubectl("apply", "-f", str(CRDS))
        assert code == 0, complaint
        cluster.namespace("ordeal")
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ordeal-config", "namespace": "ordeal"},
                       "data": {"config.yaml": POLICY}})
        cluster.make_pods(20, name="api", namespace="shop", labels={"app": "api"})
        cls.started = 0
        cls.start_agents()
        cls.start_controller()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    @classmethod
    def start_agents(cls, *flags):
        cls.end("agents")
        cls.cluster.run("agents", [AGENTS, "--kubeconfig", cls.cluster.kubeconfig, *flags])

    @classmethod
    def start_controller(cls, name="controller", failpoint=None, flags=()):
        cls.started += 1
        environment = {**os.environ, **({"ORDEAL_FAILPOINT": failpoint} if failpoint else {})}
        argv = [ORDEAL, "controller", "--namespace", "ordeal", "--name", f"{name}-{cls.started}", "--policy-configmap",
                "ordeal/ordeal-config", "--agents", "", "--kubeconfig", cls.cluster.kubeconfig, *flags]
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
            node, what, run = re.match(r"(\S+) (in force|over) (\S+)", line).groups() if " in force " in line or " over " in line \
                else (None, None, None)
            if node:
                held[node, run] = what == "in force"
        self.assertFalse([key for key, there in held.items() if there])

    # What there is

    def create(self, thing):
        return self.cluster.api.must("POST", f"{GROUP}/namespaces/{thing['metadata']['namespace']}/experiments", thing)

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
        return [item["metadata"]["name"] for item in items if item["metadata"].get("finalizers")]

    def record(self, run, namespace="shop"):
        maps = self.cluster.api.must("GET", f"/api/v1/namespaces/{namespace}/configmaps?labelSelector=ordeal.dev/run={run}")
        parts = sorted(maps["items"], key=lambda item: int(item["metadata"]["name"].rsplit("-", 1)[1]))
        data = [base64.b64decode(value) for part in parts for value in part["binaryData"].values()]
        return [json.loads(line) for text in data for line in gzip.decompress(text).decode().splitlines()]

    # Tests

    def test_a_run_from_its_creation_to_its_verdict(self):
        half = {"type": "kubernetes", "namespace": "shop", "labels": {"app": "api"}, "percentage": 50}
        self.create(experiment("plain", target=half, seed=7))
        self.wait_phase("plain", "during")
        mine = self.injections(run=self.status("plain")["run"])
        status = self.wait_complete("plain")
        # Without an expectation nothing is proven.
        self.assertEqual((status["verdict"], status["exit"]), ("inconclusive", 4), status)
        self.assertEqual((status["candidates"], status["victims"], status["injected"], status["reverted"]), (20, 10, 10, 10))
        for kind, expected in (("Admitted", "True"), ("Injected", "True"), ("Reverted", "True"), ("Held", "Unknown")):
            self.assertEqual(self.condition(status, kind)["status"], expected, kind)
        self.assertEqual(self.condition(status, "Complete")["reason"], "Inconclusive")
        self.assertEqual(sum(len(item["spec"]["impacts"]) for item in mine), 10)
        self.assertEqual(len({item["spec"]["node"] for item in mine}), len(mine), "one for each node")
        self.cluster.wait_for(lambda: not self.injections(run=status["run"]), 30, "its Injections to be deleted")
        lines = self.record(status["run"])
        self.assertEqual(lines[0]["id"], status["run"])
        self.assertEqual(len(lines[0]["plan"]["victims"]), 10)
        self.assertIn("inconclusive", json.dumps(lines[-1]))
        reasons = {event["reason"] for event in self.cluster.api.must("GET", "/api/v1/namespaces/shop/events")["items"]
                   if event["involvedObject"]["name"] == "plain"}
        self.assertEqual(reasons & {"Admitted", "Injected", "Complete"}, {"Admitted", "Injected", "Complete"})
        self.assertEqual(self.cluster.delete(experiment("plain")), 200)
        self.cluster.wait_for(lambda: self.cluster.api.must(
            "GET", f"/api/v1/namespaces/shop/configmaps?labelSelector=ordeal.dev/run={status['run']}")["items"] == [], 30, "the record")

    def test_what_is_refused_says_why_and_makes_nothing(self):
        target = {"type": "kubernetes", "namespace": "kube-system", "labels": {"app": "api"}}
        self.create(experiment("outside", target=target))
        self.create(experiment("program", expect=[{"name": "x", "probe": {"command": ["true"]}, "condition": "result == 0"}]))
        self.create(experiment("elsewhere", rollback=[{"deployment": {"name": "api", "namespace": "kube-system"}}]))
        for name, verdict, words in (("outside", "refused", "kube-system"), ("program", "refused", "runs no programs"),
                                     ("elsewhere", "refused", "kube-system")):
            status = self.wait_complete(name)
            self.assertEqual(status["verdict"], verdict, status)
            self.assertIn(words, status["reason"])
            self.assertEqual(self.condition(status, "Admitted")["status"], "False")
            self.assertNotIn("run", status)

    def test_an_annotation_halts_one_run(self):
        self.create(experiment("annotated", length="60s"))
        self.wait_phase("annotated", "during")
        path = f"{GROUP}/namespaces/shop/experiments/annotated"
        began = now()
        self.cluster.api.must("PATCH", path, {"metadata": {"annotations": {"ordeal.dev/halt": "enough"}}}, content_type="merge")
        status = self.wait_complete("annotated")
        self.assertLess(now() - began, 10)
        self.assertEqual((status["verdict"], status["exit"]), ("halted", 5), status)
        self.assertIn("enough", status["reason"])

    def test_the_halt_ends_all_and_lets_nothing_begin(self):
        self.create(experiment("halted", length="60s"))
        self.wait_phase("halted", "during")
        halt = {"apiVersion": API, "kind": "Halt", "metadata": {"name": "global"}, "spec": {"reason": "fire drill", "by": "anna"}}
        self.cluster.apply(halt)
        status = self.wait_complete("halted")
        self.assertEqual((status["verdict"], status["exit"]), ("halted", 5))
        self.create(experiment("too-late"))
        refused = self.wait_complete("too-late")
        self.assertEqual(refused["verdict"], "refused")
        self.assertIn("fire drill", refused["reason"])
        self.assertEqual(self.cluster.delete(halt), 200)
        self.cluster.wait_for(lambda: self.cluster.api("GET", f"{GROUP}/halts/global")[0] == 404, 10, "the release")
        time.sleep(0.5)
        self.create(experiment("after-it", length="1s"))
        self.assertEqual(self.wait_complete("after-it")["verdict"], "inconclusive")

    def test_deletion_in_the_middle_reverts(self):
        self.create(experiment("deleted", length="60s"))
        self.wait_phase("deleted", "during")
        run = self.status("deleted")["run"]
        self.assertTrue(self.finalizers())
        self.assertEqual(self.cluster.delete(experiment("deleted")), 200)
        self.cluster.wait_for(lambda: not self.injections(run=run), 20, "the Injections to go")

    def test_a_silent_agent_is_named_and_the_rest_reverted(self):
        node = sorted(pod["spec"]["nodeName"] for pod in self.cluster.running("shop"))[0]
        self.start_agents("--silent", node)
        try:
            self.create(experiment("silent", length="30s"))
            status = self.wait_complete("silent", timeout=90)
        finally:
            self.start_agents()
        # It was not injected; and who says nothing at all confirms nothing either.
        self.assertEqual((status["verdict"], status["exit"]), ("revert_failed", 6), status)
        self.assertIn("not injected", status["reason"])
        self.assertIn(node, status["reason"])

    def test_a_node_that_is_cut_off_is_named_after_its_lease(self):
        node = sorted(pod["spec"]["nodeName"] for pod in self.cluster.running("shop"))[0]
        self.start_agents("--deaf", node)
        self.create(experiment("deaf", length="3s"))
        status = self.wait_complete("deaf", timeout=90)
        time.sleep(1)
        self.start_agents()
        self.assertEqual((status["verdict"], status["exit"]), ("revert_failed", 6), status)
        self.assertIn(node, status["reason"])
        self.assertEqual(self.condition(status, "Reverted")["status"], "Unknown")

    def test_a_controller_may_die_between_any_two_writes(self):
        for place in ("controller.before_admitted", "controller.before_create@1", "controller.before_create@3",
                      "controller.before_stop", "controller.before_complete"):
            name = "dies-" + re.sub(r"[^a-z0-9]", "-", place)
            self.end("controller")
            self.start_controller(failpoint=place)
            self.create(experiment(name, length="2s"))
            process = self.cluster.processes.pop("controller")
            self.assertEqual(process.wait(60), -signal.SIGKILL, place)
            self.start_controller()
            status = self.wait_complete(name, timeout=90)
            never_began = place == "controller.before_admitted"
            self.assertEqual(status["verdict"], "inconclusive" if never_began else "halted", (place, status))
            self.assertEqual(self.condition(status, "Held")["status"], "Unknown")
            if not never_began:
                self.assertIn("halted", json.dumps(self.record(status["run"])[-1]), place)

    def test_a_signal_ends_its_runs_and_gives_the_lease_back(self):
        self.create(experiment("ended", length="60s"))
        self.wait_phase("ended", "during")
        self.assertEqual(self.end("controller", signal.SIGTERM), 0)
        status = self.status("ended")
        self.assertEqual(status["verdict"], "halted", status)
        began = now()
        self.start_controller()
        self.create(experiment("next", length="1s"))
        self.wait_complete("next")
        self.assertLess(now() - began, 12, "the lease was given back")

    def test_drain_leaves_nothing_that_hangs(self):
        self.create(experiment("drained", length="60s"))
        self.wait_phase("drained", "during")
        self.cluster.run("drain", [ORDEAL, "drain", "--kubeconfig", self.cluster.kubeconfig])
        self.assertEqual(self.cluster.processes.pop("drain").wait(60), 0, self.cluster.log("drain"))
        self.assertEqual(self.finalizers(), [])
        self.assertEqual(self.cluster.api("GET", f"{GROUP}/halts/global")[0], 404)
        self.assertEqual(self.wait_complete("drained")["verdict"], "halted")


if __name__ == "__main__":
    skip_without("kubectl")
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
