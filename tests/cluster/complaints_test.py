#!/usr/bin/env python3
"""What users of other tools complain of, each a test named after its thread: `ordeal controller` on a real API server with
50 nodes and 500 pods of KWOK and simulated agents. Those that only a real agent can show are in tests/agent.
Arguments: the programs `ordeal` and `cluster_agents`."""
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import accounts, skip_without  # noqa: E402
from cluster.hosted import GROUP, Hosted, experiment  # noqa: E402
from lab.processes import now  # noqa: E402

PODS = 500
CUT_OFF, MUTE = "node-0050", "node-0051"  # hears nothing once it has injected; never answers
POLICY = "blast_radius: {namespaces: [shop, lonely, other]}\n"
FLOOR = POLICY + "caps: {min_running: 80%}\n"


def pods_of(app, namespace="shop", **more):
    return {"type": "kubernetes", "namespace": namespace, "labels": {"app": app}, **more}


class Complaints(Hosted):
    ordeal, agents = (os.path.abspath(path) for path in sys.argv[1:3])
    policy, nodes, left_alone = POLICY, 52, (CUT_OFF, MUTE)

    @classmethod
    def make_targets(cls):
        for node in (CUT_OFF, MUTE):  # no pod of a Deployment goes there
            cls.cluster.api.must("PATCH", f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}}, content_type="merge")
        make, nodes = cls.cluster.make_pods, sorted(cls.cluster.ready_nodes())
        make(PODS, name="api", namespace="shop", direct=True, nodes=nodes[:50])
        make(6, name="web", namespace="shop")
        make(2, name="two", namespace="shop", direct=True, nodes=nodes[:2], containers=("app", "side"))
        make(2, name="cut-off", namespace="lonely", direct=True, nodes=[CUT_OFF])
        make(2, name="dead", namespace="lonely", direct=True, nodes=[CUT_OFF])
        make(2, name="mute", namespace="lonely", direct=True, nodes=[MUTE])
        make(2, name="api", namespace="other", direct=True, nodes=nodes[:2])

    @classmethod
    def setUpClass(cls):
        """The runs that last as long as a lease go on beside the tests."""
        cls.ended = {}
        super().setUpClass()
        for name in ("cut-off", "mute"):
            cls.create(experiment(name, "lonely", "2s", pods_of(name, "lonely")))
        cls.create(experiment("dead", "lonely", "60s", pods_of("dead", "lonely")))
        cls.create(experiment("all", length="2s"))
        dead = f"{GROUP}/namespaces/lonely/experiments/dead"
        cls.cluster.wait_for(lambda: cls.cluster.api.must("GET", dead).get("status", {}).get("phase") == "during", 30, "dead")
        cls.cluster.api.must("DELETE", dead)

    @classmethod
    def start_agents(cls, *flags):
        super().start_agents("--deaf", CUT_OFF, "--silent", MUTE, *flags)

    def in_force(self, name, namespace="shop", victims=None):
        """Its status when it is, and the Injections that it has."""
        self.wait_phase(name, "during", namespace)
        status = self.status(name, namespace)
        if victims:
            self.assertEqual(status["victims"], victims, status)
        return status, self.injections(namespace, status["run"])

    def halt(self, name, namespace="shop"):
        path = f"{GROUP}/namespaces/{namespace}/experiments/{name}"
        self.cluster.api.must("PATCH", path, {"metadata": {"annotations": {"ordeal.dev/halt": "enough"}}}, content_type="merge")

    def scale(self, replicas):
        path = "/apis/apps/v1/namespaces/shop/deployments/web"
        self.cluster.api.must("PATCH", path, {"spec": {"replicas": replicas}}, content_type="merge")
        self.cluster.wait_for(lambda: len(self.cluster.running("shop", "app=web")) == replicas, 30, f"{replicas} pods of web")

    def lonely(self, name):
        """The last status of a run on a node that is cut off or mute; also after forget_the_lonely()."""
        if name not in self.ended:
            self.ended[name] = self.wait_complete(name, "lonely")
        return self.ended[name]

    def forget_the_lonely(self):
        """What they leave for a person stays in force as far as anybody knows, until that person deletes it."""
        for name in ("cut-off", "mute"):
            self.lonely(name)
            self.cluster.api("DELETE", f"{GROUP}/namespaces/lonely/experiments/{name}")
        self.cluster.wait_for(lambda: not self.injections("lonely"), 60, "the Injections of the lonely to go")

    def restart(self, pod, runtime="containerd"):
        """Its first container, as a kubelet tells of it."""
        first, *others = pod["status"]["containerStatuses"]
        first = {**first, "containerID": f"{runtime}://{secrets.token_hex(32)}", "restartCount": first["restartCount"] + 1}
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
        self.cluster.api.must("PATCH", path, {"status": {"containerStatuses": [first, *others]}}, content_type="merge")
        return first["containerID"]

    def tearDown(self):
        """Whatever failed, the Halt is released; and nothing but a person has engaged it."""
        engaged = self.cluster.api("DELETE", f"{GROUP}/halts/global")
        super().tearDown()
        self.assertEqual(engaged[0], 404, engaged)

    def words(self, argv, code, kubeconfig=None, **options):
        config = kubeconfig or self.cluster.kubeconfig
        done = subprocess.run([self.ordeal, *argv, "--kubeconfig", config], capture_output=True, text=True, timeout=60, **options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    # Scale and bookkeeping

    def test_chaos_mesh_4776_many_pods_are_hit_for_the_whole_length_and_no_record_is_left_waiting(self):
        status = self.wait_complete("all")
        self.assertEqual((status["victims"], status["injected"], status["reverted"]), (PODS, PODS, PODS), status)
        mine = self.injections(run=status["run"])
        self.assertEqual(len(mine), 50)
        shortest = min(impact["inForceMs"] for item in mine for impact in item["status"]["impacts"])
        self.assertGreater(shortest, 1900, "the length counts from when it is in force")
        self.assertEqual({item["status"]["state"] for item in mine}, {"reverted"})
        versions = lambda: {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in self.injections(run=status["run"])}
        self.cluster.wait_for(lambda: not self.finalizers(), 20, "the finalisers to go")
        before = versions()
        time.sleep(2)
        self.assertEqual(versions(), before, "nobody writes any more")
        late = self.lonely("mute")
        self.assertEqual(late["verdict"], "revert_failed", late)
        self.assertIn("not injected", late["reason"])
        self.assertIn(MUTE, late["reason"])

    def test_chaosblade_1279_each_node_answers_for_itself(self):
        run = self.wait_complete("all")["run"]
        for item in self.injections(run=run):
            self.assertEqual(item["status"]["agent"], "simulated/" + item["spec"]["node"])
            self.assertEqual({impact["id"] for impact in item["status"]["impacts"]},
                             {impact["id"] for impact in item["spec"]["impacts"]})

    def test_chaos_mesh_3303_it_is_said_which_pod_was_hit_and_which_is_back(self):
        self.create(experiment("which", length="1s", target=pods_of("api", count=3)))
        status = self.wait_complete("which")
        victims = {impact["victim"]["pod"] for item in self.injections(run=status["run"]) for impact in item["spec"]["impacts"]}
        said = {kind: {event["data"]["victim"].split("/")[-1] for event in self.record(status["run"]) if event.get("type") == kind}
                for kind in ("inject", "reverted")}
        self.assertEqual(said, {"inject": victims, "reverted": victims})

    # What is hit

    def test_chaos_mesh_1509_nothing_outside_the_namespace_of_the_experiment(self):
        self.create(experiment("beyond", target=pods_of("api", "other")))
        status = self.wait_complete("beyond")
        self.assertEqual(status["verdict"], "refused", status)
        self.assertIn("other", status["reason"])
        self.assertEqual(self.injections("other"), [])

    def test_litmus_go_408_a_missing_target_is_never_replaced_and_no_pod_is_hit_twice(self):
        named = {"type": "kubernetes", "namespace": "shop", "name": ["api-00001", "nobody"]}
        self.create(experiment("missing", target=named))
        status = self.wait_complete("missing")
        self.assertIn(status["verdict"], ("refused", "not_injected"), status)
        self.assertIn("nobody", status["reason"])
        self.assertNotIn("run", status)
        wrong = experiment("too-much", target=pods_of("api", percentage=120))
        self.assertEqual(self.cluster.api("POST", f"{GROUP}/namespaces/shop/experiments", wrong)[0], 422)
        hit = [impact["victim"]["uid"] for item in self.injections(run=self.wait_complete("all")["run"])
               for impact in item["spec"]["impacts"]]
        self.assertEqual((len(hit), len(set(hit))), (PODS, PODS))

    def test_chaos_mesh_1227_a_service_is_a_target(self):
        self.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "front", "namespace": "shop"},
                            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
        self.create(experiment("service", length="1s", target={"type": "kubernetes", "namespace": "shop", "workload": "service/front"}))
        run = self.wait_complete("service")["run"]
        hit = {impact["victim"]["pod"] for item in self.injections(run=run) for impact in item["spec"]["impacts"]}
        self.assertEqual(hit, {pod["metadata"]["name"] for pod in self.cluster.pods("shop", "app=web")})

    def test_chaos_mesh_3249_one_container_of_a_pod(self):
        self.create(experiment("one", length="1s", target=pods_of("two", container="side"), attack={"type": "cpu"}))
        run = self.wait_complete("one")["run"]
        hit = [impact["victim"] for item in self.injections(run=run) for impact in item["spec"]["impacts"]]
        ids = {status["containerID"] for pod in self.cluster.pods("shop", "app=two") for status in pod["status"]["containerStatuses"]
               if status["name"] == "side"}
        self.assertEqual({victim["container"] for victim in hit}, {"side"})
        self.assertEqual({victim["containerID"].split("//")[-1] for victim in hit}, {each.split("//")[-1] for each in ids})

    def test_chaos_mesh_3683_no_runtime_is_configured(self):
        ids = [self.restart(pod, runtime) for pod, runtime in zip(self.cluster.pods("shop", "app=two"), ("docker", "cri-o"))]
        self.create(experiment("runtimes", length="1s", target=pods_of("two", container="app"), attack={"type": "cpu"}))
        run = self.wait_complete("runtimes")["run"]
        hit = [impact["victim"]["containerID"] for item in self.injections(run=run) for impact in item["spec"]["impacts"]]
        self.assertEqual(set(hit), {each.split("//")[1] for each in ids})

    def test_chaos_mesh_4026_ports_reach_every_agent(self):
        attack = {"type": "latency", "args": {"delay": "50ms", "protocol": "tcp", "port": "5432,6379"}}
        self.create(experiment("ports", length="1s", target=pods_of("api", count=5), attack=attack))
        run = self.wait_complete("ports")["run"]
        ports = [impact["attack"]["args"]["port"] for item in self.injections(run=run) for impact in item["spec"]["impacts"]]
        self.assertEqual(ports, [["5432", "6379"]] * 5)

    def test_chaos_mesh_1338_pods_that_appear_are_taken_in(self):
        self.create(experiment("follows", length="60s", target=pods_of("web", follow=True)))
        _, before = self.in_force("follows", victims=6)
        self.addCleanup(self.scale, 6)
        self.scale(8)
        self.cluster.wait_for(lambda: self.status("follows").get("injected") == 8, 20, "the newcomers to be hit")
        gone = before[0]["spec"]["impacts"][0]["victim"]["pod"]
        self.cluster.api.must("DELETE", f"/api/v1/namespaces/shop/pods/{gone}")
        self.cluster.wait_for(lambda: self.status("follows").get("injected") == 9, 20, "what replaces it to be hit")
        self.halt("follows")
        status = self.wait_complete("follows")
        self.assertEqual((status["verdict"], status["victims"], status["reverted"]), ("halted", 9, 9), status)

    def test_chaos_mesh_1338_a_container_that_is_restarted_is_hit_again(self):
        self.create(experiment("again", length="60s", target=pods_of("two", container="app", follow=True), attack={"type": "cpu"}))
        status, _ = self.in_force("again", victims=2)
        another = self.restart(self.cluster.pods("shop", "app=two")[0])
        self.cluster.wait_for(lambda: self.status("again").get("injected") == 3, 20, "the new container to be hit")
        hit = [impact["victim"]["containerID"] for item in self.injections(run=status["run"]) for impact in item["spec"]["impacts"]]
        self.assertIn(another.split("//")[1], hit)
        self.halt("again")
        self.assertEqual(self.wait_complete("again")["reverted"], 3)

    def test_chaos_mesh_179_below_the_floor_it_stops(self):
        policy = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ordeal-config", "namespace": "ordeal"}}
        self.addCleanup(self.cluster.apply, {**policy, "data": {"config.yaml": POLICY}})
        self.addCleanup(self.scale, 6)
        self.cluster.apply({**policy, "data": {"config.yaml": FLOOR}})
        self.create(experiment("floor", length="60s", target=pods_of("web", count=1)))
        self.in_force("floor")
        self.scale(3)
        status = self.wait_complete("floor")
        self.assertEqual((status["verdict"], status["injected"], status["reverted"]), ("halted", 1, 1), status)
        self.assertIn("min_running", status["reason"])

    # What ends it

    def test_chaos_mesh_2521_deletion_never_hangs_on_a_dead_agent(self):
        self.assertEqual(self.cluster.api("GET", f"{GROUP}/namespaces/lonely/experiments/dead")[0], 404)
        left = lambda: [item for item in self.injections("lonely") if item["spec"]["experiment"] == "dead"]
        self.cluster.wait_for(lambda: not left(), 60, "its Injections to go without an agent")

    def test_chaos_mesh_1506_deleted_while_it_is_injected_nothing_stays(self):
        self.create(experiment("early", length="60s"))
        early = lambda: [item for item in self.injections() if item["spec"]["experiment"] == "early"]
        self.cluster.wait_for(early, 20, "the first", 0.01)
        self.cluster.api.must("DELETE", f"{GROUP}/namespaces/shop/experiments/early")
        held = lambda: [item for item in early() if item["metadata"].get("finalizers") or item["status"]["state"] != "reverted"]
        self.cluster.wait_for(lambda: not held(), 45, "all to be reverted and let go")  # a lease, and what a busy machine takes
        # Kubernetes' collector hears of a new kind up to half a minute late.
        self.cluster.wait_for(lambda: not early(), 60, "its Injections to go")

    def test_chaosblade_131_what_is_not_confirmed_is_not_called_reverted(self):
        status = self.lonely("cut-off")
        self.assertEqual((status["verdict"], status["exit"]), ("revert_failed", 6), status)
        self.assertEqual(self.condition(status, "Reverted")["status"], "Unknown")
        self.assertIn(CUT_OFF, self.condition(status, "Reverted")["message"])

    def test_litmus_2662_a_run_ends_although_its_agent_cannot_be_reached(self):
        status = self.lonely("cut-off")
        self.assertEqual(status["phase"], "done")
        self.assertEqual(self.condition(status, "Complete")["status"], "True")

    def test_chaosd_207_one_word_reverts_everything_and_nothing_comes_back(self):
        self.forget_the_lonely()
        self.create(experiment("first", length="60s", target=pods_of("api", count=20)))
        self.create(experiment("second", "other", "60s", pods_of("api", "other")))
        self.in_force("first")
        self.in_force("second", "other")
        self.words(["halt", "--cluster", "--reason", "a drill"], 0)
        held = [item["status"]["state"] for item in self.injections("shop") + self.injections("other")]
        self.assertEqual(set(held), {"reverted"}, "all of it by the time that the word is over")
        self.assertEqual({self.wait_complete("first")["verdict"], self.wait_complete("second", "other")["verdict"]}, {"halted"})
        self.create(experiment("too-early"))
        self.assertIn("a drill", self.wait_complete("too-early")["reason"])
        self.words(["resume", "--cluster"], 0)
        status = self.cluster.wait_for(self.begins, 20, "a run once the controller has heard of it", 0.2)
        self.assertEqual(len(self.injections(run=status["run"])), 1)

    def begins(self):
        """The status of a small run, unless it was refused."""
        name = f"later-{secrets.token_hex(4)}"
        self.create(experiment(name, length="1s", target=pods_of("api", count=1)))
        status = self.wait_complete(name)
        return status["verdict"] != "refused" and status

    def test_litmus_2359_a_killed_agent_leaves_nothing_in_force_and_it_is_said(self):
        self.create(experiment("killed", length="60s", target=pods_of("api", count=5)))
        _, mine = self.in_force("killed")
        self.cluster.processes["agents"].send_signal(signal.SIGUSR1)
        status = self.wait_complete("killed")
        self.assertEqual((status["verdict"], status["reverted"]), ("error", 5), status)
        self.assertIn("the agent was killed", status["reason"])
        self.assertEqual(len(self.injections(run=status["run"])), len(mine), "and nothing is injected again")

    def test_litmus_3704_after_the_halt_nobody_is_hit(self):
        self.create(experiment("war-game", length="60s", target=pods_of("web", follow=True)))
        status, mine = self.in_force("war-game")
        self.addCleanup(self.scale, 6)
        began = now()
        self.halt("war-game")
        self.cluster.wait_for(lambda: self.status("war-game")["renewal"]["stop"], 5, "the stop", 0.01)
        self.scale(8)
        ended = self.wait_complete("war-game")
        self.assertLess(now() - began, 10)
        self.assertEqual((ended["verdict"], ended["reverted"]), ("halted", 6), ended)
        time.sleep(1)
        self.assertEqual(len(self.injections(run=status["run"])), len(mine), "newcomers are left alone")

    def test_litmus_3253_an_abort_is_written_at_once_and_nothing_is_renewed_after_it(self):
        self.create(experiment("aborted", length="60s", target=pods_of("api", count=50)))
        before, mine = self.in_force("aborted")
        began = now()
        self.halt("aborted")
        self.cluster.wait_for(lambda: self.status("aborted")["renewal"]["stop"], 5, "the stop", 0.01)
        self.assertLess(now() - began, 1)
        count = self.status("aborted")["renewal"]["count"]
        status = self.wait_complete("aborted")
        self.assertEqual((status["renewal"]["count"], status["reverted"]), (count, 50), status)
        self.assertLessEqual(count, before["renewal"]["count"] + 1)
        self.assertEqual(len(self.injections(run=status["run"])), len(mine))

    # Who may

    def test_chaos_mesh_4787_rights_in_one_namespace_are_enough(self):
        api = self.cluster
        api.apply([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tenant", "namespace": "shop"}},
                   accounts.binding("tenant", "ordeal-experimenter", [accounts.account("tenant", "shop")], "shop", "ClusterRole")])
        tenant = accounts.kubeconfig(api, "tenant", namespace="shop")
        file = Path(api.folder, "tenant.json")
        file.write_text(json.dumps(experiment("tenant", length="1s", target=pods_of("api", count=2))))
        said = self.words(["run", "--cluster", "-n", "shop", str(file), "--state-dir", api.folder + "/state"], 4, tenant)
        self.assertIn("inconclusive", said.lower())
        self.assertNotIn("forbidden", said)
        self.assertIn("shop/tenant", self.words(["list", "--cluster", "-n", "shop"], 0, tenant))
        self.words(["report", "--cluster", "-n", "shop", "last"], 0, tenant)


if __name__ == "__main__":
    skip_without("kubectl")
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
