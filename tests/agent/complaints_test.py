#!/usr/bin/env python3
"""complaints_test.py --build DIR [TEST…]: what users of other tools complain of and only the agent of a node can show, each
a test named after its thread; as root. Those of a whole cluster are in tests/cluster/complaints_test.py."""
import contextlib
import json
import os
import subprocess
import time

from agent_case import SLACK, AgentCase, main
from lab import traces
from lab.cgroups import Cgroup
from lab.processes import start, stop, tool
from lab.victim import DELAY, NORMAL, PORT, VICTIM_ADDRESS, Victim
from node_lab import NODE, PAUSE, attack, now, read, remove_pod, wait_until

HIERARCHIES = ["unified", "freezer", "cpu", "cpuacct", "systemd", "pids"]
CUT_OFF = attack("packet_loss", percent=100, port=PORT, protocol="udp")
HALF_A_CORE = attack("cpu", percent=50)
SANDBOX, NEXT, OF_CRIO = ("5" * 64, "6" * 64, "c" * 64)  # containers
SIXTH = "fd00:197::"  # of IP version 6


def seconds_used(cgroup):
    """Of CPUs, by the kernel's account of the cgroup."""
    for folder in cgroup.folders:
        if os.path.exists(f"{folder}/cpuacct.usage"):
            return int(read(f"{folder}/cpuacct.usage")) / 1e9
    return next(int(line.split()[1]) / 1e6 for folder in cgroup.folders for line in read(f"{folder}/cpu.stat").splitlines()
                if line.startswith("usage_usec"))


