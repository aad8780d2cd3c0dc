#!/usr/bin/env python3
"""The whole product on a real node, as its user: image, chart, experiments by kubectl and by `ordeal`, everything that may die
in the middle, the way out, and what it costs. What counts is measured from outside, on the pods' own ports.

  end_to_end.py [--build DIR] [--as-they-stand] [--runs N] [--kills N] [--rest SECONDS] [Install.test_… …]

A soak command, as root, about 45 minutes; single cases by name. Exits 77 where the programs of a cluster are not there."""
import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab and this package
from cluster import release as r  # noqa: E402
from cluster import node, skip_without  # noqa: E402
from cluster.autoscaler import Autoscaler  # noqa: E402, F401 (unittest finds it here)
from cluster.on_the_node import LEASE, OPTIONS, PAGES, UNTIL_THE_END, OnTheNode, load, percentiles  # noqa: E402
from cluster.programs import program  # noqa: E402
from cluster.release import APP, RELEASE, SHOP, brief, conditions, slow  # noqa: E402
from cluster.rollback import Rollback  # noqa: E402, F401 (and this)
from lab.processes import now, read, wait_until  # noqa: E402


class Install(OnTheNode):
    """The experiments of examples/, by kubectl and by `ordeal`."""

    def pages(self, pod):
        return {"name": "pages", "condition": PAGES, "no_data": "breach",
                "probe": {"http": {"url": f"http://{pod['status']['podIP']}:8000/", "result": "latency", "timeout": "4s"}}}

    def test_1_latency(self):
        pod = self.ready()[0]
        visitor = self.visitor(pod)
        more = {} if OPTIONS.as_they_stand else {"length": "12s", "recovery": "5s"}
        scraped = {"name": "all are up", "query": "min(served_total)", "condition": "result > 0"}
        began = self.apply(brief("latency.json", "experiment-2", expect=[self.pages(pod), scraped],
                                 sources={"pods": {"port": "http", "path": r.METRICS}}, **more))
        at = r.wait_for_slow(visitor, began, 30)
        self.assertIsNotNone(at, self.see("experiment-2"))
        got = self.complete("experiment-2", 180)
        during = [took for start, took in visitor.seen(at + 0.5, at + 10) if took is not None]
        ended = r.wait_for_normal(visitor, at)
        print(f"  connect during: median {statistics.median(during) * 1000:.0f} ms; in force for {ended - at:.1f} s")
        self.assertGreater(min(during), 0.45)
        self.assertLess(statistics.median(took for start, took in visitor.seen(ended + 0.1) if took), 0.1)
        self.assertEqual((got["Complete"][1], got["Held"][0]), ("Held", "True"), got)
        self.nothing_left()

    def test_2_shutdown_of_half(self):
        def restarts():
            return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
                    for pod in self.cluster.running(SHOP, f"app={APP}")}
        before, addresses = restarts(), self.addresses()
        thing = brief("pods.json", "experiment-1", expect=[{"name": "some are up", "query": "sum(served_total)",
                                                            "condition": "result >= 1"}], sources=self.all_pages())
        if not OPTIONS.as_they_stand:
            thing["spec"]["attack"]["args"]["delay"] = "6s"  # a resource has no fractions without a unit
        self.apply(thing)
        got = self.complete("experiment-1", 420)
        self.cluster.wait_for(lambda: len(self.ready()) == 4, 60, "all pods back")
        after = restarts()
        print("  addresses before and after:", addresses, self.addresses())
        self.assertEqual(sorted(after[name] - before.get(name, 0) for name in after), [0, 0, 1, 1], (before, after))
        self.assertEqual(self.see("experiment-1")["status"]["injected"], 2)
        self.assertEqual(got["Complete"][1], "Held", got)
        self.nothing_left()

    def all_pages(self):
        """Of every pod, not of the victims alone: who is killed may come back at another address."""
        return {"scrape": [{"url": f"http://{pod['status']['podIP']}:8000{r.METRICS}", "job": "shop"} for pod in self.ready()]}

    def addresses(self):
        return {pod["metadata"]["name"][-5:]: pod["status"]["podIP"] for pod in self.ready()}

    def test_3_cpu(self):
        more = {} if OPTIONS.as_they_stand else {"length": "10s"}
        thing = brief("cpu.json", "experiment-3", baseline="1s", recovery="3s",
                      expect=[{"name": "some are up", "query": "sum(served_total)", "condition": "result >= 1"}],
                      sources=self.all_pages())
        if more:
            thing["spec"]["attack"]["args"]["length"] = 10
        self.apply(thing)
        self.cluster.wait_for(lambda: conditions(self.see("experiment-3")).get("Injected", ("",))[0] == "True", 60, "the load")
        pods, began = self.ready(), now()
        before = [self.cpu_of(pod) for pod in pods]
        time.sleep(5)
        used = [(self.cpu_of(pod) - old) / (now() - began) for pod, old in zip(pods, before)]
        print("  cores used by the four pods:", [round(one, 2) for one in used], load())
        for one in used:
            self.assertAlmostEqual(one, 0.8 * r.CPUS, delta=0.1)
        got = self.complete("experiment-3", 420)
        self.assertEqual(got["Complete"][1], "Held", got)
        self.nothing_left()

    def cpu_of(self, pod):
        uid = pod["metadata"]["uid"]
        for path in Path("/sys/fs/cgroup").glob(f"*/{self.cluster.node.cgroup_path.strip('/')}/kubepods/*/pod{uid}/cpuacct.usage"):
            return int(path.read_text()) / 1e9
        for path in Path("/sys/fs/cgroup").glob(f"**/pod{uid}/cpu.stat"):
            return int(read(path).split()[1]) / 1e6
        raise AssertionError(f"no accounting of CPU for {uid}")

    def test_4_process_killer(self):
        def postgres():
            return {pid for pod in self.ready() for pid in r.pids_of(self.cluster, pod)
                    if read(f"/proc/{pid}/comm").strip() == "postgres"}

        def servers():
            return {pid for pod in self.ready() for pid in r.pids_of(self.cluster, pod)
                    if read(f"/proc/{pid}/comm").strip() == "httpd" or "httpd" in read(f"/proc/{pid}/cmdline")}
        self.assertEqual(len(postgres()), 4)
        thing = brief("database.json", "experiment-4", baseline="1s", recovery="5s",
                      expect=[{"name": "some are up", "query": "sum(served_total)", "condition": "result >= 1"}],
                      sources=self.all_pages())
        if not OPTIONS.as_they_stand:
            thing["spec"]["attack"]["args"]["length"] = 6
        first, main = postgres(), servers()
        self.apply(thing)
        seen = set()
        while "Complete" not in conditions(self.see("experiment-4")) or conditions(self.see("experiment-4"))["Complete"][0] != "True":
            seen |= postgres()
            time.sleep(0.1)
            if len(seen) > 2000:
                break
        got = self.complete("experiment-4", 120)
        print(f"  {len(seen | first) - 4} postgres were killed", got)
        self.assertFalse(first & postgres())
        self.assertGreaterEqual(len(seen | first), 12)
        self.assertTrue(main <= servers())
        self.assertEqual(got["Complete"][1], "Held", got)
        self.nothing_left()

    def test_5_from_a_laptop(self):
        done = self.release.ordeal("install")
        print(done.stdout, done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        file = self.write(slow("laptop", "5s", expect=[self.pages(self.ready()[0])], recovery="3s"))
        done = self.release.ordeal("plan", "--cluster", file)
        print(done.stdout, done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for pod in self.ready():
            self.assertIn(pod["metadata"]["name"], done.stdout)
        done = self.release.ordeal("run", "--cluster", file)
        self.made.append("laptop")
        print(done.stdout, done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for words in (("list", "--cluster"), ("report", "--cluster", "last"), ("report", "last")):
            done = self.release.ordeal(*words)
            self.assertEqual(done.returncode, 0, (words, done.stdout, done.stderr))
        self.nothing_left()

    def write(self, thing):
        path = f"{self.release.home}/{thing['metadata']['name']}.json"
        Path(path).write_text(json.dumps(thing))
        return path

    def test_6_halt_from_a_laptop(self):
        visitor = self.visitor()
        self.in_force("halted", visitor)
        began = now()
        done = self.release.ordeal("halt", "--cluster", "--reason", "a drill")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.gone_within(visitor, began, 3, "ordeal halt --cluster to normal")
        got = self.never_held("halted")
        self.assertEqual(got["Complete"][1], "Halted")
        done = self.release.ordeal("resume", "--cluster")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.nothing_left()


class Safety(OnTheNode):
    """Everything that may die in the middle."""

    def after(self, name):
        got = self.never_held(name, 120)
        self.nothing_left()
        return got

    def test_1_agent_killed(self):
        visitor = self.visitor()
        self.in_force("agent-killed", visitor)
        killed = now()
        os.kill(self.agent(), signal.SIGKILL)
        self.gone_within(visitor, killed, 1, "agent SIGKILLed to normal")
        self.after("agent-killed")

    def test_2_node_cut_off(self):
        for how in ("cut", "stall"):
            with self.subTest(how):
                visitor = self.visitor()
                self.in_force(f"node-{how}", visitor, length="120s")
                cut = now()
                getattr(self.cluster.node, how)()
                try:
                    self.gone_within(visitor, cut, LEASE + 1, f"node {how} to normal")
                    time.sleep(max(0, LEASE + 5 - (now() - cut)))
                finally:
                    self.cluster.node.reconnect()
                self.after(f"node-{how}")

    def test_3_pod_deleted(self):
        pods = self.ready()
        visitor = self.visitor(pods[1])
        self.in_force("pod-deleted", visitor, length="15s")
        self.must(*self.cluster.kubectl("delete", "pod", pods[0]["metadata"]["name"], "-n", SHOP, "--wait=true"))
        self.complete("pod-deleted", 120)
        self.assertIsNotNone(r.wait_for_normal(visitor, now() - 3), "still slow")
        self.nothing_left()

    def test_4_container_restarted(self):
        pod = self.ready()[0]
        visitor = self.visitor(pod)
        self.in_force("restarted", visitor, length="15s")
        for pid in r.pids_of(self.cluster, pod):
            if "httpd" in read(f"/proc/{pid}/cmdline"):
                os.kill(pid, signal.SIGKILL)
        self.complete("restarted", 120)
        self.assertIsNotNone(r.wait_for_normal(visitor, now() - 3), "still slow")
        self.cluster.wait_for(lambda: len(self.ready()) == 4, 60, "all pods back")
        self.nothing_left()

    def test_5_api_server_stopped(self):
        visitor = self.visitor()
        self.in_force("no-server", visitor, length="120s")
        stopped = now()
        self.cluster.stop_api_server()
        try:
            self.gone_within(visitor, stopped, LEASE + 1, "API server stopped to normal")
            time.sleep(max(0, LEASE + 5 - (now() - stopped)))
        finally:
            self.cluster.start_api_server()
        self.after("no-server")

    def test_6_controller_killed(self):
        dice, seen = random.Random(15), []
        for index in range(OPTIONS.kills):
            with self.subTest(index):
                visitor, name = self.visitor(), f"killed-{index}"
                self.cluster.wait_for(self.leading_pod, 60, "a leader")
                began = self.apply(slow(name, "12s", expect=[], recovery="2s"))
                moment = dice.uniform(0, 4)
                time.sleep(max(0, began + moment - now()))
                killed = now()
                self.kill_leader()
                at = r.wait_for_normal(visitor, killed, LEASE + 20)
                self.assertIsNotNone(at, "still slow")
                self.assertLessEqual(at - killed, LEASE + 1)
                seen.append(at - killed)
                self.never_held(name, 90)
                self.nothing_left()
                visitor.close()
        print(f"  controller killed to normal: {percentiles(seen)}")

    def leading_pod(self):
        name = self.release.leader()
        return next((pod for pod in self.release.pods("controller") if pod["metadata"]["name"] == name), None)

    def kill_leader(self):
        """Its process, and then its pod, so that no restart is delayed by the kubelet."""
        pod = self.leading_pod()
        for pid in r.pids_of(self.cluster, pod):
            os.kill(pid, signal.SIGKILL)
        self.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", RELEASE, "--force", "--grace-period=0", "--wait=false")


class Agents(OnTheNode):
    """Their image is upgraded and their pods go, during a pause: what undoes it is outside of them."""

    def frozen(self):
        return [pod for pod in self.ready() if r.is_frozen(self.cluster, pod)]

    def pause(self, name):
        thing = brief("latency.json", name, length="120s", baseline=0)
        thing["spec"]["attack"] = {"type": "pause"}
        self.apply(thing)
        self.cluster.wait_for(lambda: len(self.frozen()) == 4, 20, "the pause", 0.01)

    def goes_on_within(self, since, limit, what):
        at = wait_until(lambda: not self.frozen(), limit + 5, 0.01)
        self.assertIsNotNone(at, f"{what}: still paused")
        print(f"  {what}: {at - since:.2f} s ({load()})", flush=True)
        self.assertLessEqual(at - since, limit, what)

    def freeze_the_agent(self):
        (pod,) = self.release.pods("agent")
        self.addCleanup(r.freeze, self.cluster, pod, False)
        began = now()
        r.freeze(self.cluster, pod)
        return began

    def delete_the_agent(self, *how):
        (pod,) = self.release.pods("agent")
        began = now()
        self.must(*self.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "-n", RELEASE, "--wait=false", *how))
        return began, pod["metadata"]["uid"]

    def the_new_one_works(self, name, old=None):
        """Another pod of which the agent serves, after which nothing is left of the earlier run."""
        def new():
            pods = [pod for pod in self.release.pods("agent") if pod["metadata"]["uid"] != old]
            return pods and pods[0]["status"]["containerStatuses"][0]["ready"]
        self.cluster.wait_for(new, 120, "the new agent")
        self.never_held(name, 120)
        self.nothing_left()
        with self.visitor() as visitor:
            self.in_force(f"{name}-after", visitor, length="3s")
        self.assertEqual(self.complete(f"{name}-after")["Injected"][0], "True")
        self.nothing_left()

    def upgrade(self):
        """In the background, with another tag: (when it began, the thread that ends with it, the tag)."""
        tag, done = self.release.another_tag(), []
        thread = threading.Thread(target=lambda: done.append(self.release.upgrade(f"image.tag={tag}")))
        began = now()
        thread.start()

        def ended():
            thread.join()
            self.assertEqual(done[0].returncode, 0, done[0].stdout + done[0].stderr)
            print(f"  helm upgrade --wait: {now() - began:.1f} s")
            (pod,) = self.release.pods("agent")
            self.assertTrue(pod["spec"]["containers"][0]["image"].endswith(":" + tag))
        return began, ended

    def test_1_image_upgraded_during_a_pause(self):
        self.pause("upgraded")
        began, ended = self.upgrade()
        self.goes_on_within(began, LEASE + 1, "helm upgrade begun to running again")
        ended()
        self.the_new_one_works("upgraded")

    def test_2_image_upgraded_while_the_agent_is_frozen(self):
        self.pause("upgraded-frozen")
        frozen = self.freeze_the_agent()
        _, ended = self.upgrade()
        self.goes_on_within(frozen, LEASE + 1, "agent frozen (and upgraded) to running again")
        ended()
        self.the_new_one_works("upgraded-frozen")

    def test_3_pod_deleted_during_a_pause(self):
        for name, how in (("deleted", []), ("deleted-at-once", ["--force", "--grace-period=0"])):
            with self.subTest(name):
                self.pause(name)
                began, old = self.delete_the_agent(*how)
                self.goes_on_within(began, LEASE + 1, f"agent's pod {name} to running again")
                self.the_new_one_works(name, old)

    def test_4_pod_deleted_while_it_is_frozen(self):
        self.pause("frozen")
        self.goes_on_within(self.freeze_the_agent(), 2, "agent's pod frozen to running again")
        _, old = self.delete_the_agent("--force", "--grace-period=0")
        self.the_new_one_works("frozen", old)

    def test_5_frozen_during_a_delay(self):
        visitor = self.visitor()
        self.in_force("frozen-delay", visitor)
        self.gone_within(visitor, self.freeze_the_agent(), 3, "agent's pod frozen to normal")
        _, old = self.delete_the_agent("--force", "--grace-period=0")
        self.the_new_one_works("frozen-delay", old)


class Rules(OnTheNode):
    """What is refused, by whom, and the way out."""

    def test_1_protected_namespace_and_label_are_refused_by_the_controller(self):
        self.cluster.namespace("production")
        self.cluster.apply(r.shop(1, "production"))
        spared = {**r.LABELS, "app": "spared", "chaos-enabled": "false"}
        self.cluster.apply(r.shop(1, labels=spared, name="spared"))
        self.cluster.wait_for(lambda: len(self.cluster.running("production")) == 1, 60, "the pod in production")
        self.cluster.wait_for(lambda: len(self.cluster.running(SHOP, "app=spared")) == 1, 60, "the protected pod")
        there, here = slow("in-production"), slow("spared")
        there["metadata"]["namespace"] = there["spec"]["target"]["namespace"] = "production"
        here["spec"]["target"]["labels"] = {"app": "spared"}
        self.apply(there)
        self.apply(here)
        for name, namespace in (("in-production", "production"), ("spared", SHOP)):
            ended = lambda: conditions(self.see(name, namespace)).get("Complete", ("",))[0] == "True"
            self.cluster.wait_for(ended, 30, f"the refusal of {name}")
            thing = self.see(name, namespace)
            got = conditions(thing)
            print("  ", got, [at["message"] for at in thing["status"]["conditions"] if at["type"] == "Admitted"])
            self.assertEqual((got["Admitted"][0], got["Complete"][1]), ("False", "Refused"))
            self.assertEqual(r.injections(self.cluster, namespace), [])

    def test_2_a_forged_injection_is_refused_by_the_agent(self):
        self.cluster.namespace("production")
        self.cluster.apply(r.shop(1, "production"))
        (pod,) = self.cluster.wait_for(lambda: self.cluster.running("production"), 60, "the pod in production")
        visitor = self.visitor(pod)
        path = f"{r.GROUP}/namespaces/production"
        owner = self.cluster.api.must("POST", f"{path}/experiments", {
            **slow("owner"), "metadata": {"name": "owner", "namespace": "production"}})
        from cluster.api import Api
        api = Api(self.cluster.plane.port, self.cluster.ca, token=self.cluster.token("ordeal-controller", RELEASE))
        ended = lambda: conditions(self.see("owner", "production")).get("Complete", ("",))[0] == "True"
        self.cluster.wait_for(ended, 30, "the controller's refusal")
        # The Experiment is as one whose run goes on: what is left between the Injection and the pod is the policy.
        node, run = pod["spec"]["nodeName"], "r20260101t000000z-aaaaa"
        renewed = {"run": run, "renewal": {"count": 1, "halt": "", "go": False, "stop": ""}}
        status, answer = api("PATCH", f"{path}/experiments/owner/status", {"status": renewed}, content_type="merge")
        self.assertEqual(status, 200, answer)
        forged = {
            "apiVersion": "ordeal.dev/v1alpha1", "kind": "Injection",
            "metadata": {"name": "forged", "namespace": "production", "finalizers": ["ordeal.dev/revert"],
                         "labels": {"ordeal.dev/node": node}},
            "spec": {"run": run, "experiment": "owner", "experimentUID": owner["metadata"]["uid"],
                     "node": node, "leaseMs": 15000, "candidates": 1, "impacts": [{
                         "id": 0, "victim": {"kind": "pod", "namespace": "production", "pod": pod["metadata"]["name"],
                                             "uid": pod["metadata"]["uid"]},
                         "attack": {"type": "latency", "args": {"delay": "500ms", "port": [{"first": 8000, "last": 8000}]},
                                    "length_ms": 60000, "lead_in_ms": 0, "min_events": 0}}]}}
        status, answer = api("POST", f"{path}/injections", forged)
        self.assertEqual(status, 201, answer)
        state = lambda: (self.cluster.api("GET", f"{path}/injections/forged")[1].get("status") or {}).get("state") == "reverted"
        self.cluster.wait_for(state, 20, "the agent's refusal")
        seen = self.cluster.api.must("GET", f"{path}/injections/forged")
        print("  ", json.dumps(seen["status"])[:600])
        (impact,) = seen["status"]["impacts"]
        self.assertEqual((impact["state"], impact["code"]), ("failed", "refused"), impact)
        self.assertIn('protected.namespaces lists "production"', impact["error"])
        self.assertEqual(seen["metadata"].get("finalizers", []), [])
        self.assertIsNone(visitor.slow_since(0))
        self.cluster.kubectl("delete", "oex,oin", "--all", "-n", "production")

    def test_3_uninstall_in_the_middle_of_a_run(self):
        visitor = self.visitor()
        self.in_force("uninstalled", visitor, length="120s")
        began = now()
        done, took = self.release.uninstall()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.release.logs())
        print(f"  helm uninstall --wait: {took:.1f} s")
        self.gone_within(visitor, began, 15, "helm uninstall to normal")
        self.nothing_left()
        self.assertEqual(self.cluster.api("GET", f"{r.GROUP}/halts/global")[0], 404)
        got = conditions(self.see("uninstalled"))
        print("  ", got)
        self.assertEqual(got["Complete"][0], "True")
        self.assertNotEqual(got["Held"][0], "True")
        self.must(*self.cluster.kubectl("delete", "oex", "--all", "-n", SHOP, "--timeout=30s"))
        self.must(*self.cluster.kubectl("delete", "-f", str(r.ROOT / "charts/ordeal/crds"), "--timeout=60s", timeout=90))
        self.must(*self.cluster.kubectl("delete", "namespace", SHOP, "--timeout=60s", timeout=90))


class Figures(OnTheNode):
    def test_1_apply_to_impact_and_halt_to_reverted(self):
        starts, from_apply, ends = [], [], []
        for index in range(OPTIONS.runs):
            visitor, name = self.visitor(), f"timed-{index}"
            began = self.apply(slow(name))
            created = now()
            at = r.wait_for_slow(visitor, began, 20)
            self.assertIsNotNone(at, self.see(name))
            from_apply.append(at - began)
            starts.append(max(0.0, at - created))
            time.sleep(1)
            halted = now()
            if index % 2:
                self.cluster.apply({"apiVersion": "ordeal.dev/v1alpha1", "kind": "Halt", "metadata": {"name": "global"},
                                    "spec": {"reason": "a drill"}})
            else:
                path = f"{r.EXPERIMENTS}/{name}"
                self.cluster.api.must("PATCH", path, {"metadata": {"annotations": {"ordeal.dev/halt": "a drill"}}},
                                      content_type="merge")
            ended = r.wait_for_normal(visitor, halted)
            self.assertIsNotNone(ended, self.see(name))
            ends.append(ended - halted)
            self.cluster.wait_for(lambda: conditions(self.see(name)).get("Complete", ("",))[0] == "True", 30, name)
            self.cluster.api("DELETE", f"{r.GROUP}/halts/global")
            self.cluster.kubectl("delete", "oex", name, "-n", SHOP, "--wait=false")
            visitor.close()
        print(f"  kubectl apply begun to impact: {percentiles(from_apply)}")
        print(f"  kubectl apply ended to impact: {percentiles(starts)}")
        print(f"  halt to reverted: {percentiles(ends)}", flush=True)
        for times in (from_apply, ends):
            self.assertLess(sorted(times)[int(0.95 * len(times))], 1, load())

    def test_2_agent_at_rest(self):
        time.sleep(5)
        pid, began = self.agent(), now()

        def ticks():
            fields = read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])
        before = ticks()
        time.sleep(OPTIONS.rest)
        percent = (ticks() - before) / os.sysconf("SC_CLK_TCK") / (now() - began) * 100
        sizes = dict(line.split(":") for line in read(f"/proc/{pid}/smaps_rollup").splitlines()[1:])
        print(f"  at rest over {OPTIONS.rest} s: {percent:.3f} % of a core, PSS {int(sizes['Pss'].split()[0]) / 1024:.1f} MiB ({load()})")
        self.assertLess(percent, 0.05)
        self.assertLess(int(sizes["Pss"].split()[0]) / 1024, 8)


