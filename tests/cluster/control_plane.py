"""etcd and the three programs of a control plane on loopback, and KWOK: their certificates, kubeconfigs and flags. There
is no kube-proxy and no DNS, the kubernetes Service has no endpoints, and nothing survives a power cut (etcd syncs nothing)."""
import urllib.request

from . import kubeconfig
from .api import Api
from .certificates import Certificates
from .programs import HERE, program

SERVICES = "10.96.0.0/16"
# The users whose certificates the API server trusts: file name -> (user, group).
USERS = {"admin": ("ordeal-test-admin", "system:masters"),
         "controllers": ("system:kube-controller-manager", None),
         "scheduler": ("system:kube-scheduler", None),
         "kwok": ("kwok", "system:masters"),
         "to-kubelets": ("kube-apiserver-kubelet-client", "system:masters")}


class ControlPlane:
    def __init__(self, cluster, ports):
        self.cluster = cluster
        self.etcd, self.etcd_peers, self.port = ports
        self.url = f"https://127.0.0.1:{self.port}"
        self.pki = Certificates(cluster.folder + "/pki")
        for name, (user, group) in USERS.items():
            self.pki.client(name, user, group)
        self.pki.client("aggregator", "front-proxy-client", signer="front")
        self.pki.server("api-server", "IP:127.0.0.1", "IP:10.96.0.1", "DNS:localhost", "DNS:kubernetes.default.svc")
        self.kubeconfigs = {name: self.kubeconfig(name) for name in ("admin", "controllers", "scheduler", "kwok")}
        self.api = Api(self.port, self.pki.crt("ca"), self.pki.crt("admin"), self.pki.key("admin"))

    def kubeconfig(self, name, server=None, path=None):
        """Of one of the users with a certificate."""
        path = path or f"{self.cluster.folder}/pki/{name}.kubeconfig"
        return kubeconfig.write(path, server or self.url, self.pki.crt("ca"), name,
                                crt=self.pki.crt(name), key=self.pki.key(name))

    def start(self):
        """Each begins as soon as it can: what it needs to be there is the API server, and of that one etcd."""
        self.run("etcd", program("etcd"), self.etcd_flags())
        self.cluster.wait_for(self.etcd_is_healthy, 30, "etcd")
        self.start_api_server()
        self.run("kube-controller-manager", program("kube-controller-manager"), self.controller_flags())
        self.run("kube-scheduler", program("kube-scheduler"), self.scheduler_flags())
        self.run("kwok", program("kwok"), [f"--config={HERE}/kwok.yaml", f"--kubeconfig={self.kubeconfigs['kwok']}"])

    def start_api_server(self):
        self.run("kube-apiserver", program("kube-apiserver"), self.api_server_flags())
        self.cluster.wait_for(lambda: self.api("GET", "/readyz")[0] == 200, 120, "the API server")

    def run(self, name, path, flags):
        self.cluster.run(name, [path, *flags, *self.cluster.flags.get(name, [])])

    def etcd_is_healthy(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.etcd}/health", timeout=5) as answer:
            return b'"true"' in answer.read()

    def etcd_flags(self):
        clients, peers = f"http://127.0.0.1:{self.etcd}", f"http://127.0.0.1:{self.etcd_peers}"
        return [f"--data-dir={self.cluster.folder}/etcd",
                f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}",
                f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}",
                "--quota-backend-bytes=4294967296", "--unsafe-no-fsync", "--log-level=warn"]

    def api_server_flags(self):
        pki = self.pki
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd}", f"--secure-port={self.port}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
            f"--service-cluster-ip-range={SERVICES}", "--allow-privileged=true",
            f"--cert-dir={self.cluster.folder}/pki",
            f"--tls-cert-file={pki.crt('api-server')}", f"--tls-private-key-file={pki.key('api-server')}",
            f"--client-ca-file={pki.crt('ca')}",
            f"--kubelet-client-certificate={pki.crt('to-kubelets')}", f"--kubelet-client-key={pki.key('to-kubelets')}",
            f"--kubelet-certificate-authority={pki.crt('ca')}", "--kubelet-preferred-address-types=InternalIP",
            "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki.folder}/accounts.pub",
            f"--service-account-signing-key-file={pki.key('accounts')}",
            "--enable-aggregator-routing=true", f"--requestheader-client-ca-file={pki.crt('front')}",
            "--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki.crt('aggregator')}", f"--proxy-client-key-file={pki.key('aggregator')}"]

    def controller_flags(self):
        """Its own limits of requests would let a Deployment have twenty pods a second."""
        pki, own = self.pki, self.kubeconfigs["controllers"]
        return [f"--kubeconfig={own}", "--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=true",
                f"--service-account-private-key-file={pki.key('accounts')}", f"--root-ca-file={pki.crt('ca')}",
                f"--cluster-signing-cert-file={pki.crt('ca')}", f"--cluster-signing-key-file={pki.key('ca')}",
                "--kube-api-qps=1000", "--kube-api-burst=2000"]

    def scheduler_flags(self):
        return [f"--kubeconfig={self.kubeconfigs['scheduler']}", "--leader-elect=false", "--secure-port=0",
                "--kube-api-qps=1000", "--kube-api-burst=2000"]
