#!/usr/bin/env python3
"""`ordeal controller` with a real API server, pods of KWOK and simulated agents (agents.cc): an Experiment from its
creation to its end, what refuses it, what ends it in the middle, and what becomes of it when the controller dies between
any two of its writes. Arguments: the programs `ordeal` and `cluster_agents`."""
import json
import re
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import skip_without  # noqa: E402
from cluster.hosted import API, GROUP, Hosted, experiment  # noqa: E402
from lab.processes import now  # noqa: E402


class ControllerTest(Hosted):
    ordeal, agents = sys.argv[1:3]
    policy = "blast_radius: {namespaces: [shop, small, other]}\nprotected: {labels: {tier: payments}}\n"

    @classmethod
    def make_targets(cls):
        cls.cluster.make_pods(20, name="api", namespace="shop", labels={"app": "api"})

    def test_a_run_from_its_creation_to_its_verdict(self):
        half = {"type": "kubernetes", "namespace": "shop", "labels": {"app": "api"}, "percentage": 50}
        self.create(experiment("plain", target=half, seed=7))
        status = self.wait_complete("plain")
        # Without an expectation nothing is proven.
        self.assertEqual((status["verdict"], status["exit"]), ("inconclusive", 4), status)
        self.assertEqual((status["candidates"], status["victims"], status["injected"], status["reverted"]), (20, 10, 10, 10))
        for kind, expected in (("Admitted", "True"), ("Injected", "True"), ("Reverted", "True"), ("Held", "Unknown")):
            self.assertEqual(self.condition(status, kind)["status"], expected, kind)
        self.assertEqual(self.condition(status, "Complete")["reason"], "Inconclusive")
        mine = self.injections(run=status["run"])
        self.assertEqual(sum(len(item["spec"]["impacts"]) for item in mine), 10)
        self.assertEqual(len({item["spec"]["node"] for item in mine}), len(mine), "one for each node")
        lines = self.record(status["run"])
        self.assertEqual(lines[0]["id"], status["run"])
        self.assertEqual(len(lines[0]["plan"]["victims"]), 10)
        self.assertIn("inconclusive", json.dumps(lines[-1]))
        reasons = {event["reason"] for event in self.cluster.api.must("GET", "/api/v1/namespaces/shop/events")["items"]
                   if event["involvedObject"]["name"] == "plain"}
        self.assertEqual(reasons & {"Admitted", "Injected", "Complete"}, {"Admitted", "Injected", "Complete"})
        self.assertEqual(self.cluster.delete(experiment("plain")), 200)
        self.cluster.wait_for(lambda: not self.injections(run=status["run"]), 30, "the Injections to be collected")
        self.cluster.wait_for(lambda: self.cluster.api.must(
            "GET", f"/api/v1/namespaces/shop/configmaps?labelSelector=ordeal.dev/run={status['run']}")["items"] == [], 30, "the record")

    def test_what_is_refused_says_why_and_makes_nothing(self):
        target = {"type": "kubernetes", "namespace": "kube-system", "labels": {"app": "api"}}
        self.create(experiment("outside", target=target))
        program = experiment("program", expect=[{"name": "x", "probe": {"command": ["true"]}, "condition": "result == 0"}])
        code, answer = self.cluster.api("POST", f"{GROUP}/namespaces/shop/experiments", program)
        self.assertEqual(code, 422, answer)
        self.assertIn("a command is run on a host only", answer["message"])
        self.create(experiment("elsewhere", rollback=[{"deployment": {"name": "api", "namespace": "kube-system"}}]))
        for name, verdict, words in (("outside", "refused", "kube-system"), ("elsewhere", "refused", "kube-system")):
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
            # Before *complete* the record has its verdict already, and keeps it.
            if not never_began and place != "controller.before_complete":
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
        self.cluster.run("drain", [self.ordeal, "drain", "--kubeconfig", self.cluster.kubeconfig])
        self.assertEqual(self.cluster.processes.pop("drain").wait(60), 0, self.cluster.log("drain"))
        self.assertEqual(self.finalizers(), [])
        self.assertEqual(self.cluster.api("GET", f"{GROUP}/halts/global")[0], 404)
        self.assertEqual(self.wait_complete("drained")["verdict"], "halted")


if __name__ == "__main__":
    skip_without("kubectl")
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