class Verified(OnTheNode):
    """After all of it."""

    def test_the_node_is_clean(self):
        self.verify("on the node", self.cluster.node.inside(f"{OPTIONS.build}/ordeal", "verify-clean"), 0, "Clean:")
        self.verify("in the agent's pod", self.in_the_agent("/usr/bin/ordeal", "verify-clean"), 4, "nft is not installed")

    def verify(self, where, command, code, words):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        print(f"  {where}: {done.stdout.strip()} {done.stderr.strip()}")
        self.assertEqual(done.returncode, code, where)
        self.assertIn(words, done.stdout + done.stderr)

    def in_the_agent(self, *words):
        (pod,) = self.release.pods("agent")
        return [program("kubectl"), f"--kubeconfig={self.cluster.kubeconfig}", "exec", "-n", RELEASE, pod["metadata"]["name"],
                "--", *words]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=OPTIONS.build)
    parser.add_argument("--as-they-stand", action="store_true", help="the experiments with their own lengths and delays")
    for name in ("runs", "kills", "rest"):
        parser.add_argument(f"--{name}", type=int, default=getattr(OPTIONS, name))
    _, words = parser.parse_known_args(namespace=OPTIONS)
    OPTIONS.build = os.path.realpath(OPTIONS.build)
    if os.geteuid() != 0:
        print("skipped: a real node needs root")
        sys.exit(77)
    skip_without("kubectl", "helm", "rollouts-controller", "metrics-server", "prometheus", *node.PROGRAMS)
    with UNTIL_THE_END:
        unittest.main(argv=[sys.argv[0], "-v", *words], warnings="ignore")


if __name__ == "__main__":
    main()
