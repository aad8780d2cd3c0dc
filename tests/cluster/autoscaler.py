"""The CPU attack under a real autoscaler, on the real node with a metrics server: 3 pods of 100 m at 80 % with 50 % wanted are
3 × 80 / 50 = 5."""
import time

from lab.processes import now

from . import release as r
from .on_the_node import OPTIONS, PAGES, OnTheNode, load
from .release import APP, SHOP, brief, conditions

SCALER = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": APP, "namespace": SHOP},
          "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP}, "minReplicas": 3,
                   "maxReplicas": 8, "metrics": [{"type": "Resource", "resource": {
                       "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}
SCALER_PATH = f"/apis/autoscaling/v2/namespaces/{SHOP}/horizontalpodautoscalers/{APP}"
SERVER = "mkdir /tmp/www; echo ok >/tmp/www/index.html; exec httpd -f -p 8000 -h /tmp/www"


class Autoscaler(OnTheNode):
    PODS = 3

    @classmethod
    def prepare(cls):
        if "metrics-server" not in cls.cluster.processes:
            cls.cluster.start_metrics_server()

    @classmethod
    def workload(cls):
        thing = r.shop(cls.PODS)
        (container,) = thing["spec"]["template"]["spec"]["containers"]
        container.update(command=["sh", "-c", SERVER], resources={"requests": {"cpu": "100m"}, "limits": {"cpu": "100m"}})
        return thing

    @classmethod
    def tearDownClass(cls):
        cls.remove(SCALER)

    def scaler(self):
        """(replicas that it wants, percent of the requests that it sees)"""
        status = self.cluster.api.must("GET", SCALER_PATH).get("status", {})
        seen = [at["resource"]["current"].get("averageUtilization") for at in status.get("currentMetrics") or [] if at.get("resource")]
        return status.get("desiredReplicas"), seen[0] if seen else None

    def test_1_three_to_five(self):
        self.three_to_five({})

    def test_2_three_to_five_by_one_container(self):
        self.three_to_five({"container": "api"})

    def three_to_five(self, target):
        self.cluster.apply(SCALER)
        self.cluster.wait_for(lambda: self.scaler()[1] is not None, 120, "what the autoscaler sees", 0.5)
        self.assertEqual(self.scaler()[0], 3)
        thing = brief("cpu.json", "experiment-3", sources={"interval": "1s"}, baseline="2s", recovery="5s", expect=[{
            "name": "pages", "condition": PAGES, "no_data": "breach", "probe": {"http": {
                "url": f"http://{self.ready()[0]['status']['podIP']}:8000/", "result": "latency", "timeout": "4s"}}}])
        thing["spec"]["target"].update(target)
        if not OPTIONS.as_they_stand:
            thing["spec"]["attack"]["args"]["length"] = 120
        self.apply(thing)
        injected = lambda: conditions(self.see("experiment-3")).get("Injected", ("",))[0] == "True"
        self.cluster.wait_for(injected, 60, "the load")
        began, seen = now(), []
        while conditions(self.see("experiment-3")).get("Complete", ("",))[0] != "True":
            step = (*self.scaler(), len(self.ready()))
            if not seen or seen[-1][1:] != step:
                seen.append((round(now() - began, 1), *step))
            time.sleep(0.25)
        print(f"  (s, wanted, % of requests, ready): {seen} ({load()})")
        got = self.complete("experiment-3", 60)
        self.assertEqual(max(wanted for _, wanted, _, _ in seen), 5)
        self.assertEqual(seen[-1][3], 5)
        self.assertEqual(got["Complete"][1], "Held", got)
        self.nothing_left()
