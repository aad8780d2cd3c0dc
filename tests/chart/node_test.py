#!/usr/bin/env python3
"""The image and the agent's pod on a real node (kubelet, containerd): in a pod as the chart describes it, doctor finds what it
finds outside of any pod, and attacks hit another pod. argv: the build folder. As root; needs what tests/cluster/build --all
makes, so it is no part of CI."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # tests: the lab and the cluster package
from cluster import Cluster, images  # noqa: E402
from cluster import node  # noqa: E402
from cluster.programs import skip_without  # noqa: E402
from helm import CHART, one, render  # noqa: E402

BUILD = sys.argv.pop(1)
ATTACKS = {
    "cpu": {"cores": 1, "percent": 20},
    "pause": {},
    "latency": {"delay": "50ms", "protocol": "tcp"},
    "packet_loss": {"percent": 20, "protocol": "tcp"},
    "process_killer": {"process": "sleep"},
    "shutdown": {"delay": "200ms"},
}


def experiment(cgroup, attack, arguments):
    length = {"length": "500ms" if attack == "shutdown" else "2500ms"}
    return {"name": f"{attack} from a pod", "target": {"type": "container", "cgroup": cgroup},
            "attack": {"type": attack, "args": arguments, **length}, "baseline": "100ms", "sources": {"interval": "100ms"},
            "expect": [{"name": "always", "probe": {"command": ["/usr/bin/ordeal", "--version"]}, "condition": "result == 0"}]}


class Visitors:
    """Four that connect to the address again and again, while in the context."""

    def __init__(self, address):
        self.address, self.ended = (address, 7000), threading.Event()
        self.threads = [threading.Thread(target=self.visit) for _ in range(4)]

    def visit(self):
        while not self.ended.wait(0.02):
            try:
                with socket.create_connection(self.address, 0.5) as connection:
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    connection.recv(100)
            except OSError:
                pass

    def __enter__(self):
        for thread in self.threads:
            thread.start()

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class OnANode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.home = folder.name
        archive = f"{cls.home}/ordeal.tar"
        subprocess.run([CHART.parents[1] / "scripts/image", archive, BUILD], check=True, capture_output=True)
        cls.cluster = cls.enterClassContext(Cluster())
        cls.cluster.start_real_node().load(archive)
        cls.cluster.namespace("ordeal")
        cls.things = render(cls.home)
        cls.cluster.apply([thing for thing in cls.things if thing["kind"] == "ServiceAccount"])

    def pod(self, kind, name, arguments, files=None):
        """(phase, what it printed) of a pod of the chart's that runs the program with other arguments."""
        spec = json.loads(json.dumps(one(self.things, kind, name)["spec"]["template"]["spec"]))
        container = spec["containers"][0]
        container.update(command=["/usr/bin/ordeal"], args=arguments)
        spec["restartPolicy"] = "Never"
        for volume in spec.get("volumes", []):  # the state of this machine's own runs is not the test's
            if volume.get("hostPath", {}).get("type") == "DirectoryOrCreate":
                volume["hostPath"]["path"] = self.cluster.folder + volume["hostPath"]["path"]
        name = self.id().rsplit(".", 1)[1].replace("_", "-")[:50] + f"-{len(self.cluster.pods('ordeal'))}"
        if files:
            self.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ordeal"}, "data": files})
            spec["volumes"].append({"name": "files", "configMap": {"name": name}})
            container["volumeMounts"].append({"name": "files", "mountPath": "/files"})
        path = f"/api/v1/namespaces/ordeal/pods/{name}"
        self.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "ordeal"}, "spec": spec})

        def ended():
            phase = self.cluster.api.must("GET", path)["status"]["phase"]
            return phase if phase in ("Succeeded", "Failed") else None
        phase = self.cluster.wait_for(ended, 60, f"the end of pod {name}", 0.2)
        text = self.cluster.api.must("GET", path + "/log")
        return phase, text or json.dumps(self.cluster.api.must("GET", path)["status"]["containerStatuses"])

    def test_the_controller_runs_without_any_right(self):
        phase, text = self.pod("Deployment", "ordeal-controller", ["--version"])
        self.assertEqual(phase, "Succeeded", text)
        self.assertIn("ordeal", text)

    def test_doctor_in_the_agents_pod_finds_what_it_finds_outside(self):
        _, inside = self.pod("DaemonSet", "ordeal-agent", ["doctor", "--json"])
        self.assertTrue(inside.startswith("{"), inside)
        outside = subprocess.run([f"{BUILD}/ordeal", "doctor", "--json"], capture_output=True, text=True).stdout

        def read(text):
            answer = json.loads(text)
            topics = {finding["topic"]: finding["text"] for finding in answer["findings"]}
            return {attack["type"]: (attack["usable"], attack["how"]) for attack in answer["attacks"]}, \
                {topic: topics[topic] for topic in ("kernel", "capabilities", "cgroups", "reaper", "priority")}
        self.assertEqual(read(inside), read(outside))

    def test_attacks_from_the_agents_pod_hit_another_pod(self):
        script = "while :; do sleep 0.2; done & while :; do sleep 1000; done & exec httpd -f -p 7000"
        self.cluster.apply({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "victim", "namespace": "default"},
            "spec": {"containers": [{"name": "app", "image": images.BUSYBOX, "command": ["sh", "-c", script],
                                     "resources": {"requests": {"cpu": "1"}}}]}})
        for attack, arguments in ATTACKS.items():
            with self.subTest(attack):
                cgroup, address = self.cluster.wait_for(self.victim, 30, "the victim", 0.2)
                files = {"experiment.json": json.dumps(experiment(cgroup, attack, arguments))}
                with Visitors(address):
                    phase, text = self.pod("DaemonSet", "ordeal-agent", ["run", "/files/experiment.json", "--json"], files)
                self.assertEqual(phase, "Succeeded", text[-1500:])
                print(attack, next((line["data"]["measured"] for line in map(json.loads, filter(
                    lambda line: line.startswith("{"), text.splitlines())) if line["type"] == "proof"), "no proof"))

    def victim(self):
        """(its container's cgroup, its address)"""
        status = self.cluster.api.must("GET", "/api/v1/namespaces/default/pods/victim")["status"]
        (container,) = status.get("containerStatuses") or [{}]
        if not container.get("ready"):
            return None
        number = container["containerID"].split("//")[1]
        for hierarchy in ("unified", "freezer", "."):
            found = list(Path("/sys/fs/cgroup", hierarchy).glob(f"{self.cluster.node.cgroup_path.strip('/')}/**/{number}"))
            if found:
                return "/" + str(found[0].relative_to(Path("/sys/fs/cgroup", hierarchy))), status["podIP"]
        return None


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: a real node needs root")
        sys.exit(77)
    skip_without("kubectl", "helm", *node.PROGRAMS)
    unittest.main(warnings="ignore")
