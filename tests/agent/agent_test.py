#!/usr/bin/env python3
"""agent_test.py --build DIR [TEST…]: the agent of a node against a real API server, as root. Everything that may end an impact
ends it; nothing else does; and what the agent writes is what has happened."""
import contextlib
import os
import sys
import time

from agent_case import AgentCase, accounts, main
from node_lab import (HALT, KILLER, LEASE, NODE, OURS, PAUSE, Agent, Cgroup, attack, now, read, remove_pod, start, stop,
                      wait_until)


class AgentTest(AgentCase):
    def test_a_run_from_its_injection_to_its_finaliser(self):
        _, run = self.in_force()
        print(f"made to injected: {now() - run.made:.3f} s")
        conditions = {at["type"]: at["status"] for at in run.status()["conditions"]}
        self.assertEqual(conditions, {"Injected": "True", "Reverted": "False"})
        self.assertTrue(run.impact()["steps"])
        time.sleep(LEASE + 1.5)  # renewed meanwhile
        self.assertTrue(self.slow())
        stopped = run.stop()
        print(f"stop to normal traffic: {self.normal_within(stopped, 0.5):.3f} s")
        status = self.ends(run, "", "the attack is over")
        impact = status["impacts"][0]
        self.assertEqual((impact["state"], impact.get("clean", True), impact["proof"]["proven"]), ("reverted", True, True))
        self.assertGreater(impact["inForceMs"], LEASE * 1000)
        self.assertEqual({at["type"]: at["status"] for at in status["conditions"]}, {"Injected": "True", "Reverted": "True"})
        self.assertGreater(status["renewal"], 2)

    def test_without_renewals_the_lease_ends_it(self):
        _, run = self.in_force()
        silent = run.silence()
        self.normal_within(silent, LEASE + 1)
        self.ends(run, "lease", "no renewal within 3s")

    def test_the_end_of_the_experiment_ends_it(self):
        _, run = self.in_force()
        run.silence()
        deleted = now()
        run.api.must("DELETE", run.experiment_path)
        self.normal_within(deleted, 0.5)
        self.assertIsNotNone(run.released())
        self.assertIsNotNone(wait_until(lambda: run.injection() is None, 20, 0.05), "the Injection is still there")

    def test_the_deletion_of_the_injection_ends_it(self):
        _, run = self.in_force()
        deleted = now()
        run.api.must("DELETE", run.injection_path)
        self.normal_within(deleted, 0.5)
        self.assertIsNotNone(wait_until(lambda: run.injection() is None, 10, 0.05), "the Injection is still there")

    def test_the_halt_ends_it_and_lets_nothing_begin(self):
        _, run = self.in_force()
        halted = now()
        self.lab.cluster.apply(HALT)
        try:
            self.normal_within(halted, 0.5)
            self.ends(run, "latch", "a drill (by eve)")
            second = self.run_of()
            self.ends(second, "latch", "a drill")
            self.assertEqual(second.impact()["state"], "failed")
        finally:
            self.lab.cluster.delete(HALT)
        third = self.run_of()
        third.becomes("injected")

    def test_an_api_server_that_is_cut_off_or_silent_ends_it_within_the_lease(self):
        for cut in ("stop", "stall"):
            with self.subTest(cut):
                proxy = self.lab.proxy()
                agent, run = self.in_force(kubeconfig=proxy.kubeconfig)
                getattr(proxy, cut)()
                gone = now()
                self.normal_within(gone, LEASE + 1)
                self.assertEqual(run.status()["state"], "injected")  # nobody could tell
                proxy.resume()
                self.ends(run, "lease", "no renewal within")
                self.assertEqual(agent.stop(), 0)

    def test_a_killed_agent_leaves_nothing_and_begins_nothing_again(self):
        agent, run = self.in_force()
        killed = agent.kill()
        self.normal_within(killed, 0.2)
        agent.start()
        status = self.ends(run, "error", "the agent was restarted")
        self.assertEqual(status["impacts"][0]["state"], "reverted")
        self.assertFalse(self.slow())

    def test_sigterm_reverts_tells_and_releases(self):
        agent, run = self.in_force()
        told = now()
        self.assertEqual(agent.stop(), 0)
        self.assertLess(now() - told, 5)
        self.normal_within(told, 0.5)
        self.ends(run, "error", "told to end")

    def test_sigterm_does_not_wait_for_a_server_that_is_away(self):
        proxy = self.lab.proxy()
        agent, run = self.in_force(kubeconfig=proxy.kubeconfig)
        proxy.stop()
        told = now()
        agent.process.terminate()
        self.normal_within(told, 0.5)
        self.assertEqual(agent.process.wait(15), 0)
        self.assertLess(now() - told, 13)
        proxy.resume()
        agent.start()  # what was left unsaid is said by the next one
        self.ends(run, "error", "the agent was restarted")

    def test_a_lost_guard_is_told_as_broken(self):
        _, run = self.in_force()
        lost = now()
        for pid in self.lab.processes_of("--guard"):
            os.kill(pid, 9)
        self.normal_within(lost, 0.3)
        status = self.ends(run, "error", "the guard ended unexpectedly")
        self.assertTrue(status["impacts"][0]["broken"])

    def test_a_victim_that_becomes_protected_ends_it(self):
        self.lab.set_policy("protected: {labels: {keep: always}}")
        _, run = self.in_force()
        pod = "/api/v1/namespaces/shop/pods/api-00000"
        self.lab.cluster.api.must("PATCH", pod, {"metadata": {"labels": {"keep": "always"}}}, content_type="merge")
        try:
            self.normal_within(now(), LEASE / 3 + 1)
            self.ends(run, "error", "protected.labels lists keep=always")
        finally:
            self.lab.cluster.api.must("PATCH", pod, {"metadata": {"labels": {"keep": None}}}, content_type="merge")

    def test_a_second_agent_of_the_node_waits_for_the_first(self):
        first, run = self.in_force()
        second = Agent(self.lab)
        second.state = first.state
        self.agents.append(second)
        second.start(wait=False)
        time.sleep(1)
        self.assertTrue(self.slow())
        self.assertEqual(run.status()["state"], "injected")
        self.assertEqual(first.stop(), 0)
        self.ends(run, "error", "told to end")
        self.run_is_served_by(second)

    def run_is_served_by(self, agent):
        self.assertIsNotNone(wait_until(agent.watches, 20, 0.02), read(agent.log))
        run = self.run_of()
        run.becomes("injected")

    def test_an_agent_never_says_reverted_before_what_a_killed_one_left_is_undone(self):
        agent, run = self.in_force(attack=PAUSE)
        stopped = [pid for role in ("--reaper", "--standby", "--guard") for pid in self.lab.processes_of(role)]
        for pid in stopped:
            os.kill(pid, 19)
        agent.kill()
        agent.start(wait=False)
        try:
            end = time.monotonic() + 2
            while time.monotonic() < end:
                reverted = run.status()["state"] == "reverted"
                self.assertFalse(reverted and self.lab.victim_cgroup.frozen())
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 18)
        status = self.ends(run, "error", "the agent was restarted")
        self.assertTrue(status["impacts"][0].get("clean", True))
        self.assertFalse(self.lab.victim_cgroup.frozen())

    def test_a_policy_that_becomes_stricter_ends_it(self):
        _, run = self.in_force()
        self.lab.set_policy("protected: {labels: {app: api}}")
        run.becomes("reverted", LEASE / 3 + 2)
        self.assertIn("protected.labels lists app=api", run.impact()["why"])

    def test_a_forged_injection_is_refused_by_what_the_agent_reads_itself(self):
        self.agent()
        for policy, rule in (("{labels: {app: api}}", "protected.labels lists app=api"),
                             ("{namespaces: [shop]}", 'protected.namespaces lists "shop"')):
            self.lab.set_policy(f"protected: {policy}")
            protected = self.run_of()
            self.ends(protected, "", "")
            self.assertEqual((protected.impact()["state"], protected.impact()["code"]), ("failed", "refused"))
            self.assertIn(rule, protected.impact()["error"])
        self.lab.set_policy("caps: {max_targets: 10}")
        other = {"kind": "pod", "namespace": "shop", "pod": "api-00000", "uid": "another"}
        replaced = self.run_of(victim=other)
        replaced.becomes("reverted")
        self.assertIn("was replaced", replaced.impact()["error"])
        stranger = self.run_of(uid="another")
        stranger.becomes("reverted")
        self.assertIn("is another one of that name", stranger.status()["why"])
        nameless = self.run_of(run="../../x")
        nameless.becomes("reverted")
        self.assertIn("spec.run", nameless.impact()["error"])
        self.assertEqual(self.lab.processes_of("--guard"), [])

    def test_without_its_policy_nothing_is_allowed(self):
        self.agent()
        self.lab.cluster.api.must("DELETE", f"/api/v1/namespaces/{OURS}/configmaps/ordeal-config")
        run = self.run_of()
        run.becomes("reverted")
        self.assertEqual(run.impact()["code"], "refused")
        self.assertIn("which policy applies is not known", run.impact()["error"])

    def test_a_one_way_attack_waits_for_go(self):
        self.agent()
        run = self.run_of(attack=KILLER, waits_for_go=True)
        run.becomes("checked")
        time.sleep(0.5)
        self.assertEqual(self.lab.victim.alive(), [True, True])
        run.renew(go=True)
        self.assertIsNotNone(wait_until(lambda: self.lab.victim.idle.poll() is not None, 5, 0.01))
        run.becomes("reverted")
        self.assertIn("killed", run.impact()["proof"]["lasting"])

    def test_one_container_of_the_pod(self):
        victim = {"kind": "container", "namespace": "shop", "pod": "api-00000", "uid": self.lab.uid,
                  "container": self.lab.pod["spec"]["containers"][0]["name"], "containerID": self.lab.container_id}
        _, run = self.in_force(attack=PAUSE, victim=victim)
        self.assertTrue(self.lab.victim_cgroup.frozen())
        run.stop()
        self.ends(run, "", "the attack is over")

    def test_a_node_is_loaded_though_ordeals_own_pods_are_on_it(self):
        cluster = self.lab.cluster
        cluster.make_pods(1, name="own", namespace=OURS, labels={"app.kubernetes.io/name": "ordeal"}, direct=True, nodes=[NODE])
        (own,) = cluster.pods(OURS)
        self.addCleanup(cluster.api.must, "DELETE", f"/api/v1/namespaces/{OURS}/pods/{own['metadata']['name']}")
        path = f"/kubepods/besteffort/pod{own['metadata']['uid']}"
        inside = Cgroup(f"{path}/{'e' * 64}", ["unified", "freezer", "cpu", "cpuacct", "systemd", "pids"])
        self.addCleanup(remove_pod, path)
        sleeper = start(["sleep", "100"], [inside])
        self.addCleanup(stop, sleeper)
        self.lab.set_policy(f"cross_namespace: true\nprotected: {{namespaces: [{OURS}]}}")
        self.agent(in_pod=False)
        uid = cluster.api.must("GET", f"/api/v1/nodes/{NODE}")["metadata"]["uid"]
        node = {"kind": "node", "uid": uid}
        run = self.run_of(attack=attack("cpu", percent=5), victim=node)
        run.becomes("injected")
        time.sleep(1.5)
        run.stop()
        self.ends(run, "", "the attack is over")
        self.assertTrue(run.impact()["proof"]["proven"], run.impact())

        self.lab.set_policy("cross_namespace: true\nprotected: {namespaces: [shop]}")
        refused = self.run_of(attack=attack("cpu", percent=5), victim=node)
        refused.becomes("reverted")
        self.assertEqual(refused.impact()["code"], "refused")
        self.assertIn("the pod shop/api-00000 is on it", refused.impact()["error"])

    def test_this_hosts_latch_binds_the_agent(self):
        agent, run = self.in_force()
        halted = now()
        done = self.lab.command("halt", "--state-dir", agent.state, "--reason", "on the host")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.normal_within(halted, 0.5)
        self.ends(run, "latch", "on the host")
        second = self.run_of()
        second.becomes("reverted")
        self.assertEqual(second.impact()["code"], "refused")

    def test_an_agent_without_rights_says_so_and_ends(self):
        cluster = self.lab.cluster
        kubeconfig = cluster.token_kubeconfig(self.lab.folder + "/none.kubeconfig", cluster.token("default"))
        agent = Agent(self.lab, kubeconfig=kubeconfig).start(wait=False)
        self.assertEqual(agent.process.wait(5), 3, read(agent.log))
        self.assertIn("forbidden", read(agent.log))

    def test_at_rest_it_costs_almost_nothing(self):
        agent, run = self.in_force()
        run.stop()
        self.ends(run, "", "the attack is over")
        time.sleep(2)
        seconds = float(os.environ.get("ORDEAL_AGENT_REST_SECONDS", "20"))

        def cpu():
            fields = read(f"/proc/{agent.process.pid}/stat").rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])  # hundredths of a second

        began = cpu()
        time.sleep(seconds)
        percent = (cpu() - began) / seconds
        if "ORDEAL_AGENT_MAPPINGS" in os.environ:
            print(read(f"/proc/{agent.process.pid}/smaps"))
        sizes = dict(line.split(":") for line in read(f"/proc/{agent.process.pid}/smaps_rollup").splitlines()[1:])
        pss = int(sizes["Pss"].split()[0]) / 1024
        print(f"at rest over {seconds:.0f} s: {percent:.3f} % CPU, PSS {pss:.1f} MiB "
              f"(of its own: {sum(int(sizes[key].split()[0]) for key in ('Private_Clean', 'Private_Dirty')) / 1024:.1f} MiB)")
        self.assertLessEqual(percent, 0.05 + 1 / seconds)  # one tick may fall into it
        self.assertLess(pss, 8)

    def test_zz_every_right_of_the_agent_is_used(self):
        """The last by its name, of all that the others have made it ask."""
        if len(sys.argv) > 3:
            self.skipTest("only after all others")
        only_after_a_clash = {("get", "ordeal.dev/injections")}
        self.assertLessEqual(set(accounts.Asked(self.lab.cluster).unused("ordeal-agent")), only_after_a_clash)


if __name__ == "__main__":
    main()
