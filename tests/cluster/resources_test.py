#!/usr/bin/env python3
"""The definitions of charts/ordeal/crds on a real API server: it takes them, takes every experiment that is right as it
stands, and refuses what is wrong with the sentence that names the field."""
import copy
import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab and this package
from cluster import Cluster, skip_without  # noqa: E402
from cluster.programs import program  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GROUP = "ordeal.dev/v1alpha1"
HERE = "/apis/ordeal.dev/v1alpha1/namespaces/staging"
TARGET = {"type": "kubernetes", "namespace": "staging", "labels": {"app": "fastapi-backend"}}

# As other tools' users write them.
AS_THEY_STAND = {
    "pod-termination": {
        "name": "Pod Termination - 50% Failure", "description": "Kill 50% of FastAPI pods to test resilience",
        "type": "attack", "target": TARGET | {"percentage": 50},
        "attack": {"type": "shutdown", "args": {"delay": 5}}},
    "network-latency": {
        "name": "Network Latency - 500ms delay", "type": "attack", "target": TARGET,
        "attack": {"type": "latency", "args": {"delay": 500, "protocol": "tcp", "port": 8000}}},
    "cpu-stress": {
        "name": "CPU Stress - 80% utilization", "type": "attack", "target": TARGET,
        "attack": {"type": "cpu", "args": {"cores": 0, "percent": 80, "length": 300}}},
    "database-exhaustion": {
        "name": "Database Connection Exhaustion", "type": "attack", "target": TARGET | {"type": "container"},
        "attack": {"type": "process_killer", "args": {"process": "postgres", "interval": 1, "length": 60}}}}

PLAIN = {"target": TARGET, "attack": {"type": "cpu"}}
SECRET = {"name": "prometheus", "key": "token"}
SOURCES = {"prometheus": "http://prometheus:9090"}
QUERY = {"query": "up", "condition": "result > 0"}

# What is put over PLAIN, and what the answer must say of it.
REFUSED = [
    ({"attacks": [{"type": "cpu"}]}, 'attacks: only a host does it, and this is a cluster'),
    ({"pulse": {"on": "5s", "off": "5s"}}, 'pulse: only a host does it, and this is a cluster'),
    ({"ramp": {"argument": "percent", "to": 5}}, 'ramp: only a host does it, and this is a cluster'),
    ({"budget": {"slo": "slo.yaml"}}, "budget: a controller has no files"),
    ({"traffic": {}}, 'traffic: "traffic" is not supported by this version of Ordeal'),
    ({"findings": []}, 'findings: "findings" is not supported by this version of Ordeal'),
    ({"target": {"percentage": 50, "count": 1}}, "spec.target: Invalid value", "give percentage or count, not both"),
    ({"target": {"percentage": 101}}, "spec.target.percentage: Invalid value"),
    ({"target": {"type": "vm"}}, 'spec.target.type: Unsupported value: "vm"'),
    ({"target": {"type": "systemd"}}, "processes and systemd units are found on a host only"),
    ({"target": {"type": "process"}}, "processes and systemd units are found on a host only"),
    ({"target": {"pattern": "x"}}, "only a host has it"),
    ({"target": {"user": "x"}}, "only a host has it"),
    ({"target": {"cgroup": "/x"}}, "only a host has it"),
    ({"target": {"type": "node"}}, "a node has a name, labels and a zone only"),
    ({"target": {"type": "host", "follow": True}}, "only pods are followed"),
    ({"target": {"exclude": {"selector": "a", "labels": {"b": "c"}}}}, "give labels or selector, not both"),
    ({"target": {"exclude": {}}}, "spec.target.exclude: Invalid value"),
    ({"target": {"ready": "always"}}, "spec.target.ready: Invalid value"),
    ({"target": None}, "spec.target: Required value"),
    ({"sources": {"access": {"token": SECRET}}}, "there is no prometheus to which access is given"),
    ({"sources": SOURCES | {"access": {"token": SECRET, "username": SECRET, "password": SECRET}}},
     "give token, or username and password, not both"),
    ({"sources": SOURCES | {"access": {"username": SECRET}}}, "username and password belong together"),
    ({"sources": SOURCES | {"access": {"certificate": SECRET}}}, "certificate and key belong together"),
    ({"sources": SOURCES | {"access": {"token": "hunter2"}}}, "spec.sources.access.token: Invalid value"),
    ({"sources": {"prometheus": "prometheus:9090"}}, "spec.sources.prometheus: Invalid value"),
    ({"sources": {"pods": {"path": "/metrics"}}}, "spec.sources.pods.port: Required value"),
    ({"expect": [QUERY | {"probe": {"tcp": "db:5432"}}]}, "expected a query or a probe, and not both"),
    ({"expect": [{"condition": "result > 0"}]}, "expected a query or a probe, and not both"),
    ({"expect": [{"probe": {"command": ["true"]}, "condition": "result == 0"}]}, "a command is run on a host only"),
    ({"rollback": [{"command": ["undo"]}]}, "a command is run on a host only"),
    ({"attack": {"type": "gravity"}}, 'spec.attack.type: Unsupported value: "gravity"'),
    ({"attack": {"args": {"jitter": "5ms"}}}, "args.jitter: only latency has this argument"),
    ({"attack": {"type": "process_killer"}}, 'args: "process" is missing; the attack process_killer needs it'),
    ({"attack": {"type": "latency", "args": {"delay": "soon"}}}, "spec.attack.args.delay"),
    ({"attack": {"length": "long"}}, "spec.attack.length"),
    ({"seed": 1.5}, "spec.seed: Invalid value"),
    ({"min_injected": 101}, "spec.min_injected: Invalid value"),
    ({"all_traffic": "yes"}, "spec.all_traffic: Invalid value")]

