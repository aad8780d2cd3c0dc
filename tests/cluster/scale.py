#!/usr/bin/env python3
"""What the controller is worth at 10 000 pods on 1 000 nodes: a real API server, nodes and pods of KWOK, simulated agents
that share their watches (agents.cc), all of it on this machine. A named command, about ten minutes and 6 GiB:

  scale.py build/release/ordeal build/release/bin/cluster_agents [--pods 10000] [--nodes 1000] [--json FILE]

It prints what it measures, and fails where a run is neither injected within 60 s nor not injected at all, where a node
takes more writes than one create, two statuses and a finaliser, where something stays, or where a halt takes too long."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from cluster import Cluster, accounts, fakes, skip_without  # noqa: E402
from cluster.api import Api  # noqa: E402
from lab.processes import now  # noqa: E402

API = "ordeal.dev/v1alpha1"
GROUP = f"/apis/{API}"
EXPERIMENTS = f"{GROUP}/namespaces/shop/experiments"
MOST_UNTIL_INJECTED, MOST_UNTIL_HALTED = 60, 1.0  # seconds
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"], "rules": [
    {"level": "Metadata", "verbs": ["create", "patch", "update", "delete"], "resources": [{"group": "ordeal.dev"}]},
    {"level": "None"}]}


def memory(pid):
    """(PSS now, RSS at most) in MiB."""
    pss = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    peak = re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)
    return round(int(pss[1]) / 1024, 1), round(int(peak[1]) / 1024, 1)


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else None


def make_some(port, ca, crt, key, pods):
    api = Api(port, ca, crt, key)
    for pod in pods:
        api.must("POST", "/api/v1/namespaces/shop/pods", pod)
    api.close()


class Scale:
    def __init__(self, cluster, audit, options):
        self.cluster, self.audit, self.options, self.figures = cluster, audit, options, {}
        self.wrong = []

    def tell(self, what, value):
        self.figures[what] = value
        print(f"{what}: {value}", flush=True)

    def must(self, holds, what):
        if not holds:
            self.wrong.append(what)
            print(f"WRONG: {what}", flush=True)

    # What it stands on

    def prepare(self):
        cluster, options = self.cluster, self.options
        self.kubectl("apply", "-f", str(HERE.parent.parent / "charts" / "ordeal" / "crds"))
        for name in ("ordeal", "shop"):
            cluster.namespace(name)
        accounts.install(cluster)
        policy = {"config.yaml": "blast_radius: {namespaces: [shop]}\n"}
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ordeal-config", "namespace": "ordeal"},
                       "data": policy})
        began = now()
        nodes = cluster.add_nodes(options.nodes)
        pods = [fakes.pod(f"api-{index:05}", "shop", {"app": "api"}, node=nodes[index % len(nodes)])
                for index in range(options.pods)]
        connection = cluster.plane.port, cluster.ca, cluster.admin_cert, cluster.admin_key
        with ProcessPoolExecutor(4) as pool:
            for made in [pool.submit(make_some, *connection, pods[first::16]) for first in range(16)]:
                made.result()
        pending = "/api/v1/namespaces/shop/pods?limit=1&fieldSelector=status.phase!=Running"
        cluster.wait_for(lambda: not cluster.api.must("GET", pending)["items"], 600, "the pods to run", 0.5)
        self.tell("nodes and pods made, s", round(now() - began, 1))
        cluster.run("agents", [options.agents, "--kubeconfig", accounts.kubeconfig(cluster, "ordeal-agent")])
        began = now()
        cluster.run("controller", [*options.under.split(), options.ordeal, "controller", "--namespace", "ordeal", "--name", "scale",
                                   "--policy-configmap", "ordeal/ordeal-config", "--agents", "", "--kubeconfig", accounts.kubeconfig(cluster, "ordeal-controller")])
        lease = "/apis/coordination.k8s.io/v1/namespaces/ordeal/leases"
        cluster.wait_for(lambda: cluster.api.must("GET", lease)["items"], 60, "the controller to lead")
        self.tell("controller leads after, s", round(now() - began, 2))

    def kubectl(self, *words):
        code, _, said = self.cluster.kubectl(*words)
        if code:
            raise RuntimeError(f"kubectl {' '.join(words)}: {said}")

    @property
    def controller(self):
        return self.cluster.processes["controller"].pid

    # What it looks at

    def status(self, name):
        code, answer = self.cluster.api("GET", f"{EXPERIMENTS}/{name}")
        return answer.get("status", {}) if code == 200 else {}

    def wait_status(self, name, holds, timeout, what):
        found = self.cluster.wait_for(lambda: [s for s in [self.status(name)] if holds(s)], timeout, what, 0.1)
        return found[0], now()

    def said_by_agents(self, run, what):
        """{node: seconds of CLOCK_BOOTTIME}."""
        found = {}
        for line in Path(f"{self.cluster.folder}/logs/agents.log").read_text().splitlines():
            match = re.match(r"(\S+) (in force|over) (\S+) (\d+) ", line)
            if match and match[2] == what and match[3] == run:
                found[match[1]] = int(match[4]) / 1e9
        return found

    def writes(self, run):
        """Counter of (verb, subresource, code) for each Injection of the run, and who wrote the Experiments how often."""
        each, experiments = {}, Counter()
        for line in Path(self.audit).read_text().splitlines():
            event = json.loads(line)
            what, code = event["objectRef"], event.get("responseStatus", {}).get("code")
            if what["resource"] == "experiments":
                experiments[(event["verb"], what.get("subresource", ""), code)] += 1
            elif what["resource"] == "injections" and self.suffix(run) in what.get("name", ""):
                each.setdefault(what["name"], Counter())[(event["verb"], what.get("subresource", ""), code)] += 1
        return each, experiments

    @staticmethod
    def suffix(run):
        return run.rsplit("-", 1)[1]

    # What it does

    def run(self, name, length, halt):
        """One run to its end: what it took, and what it wrote."""
        options, api = self.options, self.cluster.api
        spec = {"target": {"type": "kubernetes", "namespace": "shop", "labels": {"app": "api"}},
                "attack": {"type": "latency", "args": {"delay": "100ms", "port": 8000}},
                "length": length, "baseline": "300ms", "recovery": "1s"}
        used = cpu(self.controller)
        began = now()
        api.must("POST", EXPERIMENTS, {"apiVersion": API, "kind": "Experiment", "metadata": {"name": name}, "spec": spec})
        status, at = self.wait_status(name, lambda s: s.get("run") or s.get("verdict"), 60, "admission")
        run = status.get("run")
        self.tell(f"{name}: admitted after, s", round(at - began, 2))
        status, at = self.wait_status(name, lambda s: s.get("phase") == "during" or s.get("verdict"), 200, "injection")
        injected = self.said_by_agents(run, "in force")
        self.tell(f"{name}: injected", status.get("injected"))
        if status.get("verdict"):
            self.tell(f"{name}: verdict", f"{status['verdict']}: {status.get('reason')}")
        else:
            self.tell(f"{name}: all in force after, s", round(max(injected.values()) - began, 2))
            self.tell(f"{name}: said to be injected after, s", round(at - began, 2))
            self.tell(f"{name}: controller's CPU until then, s", round(cpu(self.controller) - used, 2))
        whole = status.get("injected") == options.pods and at - began <= MOST_UNTIL_INJECTED
        self.must(whole or status.get("verdict") == "not_injected", "injected within 60 s, or not injected")
        self.tell(f"{name}: controller's memory, MiB (PSS now, RSS at most)", memory(self.controller))
        if not status.get("verdict"):
            self.end(name, run, halt, injected)
        self.tell(f"{name}: controller's CPU in all, s", round(cpu(self.controller) - used, 2))
        self.judge_writes(name, run)
        self.collect(name, run)

    def end(self, name, run, halt, injected):
        """Halted, after a renewal or two."""
        api = self.cluster.api
        time.sleep(8)
        halted = now()
        if halt == "latch":
            self.cluster.apply({"apiVersion": API, "kind": "Halt", "metadata": {"name": "global"}, "spec": {"reason": "a drill"}})
        else:
            api.must("PATCH", f"{EXPERIMENTS}/{name}", {"metadata": {"annotations": {"ordeal.dev/halt": "enough"}}},
                     content_type="merge")
        status, _ = self.wait_status(name, lambda s: s.get("verdict"), 120, "its end")
        self.must(status["verdict"] == "halted", f"halted, and not {status['verdict']}: {status.get('reason')}")
        self.tell(f"{name}: complete after the halt, s", round(now() - halted, 2))
        over = self.said_by_agents(run, "over")
        self.must(set(over) == set(injected), "what was in force is over")
        took = [over[node] - halted for node in over]
        self.tell(f"{name}: halt to reverted, s (p50, p99, max)", tuple(round(percentile(took, s), 3) for s in (0.5, 0.99, 1)))
        self.must(percentile(took, 0.99) <= MOST_UNTIL_HALTED, "a halt reverts within a second (p99)")
        left = [item for item in api.must("GET", f"{GROUP}/injections")["items"] if item["metadata"].get("finalizers")]
        self.cluster.wait_for(lambda: not [
            item for item in api.must("GET", f"{GROUP}/injections")["items"] if item["metadata"].get("finalizers")
            or item.get("status", {}).get("state") != "reverted"], 30, "no record left waiting", 1)
        self.tell(f"{name}: finalisers left when it was complete", len(left))
        if halt == "latch":
            api.must("DELETE", f"{GROUP}/halts/global")

    def judge_writes(self, name, run):
        each, experiments = self.writes(run)
        kinds = Counter()
        for counter in each.values():
            kinds[tuple(sorted((f"{verb} {sub}".strip() + ("" if code < 300 else f" ({code})"), count)
                               for (verb, sub, code), count in counter.items()))] += 1
        self.tell(f"{name}: Injections", len(each))
        for kind, count in kinds.most_common():
            self.tell(f"{name}: writes of {count} Injections", ", ".join(f"{number} {what}" for what, number in kind))
        most = {("create", "", 201): 1, ("patch", "status", 200): 2, ("patch", "", 200): 1}
        self.must(all(set(counter) <= set(most) and all(counter[key] <= most[key] for key in counter)
                      for counter in each.values()), "one create, two statuses and a finaliser for each node")
        self.tell(f"{name}: writes of the Experiment", {f"{v} {s} {c}": n for (v, s, c), n in experiments.items()})

    def collect(self, name, run):
        api = self.cluster.api
        began = now()
        api.must("DELETE", f"{EXPERIMENTS}/{name}")
        maps = f"/api/v1/namespaces/shop/configmaps?labelSelector=ordeal.dev/run={run}"
        parts = api.must("GET", maps)["items"]
        self.tell(f"{name}: record, KiB in ConfigMaps", [round(len(json.dumps(part)) / 1024, 1) for part in parts])
        self.cluster.wait_for(lambda: not api.must("GET", f"{GROUP}/injections?limit=1")["items"]
                              and not api.must("GET", maps)["items"], 300, "the garbage collector", 0.5)
        self.tell(f"{name}: collected after its deletion, s", round(now() - began, 1))

    def plan(self):
        """Selection over all pods, from a laptop: with what it has to ask for."""
        file = Path(self.cluster.folder, "plan.yaml")
        file.write_text("name: plan\ntarget: {type: kubernetes, namespace: shop, labels: {app: api}, percentage: 50}\n"
                        "attack: {type: latency, args: {delay: 100ms, port: 8000}}\nlength: 30s\n")
        argv = [self.options.ordeal, "plan", "--cluster", "--json", "-n", "shop", str(file)]
        began, said = now(), Path(self.cluster.folder, "plan.json")
        with open(said, "w") as file:
            planning = subprocess.Popen(argv, env={**os.environ, "KUBECONFIG": self.cluster.kubeconfig}, stdout=file)
            _, _, used = os.wait4(planning.pid, 0)
        took, text = now() - began, said.read_text()
        plan = json.loads(text) if text.startswith("{") else {}
        victims = sum(len(node["victims"]) for node in plan.get("nodes", []))
        self.must(victims == self.options.pods // 2, f"half of all pods planned, and not {victims}: {text[:300]}")
        self.tell("ordeal plan, s (wall, CPU), MiB (RSS at most)", (
            round(took, 2), round(used.ru_utime + used.ru_stime, 2), round(used.ru_maxrss / 1024, 1)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ordeal")
    parser.add_argument("agents")
    parser.add_argument("--pods", type=int, default=10000)
    parser.add_argument("--nodes", type=int, default=1000, help="at most 1000")
    parser.add_argument("--under", default="", metavar="PROGRAM", help="that the controller is run by, such as a profiler")
    parser.add_argument("--json", metavar="FILE", help="also writes the figures there")
    options = parser.parse_args()
    options.ordeal, options.agents = os.path.abspath(options.ordeal), os.path.abspath(options.agents)
    return options


def main():
    skip_without("kubectl")
    options = arguments()
    folder = tempfile.mkdtemp(prefix="ordeal-scale-")
    policy, log = f"{folder}/policy.json", f"{folder}/audit.log"
    Path(policy).write_text(json.dumps(AUDIT))
    flags = {"kube-apiserver": [f"--audit-policy-file={policy}", f"--audit-log-path={log}"],
             "kube-controller-manager": ["--concurrent-gc-syncs=40"]}
    try:
        with Cluster(flags=flags) as cluster:
            scale = Scale(cluster, log, options)
            scale.tell("load of the machine before (1 min)", os.getloadavg()[0])
            scale.prepare()
            scale.plan()
            scale.run("latched", "120s", "latch")
            scale.run("annotated", "120s", "annotation")
            scale.tell("controller's memory at the end, MiB (PSS now, RSS at most)", memory(scale.controller))
            scale.tell("load of the machine after (1 min)", os.getloadavg()[0])
            said = [line for line in cluster.log("controller", 100).splitlines() if "leads" not in line]
            scale.tell("the controller's words", said)
    finally:
        shutil.rmtree(folder)
    if options.json:
        Path(options.json).write_text(json.dumps(scale.figures, indent=1))
    return 1 if scale.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
