"""A Rollout whose canary goes bad under an attack, on the real node with Argo Rollouts' own controller: rolled back by
Argo's analysis, and by Ordeal, which judges by the same file."""
import json
import time

from lab.processes import wait_until

from . import canary, node
from .on_the_node import OnTheNode, load
from .release import APP, SHOP, brief

ARGO_TIMEOUT = 75  # a measurement each minute
REPAIRED = "result[0] < {{args.error-rate-threshold}}"


class Rollback(OnTheNode):
    PODS = canary.PODS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = cls.release.upgrade("rollback.enabled=true")
        cls.must(done.returncode, done.stdout, done.stderr)

    @classmethod
    def prepare(cls):
        cls.cluster.namespace(SHOP)
        if "rollouts-controller" not in cls.cluster.processes:
            cls.cluster.start_rollouts({"prometheus": node.GATEWAY})
        cls.cluster.apply(canary.abroad())
        (pod,) = cls.cluster.wait_for(lambda: cls.cluster.running(SHOP, "app=abroad"), 60, "what is called")
        cls.calls = pod["status"]["podIP"]
        cls.cluster.apply(canary.analysis())

    @classmethod
    def workload(cls):
        return canary.rollout(cls.calls)

    @classmethod
    def tearDownClass(cls):
        cls.remove(canary.abroad(), canary.analysis())

    def setUp(self):
        self.cluster.apply(self.workload())
        super().setUp()
        self.status_becomes("Healthy")
        self.prometheus = canary.Prometheus(self.cluster, self.ready)
        self.addCleanup(self.prometheus.close)
        self.customers = canary.Customers(self.ready)
        self.addCleanup(self.customers.close)
        self.cluster.wait_for(lambda: self.prometheus.query("sum(rate(http_requests_total[1m])) > 10"), 60, "customers")

    def status_becomes(self, phase, timeout=90):
        status = lambda: self.cluster.api.must("GET", canary.ROLLOUT).get("status", {})
        done = wait_until(lambda: status().get("phase") == phase and status().get("readyReplicas") == self.PODS, timeout, 0.1)
        self.assertIsNotNone(done, status())

    def roll_out(self, *template):
        """The hasty version as a canary; what is seen from then on."""
        self.cluster.apply(canary.analysis(*template))
        self.cluster.apply(canary.rollout(self.calls, hasty=True))
        self.status_becomes("Paused")
        witness = canary.Witness(self.cluster, self.prometheus)
        self.addCleanup(witness.close)
        self.assertEqual(self.customers.refused(), [], "the canary is bad without an attack")
        return witness

    def slow_calls(self, name, **more):
        """500 ms more for what the pods call: the patient ones hold."""
        thing = brief("latency.json", name, recovery="3s", min_events=0, **more)
        thing["spec"]["attack"]["args"]["port"] = canary.ABROAD
        return thing

    def tell(self, witness, what, who):
        self.assertIn("breach", witness.at)
        after = {word: round(witness.since_breach(word), 2) for word in witness.at if word != "breach"}
        print(f"  {who}: breach {witness.at['breach'] - witness.began:.1f} s after the canary, then {after} ({load()}); "
              f"{witness.message!r}", flush=True)
        self.assertIn(what, after)

    def aborted_by_argo(self, name, *template):
        witness = self.roll_out(*template)
        self.apply(self.slow_calls(name, baseline=0, length="120s"))
        self.assertTrue(witness.wait_for("aborted", ARGO_TIMEOUT + 20), witness.at)
        self.assertTrue(witness.wait_for("without canary", 30), witness.at)
        self.cluster.kubectl("delete", "oex", name, "-n", SHOP)
        self.tell(witness, "aborted", f"Argo's own analysis, {template}")
        self.assertIn("assessed Failed", witness.message)
        self.nothing_left()

    def test_1_argo_aborts_a_healthy_canary_by_the_template_as_it_stands(self):
        witness = self.roll_out()
        self.assertTrue(witness.wait_for("aborted", ARGO_TIMEOUT), witness.at)
        print(f"  aborted after {witness.at['aborted'] - witness.began:.1f} s without an attack: {witness.message!r}")
        self.assertNotIn("breach", witness.at)
        self.assertIn("assessed Error", witness.message)

    def test_2_argo_each_minute(self):
        self.aborted_by_argo("argo-minute", REPAIRED)

    def test_3_argo_each_second(self):
        self.aborted_by_argo("argo-second", REPAIRED, "1s")

    def run_ours(self, name, **more):
        """From a laptop, by the file as it stands; Argo's own analysis watches meanwhile, once a minute."""
        thing = self.slow_calls(name, baseline="3s", length="60s", **more)
        path = f"{self.release.home}/{name}.json"
        with open(path, "w") as file:
            json.dump(thing, file)
        done = self.release.ordeal("run", "--cluster", path, "--expect", str(canary.FILE), "--prometheus", self.prometheus.url)
        self.made.append(name)
        print(done.stdout, done.stderr)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        report = self.release.ordeal("report", "last", "--format", "json")
        (action,) = json.loads(report.stdout)["rollback"]
        self.assertTrue(action["ok"], action)

    def test_4_ours_aborts(self):
        witness = self.roll_out(REPAIRED)
        self.run_ours("ours-abort")
        self.assertTrue(witness.wait_for("without canary", 30), witness.at)
        self.tell(witness, "aborted", "Ordeal, abort")
        self.assertNotIn("assessed", witness.message)
        self.only_the_canary_failed(witness)
        self.nothing_left()

    def test_5_ours_undoes(self):
        witness = self.roll_out(REPAIRED)
        self.run_ours("ours-undo", rollback=[{"rollout": {"name": APP, "action": "undo"}}])
        self.assertTrue(witness.wait_for("without canary", 30), witness.at)
        self.tell(witness, "undone", "Ordeal, undo")
        self.assertNotIn("aborted", witness.at)
        self.status_becomes("Healthy")
        self.only_the_canary_failed(witness)
        self.nothing_left()

    def only_the_canary_failed(self, witness):
        """And nobody once it is gone."""
        refused = sorted((round(began - witness.at["breach"], 2), pod, round(took, 2))
                         for began, pod, _, took in self.customers.refused())
        self.assertEqual(len({pod for _, pod, _ in refused}), 1, refused)
        time.sleep(2)
        self.assertEqual(self.customers.refused(witness.at["without canary"]), [])
