"""A real node on this machine: kubelet, containerd with runc, and a bridge. It lies in the cluster's folder, in a mount
namespace of its own (so that none of its mounts, and nothing below /run, /var and /proc/sys, is the host's) and in a
cgroup of its own. Without kube-proxy: the address of the kubernetes Service is one of the bridge's, and a proxy listens
there, so that pods find the API server in the ordinary way. Needs root; one at a time on a machine."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from lab.cgroups import Cgroup
from lab.processes import now, read, tool

from . import images, kubeconfig
from .fakes import LABEL
from .programs import HERE, program
from .removal import CONTROLLERS

NAME = "node-real"
NETWORK, GATEWAY = "10.244.77", "10.244.77.1"
BRIDGE = "0a:58:0a:f4:4d:01"
SERVICE = "10.96.0.1"  # of the kubernetes Service
# The kubelet and the bridge plugin would write these: they find them as they want them.
TUNABLES = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
            "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000, "net/ipv4/ip_forward": 1}
PROGRAMS = ("containerd", "ctr", "runc", "host-local", "busybox", "ip", "kubelet")
# Where they write whatever their flags say.
PRIVATE = ["/run/containerd", "/run/netns", "/var/lib/cni", "/var/lib/kubelet", "/var/lib/containerd", "/var/log/pods",
           "/var/log/containers", "/var/lib/ordeal", "/run/ordeal"]

CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "/run/containerd/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
"""


