#!/usr/bin/env python3
"""`ordeal` from a laptop against a real API server with pods of KWOK: plan, run, halt, list, report, install, and what it
says where a kubeconfig is wrong, a right is missing or nobody is there. The controller's part is played by the test; at
the end a real one hosts, with simulated agents. Arguments: the programs `ordeal` and `cluster_agents`."""
import base64
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ORDEAL, AGENTS = (str(Path(sys.argv.pop(1)).resolve()) for _ in range(2))
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from cluster import Cluster, accounts, skip_without  # noqa: E402
from cluster.guarded import own_address  # noqa: E402

GROUP = "/apis/ordeal.dev/v1alpha1"
NAMES = {"app.kubernetes.io/name": "ordeal"}
POLICY = {"blast_radius": {"namespaces": ["shop", "kept"]}, "protected": {"namespaces": ["kept"]}}


def labels(part):
    return {**NAMES, "app.kubernetes.io/component": part}


def workload(kind, name, part, args=(), **spec):
    pod = {"metadata": {"labels": labels(part)},
           "spec": {"containers": [{"name": part, "image": "registry.invalid/ordeal:1", "args": list(args)}]}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "ordeal", "labels": labels(part)},
            "spec": {"selector": {"matchLabels": labels(part)}, "template": pod, **spec}}


def admission(name):
    version = "admissionregistration.k8s.io/v1"
    constraints = {"resourceRules": [{"apiGroups": ["ordeal.dev"], "apiVersions": ["*"], "operations": ["CREATE"],
                                      "resources": ["nothing"]}]}
    return [{"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name, "labels": NAMES},
             "spec": {"matchConstraints": constraints, "validations": [{"expression": "true"}]}},
            {"apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name, "labels": NAMES},
             "spec": {"policyName": name, "validationActions": ["Deny"]}}]


def release(leader="controller-1"):
    """What the chart installs, as far as the command line looks at it. KWOK plays its pods; a controller that is not played
    has no `leader` before it, else it would wait until that one's lease is over."""
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
             "metadata": {"name": "ordeal-controller", "namespace": "ordeal"}, "spec": {"holderIdentity": leader}}
    policy = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ordeal-config", "namespace": "ordeal"},
              "data": {"config.yaml": json.dumps(POLICY)}}
    args = ["controller", "--scope", "cluster", "--policy-configmap", "ordeal/ordeal-config"]
    return [workload("Deployment", "ordeal-controller", "controller", args, replicas=1), workload("DaemonSet", "ordeal-agent", "agent"),
            *([lease] if leader else []), policy, *admission("injections.ordeal.dev")]


def experiment(**more):
    return {"name": "Slow API!", "target": {"type": "kubernetes", "namespace": "shop", "labels": {"app": "api"}, "percentage": 50},
            "attack": {"type": "cpu", "args": {"percent": 50}, "length": "30s"}, "seed": 7, **more}


def sample_events(run, kind="held"):
    """The engine's own (tests/sample_run) under another name."""
    sample = [str(Path(ORDEAL).parent / "bin" / "report_sample"), "events", kind]
    lines = subprocess.run(sample, stdout=subprocess.PIPE, check=True, timeout=30).stdout.splitlines()
    return [{**json.loads(line), "run": run} for line in lines]