class Complaints(AgentCase):
    @contextlib.contextmanager
    def container(self, path, argv, names=HIERARCHIES):
        """One more, at a path of cgroups, in the pod's network."""
        cgroup = Cgroup(path, names)
        process = start(argv, [cgroup], self.lab.victim_ns)
        try:
            yield cgroup
        finally:
            stop(process)
            cgroup.remove()

    @contextlib.contextmanager
    def next_container(self):
        """What a kubelet starts in the place of the one that has died."""
        cgroup = Cgroup(f"{self.lab.pod_path}/{NEXT}", HIERARCHIES)
        victim = Victim(self.lab, cgroup)
        try:
            victim.ensure()
            yield
        finally:
            victim.stop()
            cgroup.remove()

    def crashes(self):
        self.lab.victim_cgroup.kill()
        self.lab.victim.stop()

    def cut_off(self):
        at = now()
        time.sleep(2 * NORMAL)
        return all(took is None for _, took in self.lab.stream.sent_between(at, at + NORMAL))

    def round_trip(self, address):
        """The median, in seconds."""
        argv = [os.path.dirname(self.lab.echo) + "/net_probe", "udp", address, str(PORT), "100", "0.2"]
        return json.loads(tool("nsenter", f"--net=/run/netns/{self.lab.client_ns}", "--", *argv))["rtt_p50"] / 1000

    def loads_half_a_core(self, cgroup, **victim):
        Cgroup("/".join(cgroup.path.split("/")[:3]), ["unified", "cpu"]).prefer()  # before whatever else this machine does
        _, run = self.in_force(attack=HALF_A_CORE, **victim)
        began, used = now(), seconds_used(cgroup)
        time.sleep(2)
        self.assertAlmostEqual((seconds_used(cgroup) - used) / (now() - began), 0.5, delta=0.05)
        run.stop()
        impact = self.ends(run, "", "the attack is over")["impacts"][0]
        self.assertTrue(impact["proof"]["proven"], impact)
        used = seconds_used(cgroup)
        time.sleep(0.5)
        self.assertLess(seconds_used(cgroup) - used, 0.05, "and nothing goes on")

    def test_chaos_mesh_4827_what_comes_after_a_crash_is_not_left_cut_off(self):
        before = traces.fingerprint(self.lab, rules=True)
        with self.container(f"{self.lab.pod_path}/{SANDBOX}", ["sleep", "1000"]):
            _, run = self.in_force(attack=CUT_OFF)
            self.assertTrue(self.cut_off())
            self.crashes()
            with self.next_container():
                self.normal_within(now(), 0.5)
                run.becomes("reverted")
                self.assertEqual(run.impact()["state"], "gone", run.status())
                self.assertIsNotNone(run.released())
                self.assertIsNotNone(wait_until(lambda: not self.lab.processes_of("--guard"), 5))
                self.assertEqual(traces.differences(before, traces.fingerprint(self.lab, rules=True)), [])

    def test_chaosblade_485_a_container_that_is_gone_is_told_while_the_run_goes_on(self):
        _, run = self.in_force()
        self.crashes()
        self.assertIsNotNone(wait_until(lambda: run.impact().get("state") == "gone", 5, 0.02), run.status())
        self.assertIsNotNone(run.released())

    def test_chaosblade_1281_the_eviction_of_the_agents_own_pod_spares_the_reaper_which_undoes(self):
        agent, run = self.in_force(attack=PAUSE)
        self.assertTrue(self.lab.victim_cgroup.frozen())
        reapers = self.lab.processes_of("--reaper") + self.lab.processes_of("--standby")
        self.assertEqual(len(reapers), 2)
        for pid in reapers:
            self.assertNotIn("kubepods", read(f"/proc/{pid}/cgroup"))
        ended = agent.everything_ends()
        at = wait_until(lambda: not self.lab.victim_cgroup.frozen(), 5)
        self.assertIsNotNone(at, "still frozen")
        self.assertLess(at - ended, 1 + SLACK)
        agent.start()
        self.ends(run, "error", "the agent was restarted")

    def test_litmus_3902_a_load_is_measured_in_the_cgroup_of_whom_it_hits(self):
        self.loads_half_a_core(Cgroup(self.lab.pod_path, HIERARCHIES))

    def test_chaos_mesh_1495_3683_a_container_of_cri_o_under_systemd_and_a_part_of_the_controllers(self):
        cluster = self.lab.cluster
        cluster.make_pods(1, name="crio", namespace="shop", direct=True, nodes=[NODE])
        pod, path = cluster.pods("shop", "app=crio")[0], "/api/v1/namespaces/shop/pods/crio-00000"
        self.addCleanup(cluster.api, "DELETE", path)
        states = [{**pod["status"]["containerStatuses"][0], "containerID": f"cri-o://{OF_CRIO}"}]
        cluster.api.must("PATCH", path + "/status", {"status": {"containerStatuses": states}}, content_type="merge")
        uid = pod["metadata"]["uid"]
        folder = f"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid.replace('-', '_')}.slice"
        self.addCleanup(remove_pod, folder)
        victim = {"kind": "container", "namespace": "shop", "pod": "crio-00000", "uid": uid, "container": states[0]["name"],
                  "containerID": OF_CRIO}
        with self.container(f"{folder}/crio-{OF_CRIO}.scope", ["sleep", "1000"], ["unified", "cpu", "cpuacct"]) as cgroup:
            self.loads_half_a_core(cgroup, victim=victim)

    def test_chaos_mesh_3425_both_versions_of_ip_are_hit(self):
        for namespace, host in ((self.lab.victim_ns, "2"), (self.lab.client_ns, "1")):
            address = [SIXTH + host + "/64", "dev", "eth0"]
            tool("ip", "-n", namespace, "address", "add", *address, "nodad")
            self.addCleanup(tool, "ip", "-n", namespace, "address", "del", *address)
        echo = start([self.lab.echo, SIXTH + "2", str(PORT)], [self.lab.victim_cgroup], self.lab.victim_ns, stdout=subprocess.PIPE)
        self.addCleanup(echo.stdout.close)
        self.addCleanup(stop, echo)
        echo.stdout.readline()
        both = lambda: [self.round_trip(address) for address in (VICTIM_ADDRESS, SIXTH + "2")]
        self.assertLess(max(both()), NORMAL)
        _, run = self.in_force()
        self.assertGreater(min(both()), 0.9 * DELAY)
        run.stop()
        self.ends(run, "", "the attack is over")
        self.assertLess(max(both()), NORMAL)


if __name__ == "__main__":
    main()
