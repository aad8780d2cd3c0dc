#!/usr/bin/env python3
"""`ordeal controller` with a real API server, pods of KWOK and simulated agents (agents.cc): an Experiment from its
creation to its end, what refuses it, what ends it in the middle, and what becomes of it when the controller dies between
any two of its writes. Arguments: the programs `ordeal` and `cluster_agents`."""
import base64
import json
import os
import random
import re
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import accounts, skip_without  # noqa: E402
from cluster.guarded import Guarded  # noqa: E402
from cluster.hosted import API, GROUP, Hosted, experiment  # noqa: E402
from lab.processes import now  # noqa: E402


class ControllerTest(Hosted):
    ordeal, agents = sys.argv[1:3]
    policy = "blast_radius: {namespaces: [shop, small, other]}\nprotected: {labels: {tier: payments}}\n"

    @classmethod
    def make_targets(cls):
        cls.cluster.make_pods(20, name="api", namespace="shop", labels={"app": "api"})
        cls.cluster.make_pods(1, name="ordeal-controller", namespace="ordeal")  # for the drain: nobody is in it

    @classmethod
    def start_controller(cls, name="controller", failpoint=None, flags=("--keep", "4")):
        super().start_controller(name, failpoint, flags)

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

    def ask(self, prometheus, name, **keys):
        """A run that is proven by a Prometheus, with these files in a Secret of its name."""
        self.cluster.api.must("POST", "/api/v1/namespaces/shop/secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": name, "annotations": {"ordeal.dev/prometheus": prometheus.url}},
            "data": {key: base64.b64encode(Path(path).read_bytes()).decode() for key, path in keys.items()}})
        access = {key: {"name": name, "key": key} for key in keys}
        self.create(experiment(name, length="1s", recovery="300ms", sources={"prometheus": prometheus.url, "access": access},
                               expect=[{"name": "up", "query": "up", "condition": "result == 1"}]))

    def test_a_prometheus_that_demands_a_certificate_gets_that_of_the_secret_and_nobody_else_its_key(self):
        prometheus = Guarded(self.cluster.folder + "/prometheus")
        self.addCleanup(prometheus.close)
        pki = prometheus.pki
        for name, signer in (("watcher", "ca"), ("stranger", "front")):
            pki.client(name, name, signer=signer)
        own = {"certificate": pki.crt("watcher"), "key": pki.key("watcher"), "authority": pki.crt("ca")}
        stranger = {"certificate": pki.crt("stranger"), "key": pki.key("stranger")}
        closed = "as one does that refuses a client's certificate"  # it is gone before its alert is read
        refused = {
            "stranger": ({**own, **stranger}, "unknown ca", closed),
            "anonymous": ({"authority": pki.crt("ca")}, "certificate required", closed),
            "mismatched": ({**own, "key": pki.key("stranger")}, "private key"),
            "distrustful": ({**own, "authority": pki.crt("front")}, "SSL certificate problem")}
        self.cluster.apply(accounts.of_prometheus("shop", ["known", *refused]))
        self.ask(prometheus, "known", **own)
        for name, (keys, *_) in refused.items():
            self.ask(prometheus, name, **keys)
        for name, (_, *words) in refused.items():
            status = self.wait_complete(name)
            self.assertEqual((status["verdict"], "run" in status), ("not_injected", False), status)
            self.assertTrue([word for word in words if word in status["reason"]], status["reason"])
            self.assertIn(prometheus.url, status["reason"])
        status = self.wait_complete("known")
        self.assertEqual([look["value"] for look in status["looks"]], ["result 1"], status)
        self.assertEqual({name for _, _, name in prometheus.asked}, {"watcher"}, "nobody else was answered")
        self.nobody_tells(*(Path(path).read_text() for path in (*own.values(), *stranger.values())))

    def nobody_tells(self, *texts):
        """Of these PEM texts no line is in anything that is written, but in the Secret; nor is the whole, encoded."""
        get = lambda path: json.dumps(self.cluster.api.must("GET", path))
        said = [get(f"{GROUP}/{plural}") for plural in ("experiments", "injections")]
        said += [get(f"/api/v1/{plural}") for plural in ("configmaps", "events")]
        said += [json.dumps(self.record(one["status"]["run"])) for one in json.loads(said[0])["items"] if "run" in one.get("status", {})]
        said.append(Path(f"{self.cluster.folder}/logs/controller.log").read_text())
        for text in texts:
            lines = [line for line in text.splitlines() if len(line) > 30 and not line.startswith("-")]
            self.assertTrue(lines)
            for secret in (*lines, base64.b64encode(text.encode()).decode()[:60]):
                self.assertFalse([where[:200] for where in said if secret in where], "key material is told")

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

    def test_a_workload_that_is_not_there_is_refused_whatever_its_kind(self):
        kinds = ("deployment", "statefulset", "daemonset", "replicaset", "rollout", "service")
        for kind in kinds:
            target = {"type": "kubernetes", "namespace": "shop", "workload": f"{kind}/nobody"}
            self.create(experiment(f"no-{kind}", target=target))
        for kind in kinds:
            status = self.wait_complete(f"no-{kind}")
            self.assertEqual((status["verdict"], "run" in status), ("refused", False), status)
            self.assertIn("spec.target.workload", status["reason"])

    def test_a_revert_that_fails_engages_the_halt_until_a_person_has_looked(self):
        node = sorted(pod["spec"]["nodeName"] for pod in self.cluster.running("shop"))[0]
        self.start_agents("--dirty", node)
        self.create(experiment("dirty", length="1s"))
        status = self.wait_complete("dirty")
        self.start_agents()
        self.assertEqual((status["verdict"], status["exit"]), ("revert_failed", 6), status)
        self.assertEqual(self.condition(status, "Reverted")["status"], "False")
        self.cluster.wait_for(lambda: self.cluster.api("GET", f"{GROUP}/halts/global")[0] == 200, 10, "the Halt")
        self.create(experiment("after-dirty"))
        self.assertEqual(self.wait_complete("after-dirty")["verdict"], "refused")
        for left in (f"{GROUP}/namespaces/shop/experiments/dirty", f"{GROUP}/halts/global"):
            self.cluster.api.must("DELETE", left)
        time.sleep(0.5)
        self.create(experiment("looked-at", length="1s"))
        self.assertEqual(self.wait_complete("looked-at")["verdict"], "inconclusive")

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
            hit = lambda: self.condition(self.status("silent"), "Reverted").get("status") == "False" and self.status("silent")
            waiting = self.cluster.wait_for(hit, 14, "the first victim to be hit")
            self.assertEqual(self.condition(waiting, "Injected")["reason"], "NotYet", "one node is waited for")
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

    def test_a_controller_may_die_before_any_write(self):
        """Three drawn ones, or each of a whole run where ORDEAL_EACH_WRITE is set (soak.py controller-kill)."""
        if os.environ.get("ORDEAL_EACH_WRITE"):
            killed = 0
            while self.dies_before_write(killed + 1):
                killed += 1
            print(f"  a run of {killed} writes: killed before each")
            self.assertGreater(killed, 10)
            return
        seed = random.randrange(1 << 32)
        for number in random.Random(seed).sample(range(1, 10), 3):
            with self.subTest(seed=seed, write=number):
                self.assertTrue(self.dies_before_write(number))

    def dies_before_write(self, number):
        """False: the run had fewer."""
        name = f"write-{number}"
        self.end("controller")
        self.start_controller(failpoint=f"controller.before_write@{number}")
        process = self.cluster.processes.pop("controller")  # its end is expected
        self.create(experiment(name, length="2s"))
        over = lambda: process.poll() is not None or self.condition(self.status(name) or {}, "Complete").get("status") == "True"
        self.cluster.wait_for(over, 60, f"write {number}")
        time.sleep(0.5)  # the last ones come after the run's end
        died = process.poll() is not None
        if died:
            self.start_controller()
        else:
            self.cluster.processes["controller"] = process
        status = self.wait_complete(name, timeout=90)
        self.assertIn(status["verdict"], ("halted", "inconclusive"), (number, status))
        self.assertEqual(self.condition(status, "Held")["status"], "Unknown")
        return died

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
        self.cluster.run("drain", [self.ordeal, "drain", "--namespace", "ordeal", "--deployment", "ordeal-controller",
                                   "--kubeconfig", self.configs["ordeal-drain"]])
        self.assertEqual(self.cluster.processes.pop("drain").wait(60), 0, self.cluster.log("drain"))
        self.assertEqual(self.finalizers(), [])
        self.assertEqual(self.cluster.api("GET", f"{GROUP}/halts/global")[0], 404)
        self.assertEqual(self.wait_complete("drained")["verdict"], "halted")
        self.assertEqual(self.cluster.pods("ordeal", "app=ordeal-controller"), [])

    def test_zz_every_right_of_the_controller_is_used(self):
        """The last by its name, of all that the others have made it ask."""
        if sys.argv[3:]:
            self.skipTest("only after all others")
        only_after_a_clash = {("get", "ordeal.dev/experiments")}
        self.assertLessEqual(set(accounts.Asked(self.cluster).unused("ordeal-controller")), only_after_a_clash)


if __name__ == "__main__":
    skip_without("kubectl")
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