class RealNode:
    def __init__(self, cluster):
        self.cluster, self.folder = cluster, cluster.folder + "/node"
        self.socket = f"{self.folder}/containerd.sock"
        self.tag = cluster.mark[:8]
        # Not ordeal-…: so are the cgroups called that Ordeal makes.
        self.bridge, self.cgroup_path = f"ordc{self.tag}", f"/test-node-{self.tag}"

    def start(self):
        began = now()
        for name in PROGRAMS:
            program(name)
        os.makedirs(self.folder + "/cni")
        self.record_what_to_remove()
        self.make_cgroup()
        self.make_bridge()
        self.make_namespace()
        self.start_containerd()
        self.start_kubelet()
        self.cluster.wait_for(lambda: NAME in self.cluster.ready_nodes(), 60, "the real node")
        self.seconds = now() - began

    def record_what_to_remove(self):
        folders = [folder for folder in PRIVATE if not os.path.exists(folder)]
        made = {"links": [self.bridge], "cgroups": [self.cgroup_path], "folders": folders}
        Path(self.cluster.folder, "made.json").write_text(json.dumps(made))

    def make_cgroup(self):
        """Of version 1, a cpuset takes nobody in until it has CPUs and memory."""
        self.cgroup = Cgroup(self.cgroup_path, CONTROLLERS, ["cpu", "cpuset", "memory", "pids", "io"])
        for folder in self.cgroup.folders:
            for name in ("cpuset.cpus", "cpuset.mems"):
                above = read(f"{os.path.dirname(folder)}/{name}")
                if above.strip() and os.path.exists(f"{folder}/{name}"):
                    Path(folder, name).write_text(above)

    def make_bridge(self):
        if f" {SERVICE}/" in tool("ip", "-o", "-4", "address"):
            raise RuntimeError(f"{SERVICE} is an address of this machine already: another real node runs here, or did "
                               "(tests/cluster/down removes it)")
        # With an address of its own. Else it has the lowest of its ports, which changes as pods go: then the others find
        # neither gateway nor API server for ten seconds.
        tool("ip", "link", "add", self.bridge, "address", BRIDGE, "type", "bridge")
        for address in (f"{GATEWAY}/24", f"{SERVICE}/32"):
            tool("ip", "address", "add", address, "dev", self.bridge)
        tool("ip", "link", "set", self.bridge, "up")
        Path(self.folder, "cni", "10-bridge.conflist").write_text(json.dumps({
            "cniVersion": "0.4.0", "name": "ordeal-test", "plugins": [{
                "type": "bridge", "bridge": self.bridge, "isGateway": True, "ipMasq": False, "hairpinMode": True,
                "ipam": {"type": "host-local", "ranges": [[{"subnet": f"{NETWORK}.0/24", "gateway": GATEWAY}]],
                         "routes": [{"dst": "0.0.0.0/0"}]}}]}))
        self.reconnect()

    def make_namespace(self):
        """Held by one process; ready when the file is there."""
        lines = ["set -e"]
        for folder in PRIVATE:
            lines += [f"mkdir -p {folder}", f"mount -t tmpfs -o mode=755 ordeal-test {folder}"]
        for name, value in TUNABLES.items():
            source = f"{self.folder}/tunables/{name}"
            os.makedirs(os.path.dirname(source), exist_ok=True)
            Path(source).write_text(f"{value}\n")
            lines.append(f"mount --bind {source} /proc/sys/{name}")
        lines += [f"touch {self.folder}/mounted", "exec sleep infinity"]
        own = ["unshare", "--mount", "--propagation", "private"]
        self.holder = self.cluster.run("mounts", [*own, "sh", "-c", "\n".join(lines)])
        self.cluster.wait_for(lambda: os.path.exists(self.folder + "/mounted"), 10, "the node's mounts")

    def inside(self, *argv):
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *argv]

    def start_containerd(self):
        configuration = Path(self.folder, "containerd.toml")
        configuration.write_text(CONTAINERD.format(folder=self.folder, pause=images.PAUSE))
        self.cluster.run("containerd", self.inside(program("containerd"), "--config", str(configuration)))
        self.cluster.wait_for(lambda: self.ctr("version", check=False).returncode == 0, 30, "containerd")
        for archive in images.busybox(self.folder):
            self.load(archive)

    def ctr(self, *words, check=True):
        done = subprocess.run(self.inside(program("ctr"), "--address", self.socket, "--namespace", "k8s.io", *words),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise RuntimeError(f"ctr {' '.join(words)}: {done.stderr.strip()}")
        return done

    def load(self, archive):
        """An image from an OCI archive, by the name that it carries."""
        self.ctr("images", "import", str(archive))

    def start_kubelet(self):
        pki = self.cluster.plane.pki
        pki.client("kubelet", f"system:node:{NAME}", "system:nodes")
        pki.server("kubelet-server", "IP:127.0.0.1", f"DNS:{NAME}")
        own = kubeconfig.write(f"{pki.folder}/kubelet.kubeconfig", self.cluster.url, pki.crt("ca"), "kubelet",
                               crt=pki.crt("kubelet"), key=pki.key("kubelet"))
        configuration = Path(self.folder, "kubelet.json")
        configuration.write_text(json.dumps(self.kubelet_configuration(pki)))
        self.cluster.run("kubelet", self.inside(
            program("kubelet"), f"--config={configuration}", f"--kubeconfig={own}", f"--hostname-override={NAME}",
            f"--root-dir={self.folder}/kubelet", f"--cert-dir={pki.folder}", "--cloud-provider=external",
            f"--node-labels=topology.kubernetes.io/zone=lab-a,{LABEL}=real", *self.cluster.flags.get("kubelet", [])))
        self.cluster.wait_for(lambda: self.cluster.api("GET", f"/api/v1/nodes/{NAME}")[0] == 200, 60, "the kubelet's node")
        self.be_the_cloud()

    def kubelet_configuration(self, pki):
        """No rule of a firewall, no sysctl, nothing lowered that only CAP_SYS_RESOURCE may lower."""
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "address": "127.0.0.1", "port": self.cluster.free_ports(1)[0], "healthzPort": 0, "readOnlyPort": 0,
            "tlsCertFile": pki.crt("kubelet-server"), "tlsPrivateKeyFile": pki.key("kubelet-server"),
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                               "x509": {"clientCAFile": pki.crt("ca")}},
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "cgroupDriver": "cgroupfs", "cgroupRoot": self.cgroup_path, "enforceNodeAllocatable": ["pods"],
            "failCgroupV1": False, "failSwapOn": False, "oomScoreAdj": 0, "maxOpenFiles": 20000,
            "makeIPTablesUtilChains": False, "podLogsDir": self.folder + "/pod-logs", "resolvConf": "",
            "nodeStatusUpdateFrequency": "2s", "syncFrequency": "10s",
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99}

    def be_the_cloud(self):
        """What a cloud's controller does with a new node; so logs and exec stay on loopback."""
        path = f"/api/v1/nodes/{NAME}"
        addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NAME}]
        self.cluster.api.must("PATCH", path + "/status", {"status": {"addresses": addresses}}, content_type="strategic")
        self.cluster.api.must("PATCH", path, {"spec": {"taints": None}}, content_type="merge")

    # Its pods and the API server; the kubelet has its own connection

    def reconnect(self):
        process = self.cluster.processes.get("service-proxy")
        if process:
            process.send_signal(signal.SIGCONT)
            return
        api_server = str(self.cluster.plane.port)
        self.cluster.run("service-proxy", [sys.executable, "-B", f"{HERE}/proxy.py", SERVICE, "443", api_server])

    def cut(self):
        """Connections are reset, new ones refused."""
        process = self.cluster.processes.pop("service-proxy")
        process.kill()
        process.wait()

    def stall(self):
        """Connections are made, and nothing passes."""
        self.cluster.processes["service-proxy"].send_signal(signal.SIGSTOP)
