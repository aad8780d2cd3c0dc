#!/usr/bin/env python3
"""The test cluster proves itself: pods run on nodes of KWOK, a budget refuses an eviction, impersonation and admission are
real, a cut proxy ends a watch, and after the end nothing is left, also where the test was killed."""
import os
import signal
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab and this package
from cluster import Cluster, children, skip_without  # noqa: E402
from lab.processes import wait_until  # noqa: E402

LABELS = {"app": "shop"}
BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "shop"},
          "spec": {"minAvailable": "100%", "selector": {"matchLabels": LABELS}}}
ADMISSION, RBAC = "admissionregistration.k8s.io/v1", "rbac.authorization.k8s.io"
POLICY = [
    {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "no-evil"},
     "spec": {"matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                                                      "resources": ["configmaps"]}]},
              "validations": [{"expression": "object.metadata.name != 'evil'", "message": "nothing evil"}]}},
    {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "no-evil"},
     "spec": {"policyName": "no-evil", "validationActions": ["Deny"]}}]
HEREAFTER = "import sys; sys.path.insert(0, sys.argv[1]); from cluster import Cluster; c = Cluster(nodes=1).__enter__(); " \
            "print(c.folder, c.mark, flush=True); sys.stdin.read()"


class Lab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=5).__enter__()
        print(f"started in {cls.cluster.seconds:.1f} s", flush=True)
        cls.cluster.make_pods(20)

    @classmethod
    def tearDownClass(cls):
        cluster = cls.cluster
        cluster.close()
        assert not os.path.exists(cluster.folder), cluster.folder
        assert not children.marked(cluster.mark), children.marked(cluster.mark)

    def test_pods_are_as_a_kubelet_would_have_them(self):
        pods = self.cluster.running(selector="app=shop")
        self.assertEqual(len(pods), 20)
        self.assertEqual(len({pod["status"]["podIP"] for pod in pods}), 20)
        self.assertEqual(len({pod["spec"]["nodeName"] for pod in pods}), 5)
        for pod in pods:
            status = pod["status"]["containerStatuses"][0]
            self.assertRegex(status["containerID"], "^containerd://[0-9a-f]{64}$")
            self.assertIn("running", status["state"])
            self.assertIn(("Ready", "True"), [(at["type"], at["status"]) for at in pod["status"]["conditions"]])
            self.assertTrue(pod["status"]["hostIP"].startswith("100.64."))

    def test_pods_of_their_own_are_bound_from_the_start_and_go_when_deleted(self):
        self.cluster.make_pods(10, name="bare", namespace="elsewhere", direct=True, nodes=["node-0001", "node-0002"])
        pods = self.cluster.running("elsewhere")
        self.assertEqual(sorted(pod["spec"]["nodeName"] for pod in pods), ["node-0001"] * 5 + ["node-0002"] * 5)
        self.assertEqual(self.cluster.api("DELETE", "/api/v1/namespaces/elsewhere/pods/bare-00000")[0], 200)
        self.cluster.wait_for(lambda: len(self.cluster.pods("elsewhere")) == 9, 10, "the deletion")

    def test_a_budget_refuses_an_eviction(self):
        api = self.cluster.api
        self.cluster.apply(BUDGET)
        budget = api.path(BUDGET)
        self.cluster.wait_for(lambda: api.must("GET", budget)["status"].get("currentHealthy") == 20, 20, "the budget's count")
        name = self.cluster.running(selector="app=shop")[0]["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
        path = f"/api/v1/namespaces/default/pods/{name}/eviction"
        status, answer = api("POST", path, eviction)
        self.assertEqual((status, answer["details"]["causes"][0]["reason"]), (429, "DisruptionBudget"))
        self.assertEqual(self.cluster.delete(BUDGET), 200)
        self.cluster.wait_for(lambda: api("POST", path, eviction)[0] == 201, 10, "an eviction without it")
        self.cluster.wait_for(lambda: len(self.cluster.running(selector="app=shop")) == 20, 20, "another pod in its place")

    def test_impersonation_and_tokens_have_the_rights_of_the_account_alone(self):
        cluster, path = self.cluster, "/api/v1/namespaces/default/pods"
        name = "system:serviceaccount:default:default"
        self.assertEqual(cluster.api("GET", path, as_user=name)[0], 403)
        token = cluster.token_kubeconfig(cluster.folder + "/token.kubeconfig", cluster.token("default"))
        self.assertIn("forbidden", cluster.kubectl("--kubeconfig", token, "get", "pods")[2].lower())
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
        cluster.apply([{"apiVersion": RBAC + "/v1", "kind": "Role", "metadata": {"name": "see"}, "rules": rules},
                       {"apiVersion": RBAC + "/v1", "kind": "RoleBinding", "metadata": {"name": "see"},
                        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "see"},
                        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]}])
        self.cluster.wait_for(lambda: cluster.api("GET", path, as_user=name)[0] == 200, 10, "the role")
        code, printed, _ = cluster.kubectl("--kubeconfig", token, "get", "pods", "--no-headers")
        self.assertEqual((code, len(printed.splitlines())), (0, 20))

    def test_an_admission_policy_refuses(self):
        self.cluster.apply(POLICY)
        def made(name):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": name, "name": name}}
            return self.cluster.api("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", body)
        self.cluster.wait_for(lambda: made("evil")[0] == 422, 20, "the policy")
        self.assertIn("nothing evil", made("evil")[1]["message"])
        self.assertEqual(made("good")[0], 201)

    def watched(self, proxy, seconds=20):
        """The events of a watch on pods through the proxy, as they come, and at the end what ended it."""
        events, begun = [], threading.Event()

        def follow():
            try:
                for event in proxy.api.watch("/api/v1/namespaces/default/pods", timeout=seconds):
                    events.append(event["type"])
                    begun.set()
                events.append("END")
            except OSError as error:
                events.append(type(error).__name__)
        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        self.assertTrue(begun.wait(10))
        return events, thread

    def test_a_stopped_proxy_ends_a_watch_and_refuses(self):
        proxy = self.cluster.proxy()
        events, thread = self.watched(proxy)
        proxy.stop()
        thread.join(5)
        self.assertFalse(thread.is_alive())
        self.assertNotIn(events[-1], ("ADDED", "TimeoutError"))
        with self.assertRaises(ConnectionRefusedError):
            proxy.api("GET", "/version")
        proxy.resume()
        self.assertEqual(proxy.api("GET", "/version")[0], 200)

    def test_a_stalled_proxy_is_silent_and_loses_nothing(self):
        proxy = self.cluster.proxy()
        proxy.api.timeout = 1
        events, thread = self.watched(proxy)
        wait_until(lambda: events.count("ADDED") >= 20, 5)
        proxy.stall()
        label = {"metadata": {"labels": {"seen": "yes"}}}
        name = self.cluster.running(selector="app=shop")[0]["metadata"]["name"]
        self.cluster.api.must("PATCH", f"/api/v1/namespaces/default/pods/{name}", label, content_type="merge")
        with self.assertRaises(TimeoutError):
            proxy.api("GET", "/version")
        self.assertNotIn("MODIFIED", events)
        proxy.resume()
        self.assertIsNotNone(wait_until(lambda: "MODIFIED" in events, 5))
        proxy.stop()
        thread.join(5)

    def test_an_api_server_that_comes_back_knows_all(self):
        self.cluster.stop_api_server()
        with self.assertRaises(OSError):
            self.cluster.api("GET", "/version")
        self.cluster.start_api_server()
        self.assertEqual(len(self.cluster.pods(selector="app=shop")), 20)

    def test_a_killed_test_leaves_nothing(self):
        argv = [sys.executable, "-B", "-c", HEREAFTER, str(Path(__file__).resolve().parents[1])]
        test = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        folder, mark = test.stdout.readline().split()
        self.assertGreaterEqual(len(children.marked(mark)), 5)
        test.send_signal(signal.SIGKILL)
        test.communicate()
        self.assertIsNotNone(wait_until(lambda: not children.marked(mark) and not os.path.exists(folder), 10, 0.1))


if __name__ == "__main__":
    skip_without("kubectl")
    unittest.main(verbosity=2)
