#!/usr/bin/env python3
"""The real node and what stands beside it prove themselves: pods serve, find the API server, come back when killed; an
autoscaler goes from 3 to 5 on measured load; Argo Rollouts rolls out and aborts. A named command, as root, since its
programs (`build --all`, containerd and the CNI plugins) take long to build; about two minutes. Exits 77 without them."""
import os
import signal
import socket
import ssl
import sys
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab and this package
from cluster import Cluster, addons, children, images, node, skip_without  # noqa: E402
from cluster.fakes import LABEL, spec  # noqa: E402
from lab.cgroups import hierarchies  # noqa: E402
from lab.processes import read, tool  # noqa: E402

ASK = ("token=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token); "
       'wget -qO- --no-check-certificate --header "Authorization: Bearer $token" '
       "https://$KUBERNETES_SERVICE_HOST/api/v1/namespaces/default/pods 2>&1")


def workload(name, script, cpu="10m", kind="Deployment", version="apps/v1", **more):
    """Three pods on the real node."""
    labels = {"app": name}
    container = {"name": name, "image": images.BUSYBOX, "command": ["sh", "-c", script],
                 "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": "80m"}}}
    pod = {"nodeSelector": {LABEL: "real"}, "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": {
        "replicas": 3, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}, **more}}


class Node(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(nodes=3, flags=addons.QUICK_AUTOSCALER).__enter__()
        try:
            cls.cluster.start_real_node()
            print(f"cluster {cls.cluster.seconds:.1f} s, node {cls.cluster.node.seconds:.1f} s", flush=True)
            cls.cluster.start_rollouts({"prometheus.example": "127.0.0.1"})
            cls.cluster.start_metrics_server()
        except BaseException:
            cls.cluster.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cluster = cls.cluster
        cluster.close()
        left = [mount + cluster.node.cgroup_path for mount in hierarchies(["freezer", "unified", "cpu"])]
        assert not [path for path in [cluster.folder, *left] if os.path.exists(path)]
        assert not children.marked(cluster.mark)
        assert cluster.node.bridge not in tool("ip", "link")
        assert cluster.folder not in read("/proc/self/mountinfo")

    def make(self, thing, ready=3):
        self.cluster.apply(thing)
        path = self.cluster.api.path(thing)
        status = lambda: self.cluster.api.must("GET", path).get("status", {})
        self.cluster.wait_for(lambda: status().get("readyReplicas", 0) == ready, 60, path)
        return path

    def test_pods_serve_and_come_back(self):
        cluster = self.cluster
        self.make(workload("web", "mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"))
        for pod in cluster.running(selector="app=web"):
            with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080/", timeout=5) as answer:
                self.assertEqual(answer.read().decode().strip(), pod["metadata"]["name"])
        name = pod["metadata"]["name"]
        container = pod["status"]["containerStatuses"][0]["containerID"].split("//")[1]
        folder = f"{cluster.node.cgroup_path}/kubepods/burstable/pod{pod['metadata']['uid']}/{container}"
        (pid,) = {int(pid) for mount in hierarchies(["freezer"]) for pid in read(f"{mount}{folder}/cgroup.procs").split()}
        os.kill(pid, signal.SIGKILL)
        path = f"/api/v1/namespaces/default/pods/{name}"

        def restarted():
            status = cluster.api.must("GET", path)["status"]["containerStatuses"][0]
            return status["restartCount"] == 1 and status["ready"]
        cluster.wait_for(restarted, 30, "the killed container")

    def test_a_pod_finds_the_api_server_and_answers_to_exec_and_logs(self):
        cluster = self.cluster
        self.make(workload("asks", "echo begun; exec sleep 1000"))
        name = cluster.running(selector="app=asks")[0]["metadata"]["name"]
        self.assertEqual(cluster.kubectl("logs", name)[1], "begun\n")
        self.assertIn("403 Forbidden", cluster.kubectl("exec", name, "--", "sh", "-c", ASK)[1])

    def test_the_way_of_pods_to_the_api_server_can_be_cut(self):
        tls = ssl.create_default_context(cafile=self.cluster.ca)

        def greet():
            with socket.create_connection((node.SERVICE, 443), timeout=2) as connection:
                tls.wrap_socket(connection, server_hostname=node.SERVICE).close()
            return True
        self.cluster.node.cut()
        with self.assertRaises(ConnectionRefusedError):
            greet()
        self.cluster.node.reconnect()
        self.cluster.wait_for(greet, 10, "the way to the API server")
        self.cluster.node.stall()
        with self.assertRaises(TimeoutError):
            greet()
        self.cluster.node.reconnect()
        self.assertTrue(greet())

    def test_an_autoscaler_goes_from_three_to_five(self):
        cluster = self.cluster
        path = self.make(workload("busy", "while :; do :; done", cpu="80m"))  # all that it may have
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"}
        load = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
        cluster.apply({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "busy"},
                       "spec": {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 5,
                                "metrics": [{"type": "Resource", "resource": load}]}})
        cluster.wait_for(lambda: cluster.api.must("GET", path)["status"].get("readyReplicas") == 5, 120, "five pods", 0.5)
        cluster.api.must("DELETE", path)

    def test_a_rollout_waits_at_its_canary_and_is_aborted(self):
        cluster = self.cluster
        strategy = {"canary": {"steps": [{"setWeight": 34}, {"pause": {}}]}}
        rollout = workload("rolled", "", kind="Rollout", version="argoproj.io/v1alpha1", strategy=strategy)
        rollout["spec"]["template"]["spec"] = spec()  # on KWOK's nodes
        path = self.make(rollout)
        rollout["spec"]["template"]["spec"] = spec(image="registry.invalid/shop:2")
        cluster.apply(rollout)
        status = lambda: cluster.api.must("GET", path)["status"]
        cluster.wait_for(lambda: status().get("phase") == "Paused", 30, "the canary")
        cluster.api.must("PATCH", path + "/status", {"status": {"abort": True}}, content_type="merge")
        cluster.wait_for(lambda: status().get("phase") == "Degraded" and status().get("updatedReplicas", 0) == 0, 30, "the abort")


if __name__ == "__main__":
    skip_without("kubectl", "rollouts-controller", "metrics-server", *node.PROGRAMS)
    unittest.main(verbosity=2)