class Laptop:
    """Somebody who has a kubeconfig and a state folder."""

    def __init__(self, kubeconfig):
        self.folder = tempfile.mkdtemp(prefix="laptop-", dir=Path(kubeconfig).parent)  # goes with the cluster's folder
        self.kubeconfig = kubeconfig
        self.environment = {**{k: v for k, v in os.environ.items() if not k.startswith("ORDEAL_")}, "LC_ALL": "C.UTF-8",
                            "KUBECONFIG": kubeconfig, "HOME": self.folder}

    def file(self, content, name="experiment.yaml"):
        path = f"{self.folder}/{name}"
        Path(path).write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def start(self, *words):
        if words[0] == "run":
            words = (*words, "--state-dir", self.folder + "/state")
        return subprocess.Popen([ORDEAL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=self.environment)

    def __call__(self, *words, limit=60):
        """(exit code, what it printed, what it complained of)"""
        process = self.start(*words)
        printed, said = process.communicate(timeout=limit)
        return process.returncode, printed, said


class Controller:
    """Plays the controller of one Experiment: status and record, when the test says so."""

    def __init__(self, api, space="shop"):
        self.api, self.space = api, space

    def wait(self, name, seconds=15):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            status, found = self.api("GET", f"{GROUP}/namespaces/{self.space}/experiments/{name}")
            if status == 200:
                return found
            time.sleep(0.05)
        raise TimeoutError(name)

    def status(self, name, **status):
        path = f"{GROUP}/namespaces/{self.space}/experiments/{name}/status"
        self.api.must("PATCH", path, {"status": status}, content_type="merge")

    def admit(self, name, run):
        self.status(name, run=run, phase="before", conditions=[condition("Admitted", "True", "Admitted")])

    def record(self, owner, run, lines):
        head = {"id": run, "name": "Slow API!", "started": "2026-11-23T20:15:04.000Z", "experiment": {}, "plan": {}}
        data = gzip.compress("".join(json.dumps(line) + "\n" for line in [head, *lines]).encode())
        metadata = owner["metadata"]
        thing = {"apiVersion": "v1", "kind": "ConfigMap",
                 "metadata": {"name": f"{run}-0", "namespace": self.space,
                              "labels": {"ordeal.dev/record": "true", "ordeal.dev/run": run},
                              "ownerReferences": [{"apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment",
                                                   "name": metadata["name"], "uid": metadata["uid"]}]},
                 "binaryData": {"record.gz": base64.b64encode(data).decode()}}
        path = f"/api/v1/namespaces/{self.space}/configmaps/{run}-0?fieldManager=test&force=true"
        self.api.must("PATCH", path, thing, content_type="apply")

    def end(self, name, run, verdict, exit_code):
        self.status(name, run=run, phase="done", verdict=verdict, reason="as it was played", exit=exit_code,
                    started="2026-11-23T20:15:04Z", conditions=[condition("Admitted", "True", "Admitted"),
                                                                condition("Complete", "True", verdict.capitalize())])


def condition(kind, status, reason, message=""):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-11-23T20:15:04Z"}


class OnACluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=3).__enter__()
        cls.addClassCleanup(cls.cluster.close)
        cls.api = cls.cluster.api
        cls.me = Laptop(cls.cluster.kubeconfig)
        cls.bare = {words: cls.me(*words) for words in cls.asked_of_a_bare_cluster()}
        done = cls.cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "charts/ordeal/crds"))
        assert done[0] == 0, done
        cls.cluster.wait_for(lambda: cls.served() >= {"experiments", "injections", "halts"}, 20, "the definitions")
        for space in ("ordeal", "shop", "kept"):
            cls.cluster.namespace(space)
        cls.cluster.apply(release())
        cls.cluster.make_pods(6, name="api", namespace="shop")
        cls.cluster.make_pods(2, name="api", namespace="kept")
        cls.cluster.wait_for(lambda: len(cls.cluster.running("ordeal", "app.kubernetes.io/component=agent")) == 3, 30, "agents")

    @classmethod
    def served(cls):
        status, answer = cls.api("GET", GROUP)
        return {resource["name"] for resource in answer["resources"]} if status == 200 else set()

    @classmethod
    def asked_of_a_bare_cluster(cls):
        file = cls.me.file(experiment())
        return [("install",), ("plan", "--cluster", file), ("run", "--cluster", file), ("halt", "--cluster"),
                ("list", "--cluster")]

    def setUp(self):
        self.run_id = "r20261123t201504z-" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=5))

    def tearDown(self):
        for space in ("shop", "kept"):
            for kind in ("experiments", "injections"):
                self.api("DELETE", f"{GROUP}/namespaces/{space}/{kind}")
        self.api("DELETE", f"{GROUP}/halts/global")

    def experiments(self, space="shop"):
        return {one["metadata"]["name"]: one for one in self.api.must("GET", f"{GROUP}/namespaces/{space}/experiments")["items"]}

    def assert_said(self, done, code, *words, where=2):
        self.assertEqual(done[0], code, done)
        for word in words:
            self.assertIn(word, done[where], done)

    # Where

    def test_a_cluster_is_never_meant_by_accident(self):
        file = self.me.file(experiment())
        self.assert_said(self.me("plan", file), 4, "--inventory FILE", "--cluster")
        self.assert_said(self.me("plan", "-n", "shop", file), 2, "no cluster is given", "--cluster", "--context", "--kubeconfig")

    def test_the_first_line_says_where(self):
        for words in (("list", "--cluster"), ("install",), ("halt", "--cluster")):
            first = self.me(*words)[1].splitlines()[0]
            self.assertIn(self.cluster.url, first)
            self.assertIn("ordeal-test", first)
        printed, said = self.me("list", "--cluster", "--json")[1:]
        self.assertIn(self.cluster.url, said)
        self.assertEqual([json.loads(line) for line in printed.splitlines()], [])

    def test_a_wrong_kubeconfig_is_bad_input_and_named(self):
        missing = self.me.folder + "/nowhere"
        self.assert_said(self.me("list", "--kubeconfig", missing), 2, missing)
        self.assert_said(self.me("list", "--context", "wrong"), 2, "wrong", self.cluster.kubeconfig)
        broken = self.me.file("clusters: [", "broken")
        self.assert_said(self.me("plan", "--kubeconfig", broken, self.me.file(experiment())), 2, broken)

    def test_a_server_that_is_not_there_is_no_internal_error(self):
        gone = self.me.file(Path(self.cluster.kubeconfig).read_text().replace(self.cluster.url, "https://127.0.0.1:1"), "gone")
        self.assert_said(self.me("list", "--kubeconfig", gone), 4, "127.0.0.1:1")
        self.assert_said(self.me("halt", "--kubeconfig", gone), 6, "127.0.0.1:1")

    def test_a_right_that_is_missing_is_named_with_verb_resource_and_account(self):
        path = f"{self.me.folder}/nobody"
        nobody = Laptop(self.cluster.token_kubeconfig(path, self.cluster.token("default"), "shop"))
        account = "system:serviceaccount:default:default"
        file = nobody.file(experiment())
        self.assert_said(nobody("plan", "--cluster", file), 3, account, 'cannot list resource "pods"')
        self.assert_said(nobody("run", "--cluster", file), 3, account, 'cannot create resource "experiments"')
        self.assert_said(nobody("halt", "--cluster"), 3, account, 'cannot patch resource "halts"')
        self.assert_said(nobody("list", "--cluster"), 3, account, 'cannot list resource "experiments"')
        self.assert_said(nobody("install"), 4, f"{account} may not create experiments.ordeal.dev in shop",
                         "--serviceaccount=default:default", where=1)

    # install

    def test_a_bare_cluster_lacks_everything(self):
        install, plan, run, halt, listed = self.bare.values()
        self.assert_said(install, 4, "missing: experiments.ordeal.dev, injections.ordeal.dev, halts.ordeal.dev", "helm install",
                         "kubectl apply -f charts/ordeal/crds", where=1)
        for done in (plan, run, listed):
            self.assert_said(done, 4, "ordeal install")
        self.assert_said(halt, 2, "ordeal install")

    def test_a_whole_installation_is_said_to_be_whole(self):
        self.assert_said(self.me("install"), 0, "ready on 3 of 3 nodes", "leader: controller-1", "ordeal/ordeal-config is valid",
                         "Everything is there", where=1)
        done = self.me("install", "--json")
        self.assertEqual((done[0], json.loads(done[1])["complete"]), (0, True))

    def test_a_node_without_an_agent_is_named_with_its_taint(self):
        name = self.cluster.add_nodes(1, first=50)[0]
        try:
            taint = {"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoExecute"}]}}
            self.api.must("PATCH", f"/api/v1/nodes/{name}", taint, content_type="merge")
            self.cluster.wait_for(lambda: len(self.cluster.running("ordeal", "app.kubernetes.io/component=agent")) == 3, 30)
            self.assert_said(self.me("install"), 4, f"none on {name}: its taint gpu=yes:NoExecute is not tolerated", where=1)
        finally:
            self.api.must("DELETE", f"/api/v1/nodes/{name}")

    # plan

    def test_a_plan_names_the_pods_and_the_rule_of_each_other_and_writes_nothing(self):
        done = self.me("plan", "--cluster", self.me.file(experiment()))
        self.assert_said(done, 0, "3 of 6 candidates", "its agent is ready", "would start", where=1)
        victims = {word.strip(":,") for word in done[1].split() if word.startswith("shop/api-")}
        self.assertEqual(len(victims), 3)
        self.assertEqual(self.experiments(), {})
        again = json.loads(self.me("plan", "--cluster", "--json", self.me.file(experiment()))[1])
        self.assertTrue(again["would_start"])
        self.assertEqual({f"shop/{victim['pod']}" for node in again["nodes"] for victim in node["victims"]}, victims)

    def test_a_plan_has_the_exit_codes_of_a_host(self):
        kept = experiment(target={"type": "kubernetes", "namespace": "kept", "labels": {"app": "api"}})
        self.assert_said(self.me("plan", "--cluster", "-n", "kept", self.me.file(kept)), 3, "protected.namespaces", where=1)
        none = experiment(target={"type": "kubernetes", "namespace": "shop", "labels": {"app": "none"}})
        self.assertEqual(self.me("plan", "--cluster", self.me.file(none))[0], 4)
        self.assert_said(self.me("plan", "--cluster", self.me.file(experiment(typo=1))), 2, "typo")
        self.me("halt", "--cluster", "--reason", "a drill")
        self.assert_said(self.me("plan", "--cluster", self.me.file(experiment())), 3, "a drill", where=1)

    def test_a_plan_without_a_policy_says_so(self):
        done = self.me("plan", "--cluster", "--release-namespace", "nowhere", self.me.file(experiment()))
        self.assert_said(done, 3, "would not start: there is no policy in the ConfigMap nowhere/ordeal-config", where=1)

    def test_a_plan_says_the_disruption_budget_of_its_victims_and_that_a_kill_does_not_ask_it(self):
        budgets = [{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "shop"},
                    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}} for name in ("api", "others")]
        self.cluster.apply(budgets)
        for budget in budgets:
            self.addCleanup(self.cluster.delete, budget)
        path = self.api.path(budgets[0])
        self.cluster.wait_for(lambda: self.api.must("GET", path)["status"].get("disruptionsAllowed") == 1, 20, "the budget's count")
        said = "Budget      shop/api allows 1 disruption now"
        warning = "the PodDisruptionBudget shop/api allows 1 disruption now, and the attack takes 3 of its pods: a kill does not ask it"
        kill = self.me.file(experiment(attack={"type": "shutdown", "args": {"delay": "1s"}}))
        done = self.me("plan", "--cluster", kill)
        self.assert_said(done, 0, said, warning, where=1)
        self.assertNotIn("shop/others", done[1])
        plan = json.loads(self.me("plan", "--cluster", "--json", kill)[1])
        self.assertEqual(plan["disruption_budgets"], [{"namespace": "shop", "name": "api", "allowed": 1}])
        self.assertIn(warning, plan["warnings"])
        load = self.me("plan", "--cluster", self.me.file(experiment()))
        self.assert_said(load, 0, said, where=1)
        self.assertNotIn("PodDisruptionBudget", load[1])

    # halt and resume

    def injection(self, name, node="node-0000"):
        """Of a run that nobody hosts."""
        attack = {"type": "cpu", "args": {}, "length_ms": 30000, "lead_in_ms": 0, "min_events": 10}
        victim = {"kind": "pod", "namespace": "shop", "pod": "api-1", "uid": "u"}
        thing = {"apiVersion": "ordeal.dev/v1alpha1", "kind": "Injection",
                 "metadata": {"name": name, "labels": {"ordeal.dev/run": self.run_id}},
                 "spec": {"run": self.run_id, "experiment": "slow", "experimentUID": "u", "node": node, "leaseMs": 15000, "candidates": 1,
                          "impacts": [{"id": 1, "victim": victim, "attack": attack}]}}
        path = f"{GROUP}/namespaces/shop/injections"
        self.api.must("POST", path, thing)
        self.api.must("PATCH", f"{path}/{name}/status", {"status": {"state": "injected", "impacts": []}}, content_type="merge")
        return f"{path}/{name}/status"

    def test_halt_waits_until_every_injection_is_reverted(self):
        status = self.injection("slow-node-0000")
        halting = self.me.start("halt", "--cluster", "--reason", "too slow")
        self.cluster.wait_for(lambda: self.api("GET", f"{GROUP}/halts/global")[0] == 200, 10, "the Halt")
        time.sleep(1.5)
        self.assertIsNone(halting.poll())
        self.api.must("PATCH", status, {"status": {"state": "reverted"}}, content_type="merge")
        printed, said = halting.communicate(timeout=10)
        self.assertEqual(halting.returncode, 0, said)
        self.assertIn(self.run_id, printed)
        self.assertIn("waiting for 1 node", said)
        self.assertEqual(self.api.must("GET", f"{GROUP}/halts/global")["spec"]["reason"], "too slow")
        self.assert_said(self.me("install"), 4, "ENGAGED: too slow", where=1)
        self.assert_said(self.me("resume", "--cluster"), 0, "The halt is released.", where=1)
        self.assert_said(self.me("resume", "--cluster"), 0, "There was no halt.", where=1)

    def test_a_node_that_does_not_revert_is_named(self):
        self.injection("slow-node-0001", "node-0001")
        began = time.monotonic()
        self.assert_said(self.me("halt", "--cluster"), 6, "node-0001")
        self.assertGreater(time.monotonic() - began, 30)

    def test_an_injection_that_vanishes_is_not_called_reverted(self):
        status = self.injection("slow-node-0002", "node-0002")
        halting = self.me.start("halt", "--cluster")
        self.cluster.wait_for(lambda: self.api("GET", f"{GROUP}/halts/global")[0] == 200, 10, "the Halt")
        time.sleep(1)
        gone = status.removesuffix("/status")
        self.api.must("PATCH", gone, {"metadata": {"finalizers": None}}, content_type="merge")
        self.api("DELETE", gone)
        _, said = halting.communicate(timeout=10)
        self.assertEqual(halting.returncode, 6, said)
        self.assertIn("ended without confirmation", said)
        self.assertIn("node-0002", said)
        self.me("resume", "--cluster")

    # run

    def test_what_the_server_refuses_is_bad_input_and_makes_nothing(self):
        resource = {"apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment",
                    "metadata": {"name": "No_Name", "namespace": "shop"}, "spec": experiment()}
        for command in ("run", "plan"):
            self.assert_said(self.me(command, "--cluster", self.me.file(resource)), 2, "metadata.name")
        self.assertEqual(self.experiments(), {})

    def test_flags_of_a_host_are_refused(self):
        self.assert_said(self.me("run", "--cluster", "--inventory", "x", self.me.file(experiment())), 2, "--inventory")

    def test_without_a_controller_nothing_stays(self):
        self.assert_said(self.me("run", "--cluster", self.me.file(experiment())), 4, "within 10 s", "ordeal install", "shop/slow-api",
                         "deleted again")
        self.assertEqual(self.experiments(), {})

    def test_ctrl_c_before_a_controller_came_deletes_it(self):
        running = self.me.start("run", "--cluster", self.me.file(experiment()))
        Controller(self.api).wait("slow-api")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=5)
        self.assertEqual(running.returncode, 5, said)
        self.assertEqual(self.experiments(), {})

    def test_a_run_is_followed_reported_and_recorded_here_too(self):
        controller = Controller(self.api)
        self.api.must("POST", f"{GROUP}/namespaces/shop/experiments",
                      {"apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "slow-api"}, "spec": experiment()})
        report = self.me.folder + "/report.md"
        running = self.me.start("run", "--cluster", self.me.file(experiment()), "--report", report)
        self.cluster.wait_for(lambda: len(self.experiments()) == 2, 10, "another name")
        name = next(name for name in self.experiments() if name != "slow-api")
        self.assertRegex(name, "^slow-api-[a-z2-7]{5}$")
        owner = controller.wait(name)
        controller.admit(name, self.run_id)
        lines = sample_events(self.run_id)
        controller.record(owner, self.run_id, lines[:len(lines) // 2])
        time.sleep(0.5)
        controller.record(owner, self.run_id, lines)
        ended = lines[-1]["data"]
        controller.end(name, self.run_id, ended["outcome"], 0)
        printed, said = running.communicate(timeout=20)
        self.assertEqual(running.returncode, 0, said)
        self.assertIn(ended["reason"], " ".join(printed.split()))
        self.assertIn(f"shop/{name}", said)
        self.assertIn(ended["reason"], Path(report).read_text())
        self.assert_said(self.me("report", "--format", "json", "--state-dir", self.me.folder + "/state", "last"), 0, self.run_id, where=1)
        self.assert_said(self.me("list", "--cluster"), 0, self.run_id, f"shop/{name}", "held", where=1)
        there = self.me("report", "--cluster", "--format", "json", "last")
        self.assert_said(there, 0, self.run_id, where=1)
        self.assert_said(self.me("report", "--cluster", "-n", "kept", "last"), 2, "no run")

    def test_a_refusal_is_said_with_its_exit_code(self):
        running = self.me.start("run", "--cluster", self.me.file(experiment()))
        controller = Controller(self.api)
        controller.wait("slow-api")
        controller.status("slow-api", verdict="refused", reason="caps.max_targets is 1", exit=3,
                          conditions=[condition("Admitted", "False", "Refused", "caps.max_targets is 1"),
                                      condition("Complete", "True", "Refused")])
        _, said = running.communicate(timeout=10)
        self.assertEqual(running.returncode, 3, said)
        self.assertIn("caps.max_targets is 1", said)
        self.assertEqual(list(self.experiments()), ["slow-api"])

    def test_a_verdict_without_a_record_is_told_all_the_same(self):
        running = self.me.start("run", "--cluster", self.me.file(experiment()))
        controller = Controller(self.api)
        controller.wait("slow-api")
        controller.admit("slow-api", self.run_id)
        controller.end("slow-api", self.run_id, "deviated", 1)
        printed, said = running.communicate(timeout=15)
        self.assertEqual((running.returncode, printed), (1, "deviated: as it was played\n"), said)
        self.assertIn("there is no report", said)

    def admitted(self):
        running = self.me.start("run", "--cluster", self.me.file(experiment()))
        controller = Controller(self.api)
        owner = controller.wait("slow-api")
        controller.admit("slow-api", self.run_id)
        controller.record(owner, self.run_id, sample_events(self.run_id)[:3])
        time.sleep(1)
        return running, controller, owner

    def annotation(self):
        return self.experiments()["slow-api"]["metadata"].get("annotations", {}).get("ordeal.dev/halt")

    def test_ctrl_c_asks_the_controller_and_waits_for_the_end(self):
        running, controller, owner = self.admitted()
        running.send_signal(signal.SIGINT)
        self.cluster.wait_for(lambda: self.annotation() is not None, 5, "the annotation")
        self.assertIsNone(running.poll())
        lines = sample_events(self.run_id)
        lines[-1]["data"].update(outcome="halted", reason="halted by person", exit=5)
        controller.record(owner, self.run_id, lines)
        controller.end("slow-api", self.run_id, "halted", 5)
        _, said = running.communicate(timeout=20)
        self.assertEqual(running.returncode, 5, said)
        self.assertIn("Ctrl-C once more", said)

    def test_a_second_ctrl_c_leaves_and_says_what_stays(self):
        running, _, _ = self.admitted()
        running.send_signal(signal.SIGINT)
        self.cluster.wait_for(lambda: self.annotation() is not None, 5, "the annotation")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=5)
        self.assertEqual(running.returncode, 4, said)
        self.assertIn(f"ordeal halt --cluster -n shop {self.run_id}", said)

    def test_one_run_is_halted_by_its_id(self):
        running, controller, _ = self.admitted()
        status = self.injection("slow-node-0000")
        halting = self.me.start("halt", "--cluster", self.run_id)
        self.cluster.wait_for(lambda: self.annotation() is not None, 5, "the annotation")
        controller.end("slow-api", self.run_id, "halted", 5)
        self.api.must("PATCH", status, {"status": {"state": "reverted"}}, content_type="merge")
        self.assertEqual(halting.wait(10), 0)
        halting.communicate()
        self.assertEqual(self.api("GET", f"{GROUP}/halts/global")[0], 404)
        self.assertEqual(running.wait(15), 5)
        running.communicate()
        self.assert_said(self.me("halt", "--cluster", self.run_id), 2, "no live run")

    def test_a_deleted_experiment_ends_the_run(self):
        running, _, _ = self.admitted()
        self.api.must("DELETE", f"{GROUP}/namespaces/shop/experiments/slow-api")
        printed, said = running.communicate(timeout=10)
        self.assertEqual(running.returncode, 5, said)
        self.assertIn("the Experiment was deleted during the run", " ".join(printed.split()))
        done = self.me("report", "--format", "json", "--state-dir", self.me.folder + "/state", self.run_id)
        self.assert_said(done, 0, '"halted"', where=1)

    def test_a_connection_that_breaks_is_said_and_the_run_is_followed_to_its_end(self):
        proxy = self.cluster.proxy()
        there, me = self.me, Laptop(proxy.kubeconfig)
        self.addCleanup(setattr, type(self), "me", there)
        type(self).me = me
        running, controller, owner = self.admitted()
        proxy.stop()
        threading.Timer(2, proxy.resume).start()
        lines = sample_events(self.run_id)
        controller.record(owner, self.run_id, lines)
        controller.end("slow-api", self.run_id, "held", 0)
        _, said = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 0, said)
        self.assertIn("trying again", said)


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class WithAController(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # A controller asks nothing of its own loopback.
        cls.page = ThreadingHTTPServer((own_address(), 0), Page)
        threading.Thread(target=cls.page.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.page.shutdown)
        cluster = cls.cluster = Cluster(nodes=3)
        cls.addClassCleanup(cluster.close)
        accounts.audit(cluster)
        cluster.__enter__()
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "charts/ordeal/crds"))
        for kind in ("experiments", "injections", "halts"):  # a new definition is not served at once
            cluster.wait_for(lambda kind=kind: cluster.api("GET", f"{GROUP}/{kind}")[0] == 200, 30, kind)
        for space in ("ordeal", "shop", "kept"):
            cluster.namespace(space)
        accounts.install(cluster)
        cluster.apply(release(leader=None))
        cluster.make_pods(6, name="api", namespace="shop")
        cluster.make_pods(2, name="api", namespace="kept")
        cls.addClassCleanup(cls.nothing_was_refused)
        cluster.run("agents", [AGENTS, "--kubeconfig", accounts.kubeconfig(cluster, "ordeal-agent")])
        cluster.run("controller", [ORDEAL, "controller", "--namespace", "ordeal", "--name", "real-1", "--policy-configmap",
                                   "ordeal/ordeal-config", "--agents", "", "--kubeconfig",
                                   accounts.kubeconfig(cluster, "ordeal-controller")])
        lease = "/apis/coordination.k8s.io/v1/namespaces/ordeal/leases/ordeal-controller"
        cluster.wait_for(lambda: cluster.api("GET", lease)[1].get("spec", {}).get("holderIdentity"), 30, "a leader")
        cls.me = Laptop(cluster.kubeconfig)

    @classmethod
    def nothing_was_refused(cls):
        refused = accounts.Asked(cls.cluster).refused
        assert not refused, refused[:10]

    def person(self, *roles):
        """Somebody with these roles for people: that of an experimenter in shop alone, the others everywhere."""
        name = "-".join(roles)
        self.cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "shop"}})
        for role in roles:
            where = "shop" if role == "ordeal-experimenter" else None
            self.cluster.apply(accounts.binding(f"{name}-{role}", role, [accounts.account(name, "shop")], where, "ClusterRole"))
        return Laptop(accounts.kubeconfig(self.cluster, name, namespace="shop"))

    def assert_done(self, done, code, *words, lacks=()):
        """With rights enough: only what is in `lacks` is refused, and that is said."""
        self.assertEqual(done[0], code, done)
        for word in words:
            self.assertIn(word, done[1] + done[2])
        refused = [line for line in (done[1] + done[2]).splitlines() if "forbidden" in line or "Not known" in line]
        self.assertEqual(len(refused), len(lacks), refused)
        for line, lack in zip(refused, lacks):
            self.assertIn(lack, line)

    def test_each_role_for_people_is_enough_for_its_commands(self):
        anna, bert, vera = (self.person("ordeal-" + role) for role in ("experimenter", "halter", "viewer"))
        file = anna.file(self.experiment(length="1s", recovery="500ms", expect=[]))
        self.assert_done(anna("run", "--cluster", "-n", "shop", file), 4, "inconclusive")
        for who in (anna, vera):
            self.assert_done(who("list", "--cluster", "-n", "shop"), 0, "shop/slow-api")
            self.assert_done(who("report", "--cluster", "-n", "shop", "last"), 0)
        # What the definitions say of it is only told whoever may create it.
        self.assert_done(vera("plan", "--cluster", "-n", "shop", file), 0, "would start", "its agent is ready",
                         lacks=["what the server says of the Experiment"])
        both = self.person("ordeal-experimenter", "ordeal-viewer")
        self.assert_done(both("plan", "--cluster", "-n", "shop", file), 0, "would start", "its agent is ready")
        alone = anna("plan", "--cluster", "-n", "shop", file)
        self.assertEqual(alone[0], 3, alone)
        for word in ("would start is not known: the policy cannot be read", "ordeal-viewer"):
            self.assertIn(word, alone[1])
        self.assertNotIn("there is no policy", alone[1])
        self.assert_done(vera("install"), 4, "ready on 3 of 3 nodes", "leader: real-1")
        self.assert_done(bert("halt", "--cluster", "--reason", "a drill"), 0)
        self.assertEqual(anna("run", "--cluster", "-n", "shop", file)[0], 3)
        self.assertEqual(anna("resume", "--cluster")[0], 3)
        self.assert_done(bert("resume", "--cluster"), 0)
        self.assertEqual(vera("run", "--cluster", "-n", "shop", file)[0], 3)
        self.assertEqual(bert("run", "--cluster", "-n", "shop", file)[0], 3)

    def experiment(self, **more):
        expect = [{"name": "page", "probe": {"http": f"http://{own_address()}:{self.page.server_port}"}, "condition": "result == 200"}]
        attack = {"type": "latency", "args": {"delay": "100ms", "port": 8000}}
        return experiment(**{"attack": attack, "length": "3s", "baseline": "500ms", "recovery": "2s", "expect": expect, **more})

    def injections(self):
        return self.cluster.api.must("GET", f"{GROUP}/injections")["items"]

    def test_a_run_hits_what_the_plan_says_and_ends_with_its_verdict(self):
        file = self.me.file(self.experiment())
        planned = json.loads(self.me("plan", "--cluster", "--json", file)[1])
        code, printed, said = self.me("run", "--cluster", file)
        self.assertEqual(code, 0, printed + said)
        report = json.loads(self.me("report", "--format", "json", "--state-dir", self.me.folder + "/state", "last")[1])
        there = json.loads(self.me("report", "--cluster", "--format", "json", "last")[1])
        self.assertEqual(report, there)
        hit = json.dumps(report)
        for victim in [victim["pod"] for node in planned["nodes"] for victim in node["victims"]]:
            self.assertIn(victim, hit)
        self.assertEqual(self.me("list", "--cluster", "-n", "shop", "--json")[0], 0)

    def in_force(self):
        running = self.me.start("run", "--cluster", self.me.file(self.experiment(length="60s")))
        self.cluster.wait_for(lambda: [one for one in self.injections() if one.get("status", {}).get("state") == "injected"], 20,
                              "an impact", 0.2)
        return running

    def test_ctrl_c_ends_it_with_all_reverted(self):
        running = self.in_force()
        running.send_signal(signal.SIGINT)
        printed, said = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 5, printed + said)
        self.assertEqual([one for one in self.injections() if one.get("status", {}).get("state") != "reverted"], [])

    def test_halt_ends_it_from_elsewhere_and_nothing_starts_until_resume(self):
        running = self.in_force()
        halted = self.me("halt", "--cluster", "--reason", "a drill")
        self.assertEqual(halted[0], 0, halted)
        self.assertIn("1 run halted", halted[1])
        printed, said = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 5, printed + said)
        self.assertEqual(self.me("run", "--cluster", self.me.file(self.experiment()))[0], 3)
        self.assertEqual(self.me("resume", "--cluster")[0], 0)

    def test_a_protected_namespace_is_refused_as_the_plan_says(self):
        target = {"type": "kubernetes", "namespace": "kept", "labels": {"app": "api"}}
        file = self.me.file(self.experiment(target=target))
        planned = self.me("plan", "--cluster", file)
        code, _, said = self.me("run", "--cluster", file)
        self.assertEqual((planned[0], code), (3, 3), said)
        self.assertIn("protected.namespaces", said)

    def test_another_namespace_is_refused_as_the_plan_says(self):
        file = self.me.file(self.experiment(target={"type": "kubernetes", "namespace": "kept", "name": "nobody"}))
        planned = self.me("plan", "--cluster", "-n", "shop", file)
        code, _, said = self.me("run", "--cluster", "-n", "shop", file)
        self.assertEqual((planned[0], code), (3, 3), said)
        self.assertIn("cross_namespace is not allowed", "".join(planned[1:]))
        self.assertIn("cross_namespace is not allowed", said)
        self.assertNotIn("api-", said.replace("slow-api-", ""))


if __name__ == "__main__":
    skip_without("kubectl")
    unittest.main(verbosity=2)