INJECTION = {
    "run": "r20261123t201504z-k3x5q", "experiment": "slow", "experimentUID": "e-uid", "node": "node-1", "leaseMs": 15000,
    "candidates": 2, "impacts": [
        {"id": 1, "victim": {"kind": "pod", "namespace": "staging", "pod": "api-1", "uid": "u-1"},
         "attack": {"type": "latency", "args": {"delay": "500ms", "port": ["8000"]}, "length_ms": 60000, "lead_in_ms": 0,
                    "min_events": 10, "given": ["delay"]}}]}
STATUS = {
    "state": "injected", "agent": "agent-1/boot", "renewal": 3, "impacts": [
        {"id": 1, "state": "injected", "proof": None, "inForceMs": 12.5, "steps": [
            {"kind": "owned", "victim": "api-1", "action": "delay", "undo": "table goes", "proof": "packets", "claims": [],
             "notes": []}]}],
    "conditions": [{"type": "Injected", "status": "True", "lastTransitionTime": "2026-11-23T20:15:04Z"}]}


def laid_over(base, change):
    """A copy with the changed keys; None takes one away."""
    made = copy.deepcopy(base)
    for key, value in change.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = laid_over(made[key], value)
        else:
            made[key] = value
    return made


class Resources(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster().__enter__()
        cls.api = cls.cluster.api
        cls.kubectl("apply", "-f", str(ROOT / "charts" / "ordeal" / "crds"))
        cls.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/experiments.ordeal.dev",
                    "crd/injections.ordeal.dev", "crd/halts.ordeal.dev")
        cls.kubectl("create", "namespace", "staging")
        cls.cluster.wait_for(lambda: cls.api("GET", HERE + "/experiments")[0] == 200, 30, "the new resources")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    @classmethod
    def kubectl(cls, *words, text=None):
        command = [program("kubectl"), "--kubeconfig", cls.cluster.kubeconfig, *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr}")
        return done.stdout

    def make(self, kind, name, spec, folder=HERE):
        body = {"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": spec}
        return self.api("POST", f"{folder}/{kind.lower()}s", body)

    def patch(self, path, body):
        return self.api("PATCH", path, body, content_type="merge")

    def assertRefused(self, answer, *sentences):
        status, body = answer
        self.assertEqual(status, 422, body)
        for sentence in sentences:
            self.assertIn(sentence, body["message"])

    def test_the_definitions_are_structural(self):
        for plural in ("experiments", "injections", "halts"):
            found = self.api.must("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.ordeal.dev")
            conditions = {at["type"]: at["status"] for at in found["status"]["conditions"]}
            self.assertEqual(conditions.get("NonStructuralSchema", "False"), "False", conditions)
            self.assertEqual(conditions["NamesAccepted"], "True", conditions)

    def test_experiments_are_taken_as_they_stand(self):
        for name, spec in AS_THEY_STAND.items():
            status, body = self.make("Experiment", name, spec)
            self.assertEqual(status, 201, body)
            self.assertEqual(body["spec"], spec, "nothing is added and nothing left out")

    def test_every_wrong_field_is_named(self):
        for number, (change, *sentences) in enumerate(REFUSED):
            with self.subTest(change=change):
                self.assertRefused(self.make("Experiment", f"wrong-{number}", laid_over(PLAIN, change)), *sentences)

    def test_either_form_of_a_field_is_taken(self):
        spec = laid_over(PLAIN, {
            "target": {"name": ["a", "b"], "workload": "deployment/api", "container": "web", "zone": ["a"],
                       "exclude": {"node": "n"}, "labels": {"replica": 1}},
            "attack": {"type": "latency", "args": {"delay": "1m30s", "port": "80,443"}, "length": 30},
            "expect": [{"probe": {"http": "http://api/health"}, "condition": "result == 200", "when": "during"},
                       {"probe": {"http": {"url": "http://api/health"}}, "condition": "result == 200", "when": ["after"]}]})
        self.assertEqual(self.make("Experiment", "either", spec)[0], 201)
        spec["target"]["workload"] = {"kind": "Deployment", "name": "api"}
        self.assertEqual(self.make("Experiment", "or", spec)[0], 201)

    def test_an_unknown_key_is_kept_for_the_controller_to_refuse(self):
        for change in ({"target": {"percentag": 50}}, {"hypotheses": "x"}, {"attack": {"args": {"core": 1}}}):
            name = "unknown-" + "-".join(change)
            status, body = self.make("Experiment", name, laid_over(PLAIN, change))
            self.assertEqual(status, 201, body)
            self.assertEqual(body["spec"], laid_over(PLAIN, change))

    def test_a_run_that_has_begun_is_not_changed(self):
        path = HERE + "/experiments/begun"
        self.make("Experiment", "begun", laid_over(PLAIN, {"target": {"name": ["a"]}}))
        for change in ({"target": {"count": 1}}, {"target": {"name": ["b"]}}):
            self.assertEqual(self.patch(path, {"spec": change})[0], 200, "before the beginning")
        status = {"run": "r20261123t201504z-k3x5q", "renewal": {"count": 1, "halt": "", "go": False, "stop": ""}}
        self.assertEqual(self.patch(path + "/status", {"status": status})[0], 200)
        for change in ({"target": {"count": 2}}, {"target": {"name": ["c"]}}, {"target": {"other": 5}},
                       {"attack": {"args": {"port": 5}}}, {"name": "x"}):
            self.assertRefused(self.patch(path, {"spec": change}), "the run has begun")
        self.assertEqual(self.patch(path, {"metadata": {"annotations": {"ordeal.dev/halt": "enough"}}})[0], 200)
        status["renewal"]["count"] = 2
        self.assertEqual(self.patch(path + "/status", {"status": status})[0], 200)
        self.assertEqual(self.api("DELETE", path)[0], 200)

    def test_waiting_for_a_condition(self):
        self.make("Experiment", "waited-for", PLAIN)
        condition = {"type": "Complete", "status": "True", "reason": "Held", "lastTransitionTime": "2026-11-23T20:15:04Z"}
        status = {"observedGeneration": 1, "phase": "done", "verdict": "held", "victims": 3, "injected": 3, "exit": 0,
                  "conditions": [condition]}
        self.assertEqual(self.patch(HERE + "/experiments/waited-for/status", {"status": status})[0], 200)
        self.kubectl("wait", "-n", "staging", "oex/waited-for", "--for=condition=Complete", "--timeout=10s")
        shown = self.kubectl("get", "-n", "staging", "experiments.ordeal.dev", "waited-for")
        self.assertEqual(shown.split("\n")[0].split(), ["NAME", "PHASE", "VERDICT", "VICTIMS", "INJECTED", "AGE"])
        self.assertEqual(shown.split("\n")[1].split()[:5], ["waited-for", "done", "held", "3", "3"])
        self.assertIn("EXPERIMENT", self.kubectl("explain", "experiments.ordeal.dev.spec.attack.args").upper())

    def test_an_injection_is_never_changed(self):
        path = HERE + "/injections/slow-k3x5q-node-1"
        status, body = self.make("Injection", "slow-k3x5q-node-1", INJECTION)
        self.assertEqual(status, 201, body)
        self.assertEqual(body["spec"], INJECTION)
        for change in ({"node": "node-2"}, {"leaseMs": 60000}, {"waitsForGo": True}, {"impacts": []}):
            self.assertRefused(self.patch(path, {"spec": change}), "an Injection is never changed")
        attack = copy.deepcopy(INJECTION["impacts"])
        attack[0]["attack"]["args"]["delay"] = "5s"
        self.assertRefused(self.patch(path, {"spec": {"impacts": attack}}), "an Injection is never changed")
        status, body = self.patch(path + "/status", {"status": STATUS})
        self.assertEqual(status, 200, body)
        written = [{key: value for key, value in one.items() if value is not None} for one in STATUS["impacts"]]
        self.assertEqual(body["status"]["impacts"], written, "the record of an impact comes back whole, but for null")
        self.assertEqual(body["spec"], INJECTION)

    def test_a_wrong_injection_is_refused(self):
        victim = INJECTION["impacts"][0]["victim"]
        for number, (change, sentence) in enumerate([
                ({"kind": "vm"}, "spec.impacts[0].victim.kind: Unsupported value"),
                ({"uid": None}, "spec.impacts[0].victim.uid: Required value"),
                ({"pod": None}, "a pod is named by namespace, pod and uid"),
                ({"kind": "container"}, "a container is named by container and containerID")]):
            spec = copy.deepcopy(INJECTION)
            spec["impacts"][0]["victim"] = laid_over(victim, change)
            self.assertRefused(self.make("Injection", f"wrong-{number}", spec), sentence)
        for number, (change, sentence) in enumerate([
                ({"leaseMs": 3600000}, "spec.leaseMs: Invalid value"), ({"leaseMs": 0}, "spec.leaseMs: Invalid value"),
                ({"node": ""}, "spec.node: Invalid value"), ({"run": None}, "spec.run: Required value")]):
            self.assertRefused(self.make("Injection", f"bad-{number}", laid_over(INJECTION, change)), sentence)

    def test_an_agent_asks_for_its_own_node(self):
        for node in ("node-7", "node-8"):
            self.make("Injection", "of-" + node, laid_over(INJECTION, {"node": node}))
        found = self.api.must("GET", "/apis/ordeal.dev/v1alpha1/injections?fieldSelector=spec.node%3Dnode-7")
        self.assertEqual([item["metadata"]["name"] for item in found["items"]], ["of-node-7"])

    def test_there_is_one_halt_and_it_is_engaged(self):
        cluster = "/apis/ordeal.dev/v1alpha1"
        self.assertRefused(self.make("Halt", "mine", {}, cluster), "there is one Halt, and its name is global")
        text = json.dumps({"apiVersion": GROUP, "kind": "Halt", "metadata": {"name": "global"}})
        self.kubectl("apply", "-f", "-", text=text)
        made = self.api.must("GET", cluster + "/halts/global")
        self.assertEqual(made["spec"], {"engaged": True})
        self.assertEqual(self.kubectl("get", "halts").split("\n")[1].split()[:2], ["global", "true"])
        changed = self.api.must("PATCH", cluster + "/halts/global", {"spec": {"engaged": False}}, content_type="merge")
        self.assertGreater(changed["metadata"]["generation"], made["metadata"]["generation"])
        self.api.must("DELETE", cluster + "/halts/global")


if __name__ == "__main__":
    skip_without("etcd", "kube-apiserver", "kubectl")
    unittest.main()
