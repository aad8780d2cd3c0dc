"""Several attacks in one experiment, pulses and ramps, on a container of the test's own, as root. What was in force when is
measured at its packets and its CPU time, from outside."""
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab
from lab import Lab, Run, kill, now, read, start, wait_until  # noqa: E402
from lab.cgroups import hierarchies  # noqa: E402

BUILD = os.path.dirname(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/release/ordeal"))
AT_ONCE = 3
EXPECT = [{"name": "beside", "probe": {"command": ["/bin/true"]}, "condition": "result == 0"}]
LOAD = {"type": "cpu", "args": {"cores": 1, "percent": 20}}
SLOW = {"type": "latency", "args": {"delay": "200ms", "port": 7000}}


def at(event, name="boot_ns"):
    return event[name] / 1e9


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Combined(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(BUILD)
        cls.lab.victim.ensure()
        cls.stream = cls.lab.open_stream()

    @classmethod
    def tearDownClass(cls):
        cls.lab.close()

    def setUp(self):
        self.lab.victim.ensure()

    def experiment(self, *attacks, **more):
        return {"name": "combined", "target": self.lab.target(), "baseline": "300ms", "recovery": "3s", "seed": 1,
                "min_events": 5, "expect": EXPECT, **({"attacks": list(attacks)} if attacks else {}), **more}

    def start(self, experiment):
        run = Run(self.lab, experiment)
        self.addCleanup(run.end)
        return run

    def run_to_the_end(self, experiment, code=0):
        run = self.start(experiment)
        self.assertEqual(run.wait(60), code, run.text()[-3000:])
        return run

    def ordeal(self, run, *words):
        return subprocess.run([f"{BUILD}/ordeal", *words, "--state-dir", run.state], capture_output=True, text=True, timeout=30)

    def spans(self, run, part=None):
        """(begin, end, part) of all that was in force, as the guard says."""
        names = {event["data"]["impact"]: event["data"]["part"] for event in run.events() if event["type"] == "inject"}
        spans = [(at(event["data"], "applied_boot_ns"), at(event["data"], "reverted_boot_ns"), names[event["data"]["impact"]])
                 for event in run.events() if event["type"] == "reverted"]
        return sorted(span for span in spans if part in (None, span[2]))

    def medians(self, begin, end):
        took = [took for _, took in self.stream.sent_between(begin, end) if took is not None]
        self.assertGreater(len(took), 20)
        return statistics.median(took)

    def cpu_time(self):
        for mount in hierarchies(["cpuacct"]):
            used = read(f"{mount}{self.lab.victim_cgroup.path}/cpuacct.usage")
            if used:
                return int(used) / 1e9
        lines = read(f"{hierarchies(['unified'])[0]}{self.lab.victim_cgroup.path}/cpu.stat").split()
        return int(lines[1]) / 1e6

    def test_two_at_once_are_proven_each_and_plan_and_reports_show_both(self):
        experiment = self.experiment({"attack": LOAD, "length": "6s"},
                                     {"name": "slow", "attack": SLOW, "at": "2s", "length": "4s"})
        run = self.start(experiment)
        run.wait_injected()
        before, begin = self.cpu_time(), now()
        time.sleep(4)
        busy = (self.cpu_time() - before) / (now() - begin)
        self.assertEqual(run.wait(60), 0, run.text()[-3000:])
        self.assertGreater(busy, 0.1, "a fifth of a core is burned")
        (load,), (slow,) = self.spans(run, "cpu"), self.spans(run, "slow")
        self.assertAlmostEqual(load[1] - load[0], 6, delta=0.5)
        self.assertAlmostEqual(slow[0] - load[0], 2, delta=0.5)
        self.assertLess(self.medians(load[0] + 0.2, slow[0] - 0.2), 0.1)
        self.assertGreater(self.medians(slow[0] + 0.2, slow[1] - 0.4), 0.19)
        proofs = {event["data"]["part"]: event["data"]["proven"] for event in run.events() if event["type"] == "proof"}
        self.assertEqual(proofs, {"cpu": True, "slow": True})
        parts = run.event("run")["data"]["parts"]
        self.assertEqual([(part["name"], part["attack"], part["at_ms"]) for part in parts],
                         [("cpu", "cpu", 0), ("slow", "latency", 2000)])
        self.check_plan(run)
        self.check_reports(run)

    def check_plan(self, run):
        plan = self.ordeal(run, "plan", run.file)
        self.assertEqual(plan.returncode, 0, plan)
        for line in ("Part        cpu, from 0s to 6s", "Part        slow, from 2s to 6s", "1 victim can be hit"):
            self.assertIn(line, plan.stdout)
        planned = json.loads(self.ordeal(run, "plan", "--json", run.file).stdout)
        self.assertEqual([(part["name"], part["in_force"][0]["at_ms"]) for part in planned["parts"]], [("cpu", 0), ("slow", 2000)])
        self.assertEqual([victim["part"] for victim in planned["victims"]], ["cpu", "slow"])

    def check_reports(self, run):
        html = self.ordeal(run, "report", "last", "--format", "html", "--output", "-").stdout
        self.assertEqual(html.count('<title>slow</title>'), html.count('<title>cpu</title>'))
        self.assertIn('<title>slow</title>', html)
        for form in ("html", "md", "junit"):
            text = self.ordeal(run, "report", "last", "--format", form, "--output", "-").stdout
            self.assertIn("slow: latency", text, form)
        report = json.loads(self.ordeal(run, "report", "last", "--format", "json", "--output", "-").stdout)
        self.assertEqual([impact["part"] for impact in report["impacts"]], ["cpu", "slow"])
        self.assertEqual(len(report["attack"]["parts"]), 2)

    def test_one_after_the_other(self):
        idle = self.lab.victim.idle.pid
        run = self.start(self.experiment(
            {"attack": SLOW, "length": "3s"},
            {"attack": {"type": "pause"}, "target": {"type": "process", "name": "sleep", "cgroup": self.lab.victim_cgroup.path},
             "at": "4s", "length": "2s"}))
        stopped = wait_until(lambda: read(f"/proc/{idle}/stat").rsplit(") ", 1)[-1][:1] in ("T", "t"), 20)
        self.assertEqual(run.wait(60), 0, run.text()[-3000:])
        slow, pause = self.spans(run)
        self.assertEqual((slow[2], pause[2]), ("latency", "pause"))
        self.assertAlmostEqual(pause[0] - slow[0], 4, delta=0.5)
        self.assertAlmostEqual(stopped, pause[0], delta=0.3)
        self.assertAlmostEqual(pause[1] - pause[0], 2, delta=0.3)
        self.assertLess(self.medians(slow[1] + 0.3, pause[0]), 0.1)

    def test_pulses(self):
        run = self.run_to_the_end(self.experiment(attack=SLOW, length="9s", pulse={"on": "2s", "off": "1500ms"}))
        spans = self.spans(run)
        self.assertEqual(len(spans), 3)
        for number, (begin, end, _) in enumerate(spans):
            self.assertAlmostEqual(begin - spans[0][0], 3.5 * number, delta=0.4)
            self.assertAlmostEqual(end - begin, 2, delta=0.4)
            self.assertGreater(self.medians(begin + 0.1, end - 0.3), 0.19)
        for (_, off, _), (on, _, _) in zip(spans, spans[1:]):
            self.assertLess(self.medians(off + 0.3, on - 0.1), 0.1)

    def test_a_ramp(self):
        run = self.run_to_the_end(self.experiment(attack={"type": "latency", "args": {"port": 7000}}, length="6s",
                                                  ramp={"argument": "delay", "from": "100ms", "to": 300, "steps": 3}))
        spans = self.spans(run)
        self.assertEqual(len(spans), 3)
        for (begin, end, _), delay in zip(spans, (0.1, 0.2, 0.3)):
            self.assertAlmostEqual(self.medians(begin + 0.1, end - 0.4), delay, delta=0.03)
        for before, after in zip(spans, spans[1:]):
            self.assertLess(after[0] - before[1], 0.5)
            self.assertGreaterEqual(after[0], before[1])

    def test_a_halt_in_the_middle_ends_all_within_a_second_the_last_one_first(self):
        run = self.start(self.experiment({"attack": LOAD, "length": "30s"}, {"attack": SLOW, "at": "1s", "length": "29s"},
                                         {"attack": {"type": "pause"}, "at": "20s", "length": "2s", "target": {
                                             "type": "process", "name": "sleep", "cgroup": self.lab.victim_cgroup.path}}))
        self.assertIsNotNone(wait_until(lambda: run.event("inject", part="latency"), 20), run.text()[-2000:])
        asked = now()
        run.process.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(20), 5, run.text()[-2000:])
        ended = [event["data"] for event in run.events() if event["type"] == "reverted"]
        self.assertEqual([one["part"] for one in ended], ["latency", "cpu"])
        for one in ended:
            self.assertLess(at(one, "reverted_boot_ns") - asked, 1)
        self.assertEqual(self.stream.untouched(asked + 1, now()), "")

    def test_killed_engine_and_guard_leave_nothing_of_either(self):
        run = self.start(self.experiment({"attack": LOAD, "length": "30s"}, {"attack": SLOW, "at": "1s", "length": "29s"}))
        self.assertIsNotNone(wait_until(lambda: run.event("inject", part="latency"), 20), run.text()[-2000:])
        guard, killed = run.guard(), now()
        for pid in (run.engine, guard):
            kill(pid)
        gone = wait_until(lambda: len(self.lab.victim_cgroup.procs()) == 2, 2)
        self.assertIsNotNone(gone)
        self.assertLess(gone - killed, 0.5, "the burner")
        normal = self.stream.normal_since(killed, 2)
        self.assertIsNotNone(normal)
        self.assertLess(normal - killed, 0.5, "its packets")

    def test_what_one_lacks_all_lack(self):
        nobody = {"type": "latency", "args": {"delay": 5, "port": 9}}
        run = self.run_to_the_end(self.experiment({"attack": LOAD, "length": "3s"},
                                                  {"name": "slow", "attack": nobody, "at": "1s", "length": "2s"}), 4)
        verdict = run.event("verdict")["data"]
        self.assertEqual(verdict["outcome"], "not injected")
        self.assertIn("slow: the fault at 1s was confirmed on 0 of 1 victims", verdict["reason"])

    def test_two_on_one_resource_are_refused_by_name_unless_one_is_over(self):
        for begin, code in (("1s", 3), ("2s", 0)):
            run = self.start(self.experiment({"attack": LOAD, "length": "2s"},
                                             {"name": "more", "attack": LOAD, "at": begin, "length": "2s"}))
            plan = self.ordeal(run, "plan", run.file)
            self.assertEqual(plan.returncode, code, plan)
            self.assertEqual(run.wait(60), code, run.text()[-2000:])
            if code:
                self.assertIn("more: cpu on", plan.stdout)
                self.assertIn("another attack at the same time, already holds", plan.stdout)

    def test_a_victim_of_two_attacks_counts_once_for_the_caps(self):
        policy = Path(self.lab.folder, "policy.yaml")
        policy.write_text("caps: {max_targets: 1}\n")
        run = self.start(self.experiment({"attack": LOAD, "length": "3s"}, {"attack": SLOW, "length": "3s"}))
        both = self.ordeal(run, "plan", run.file, "--policy", str(policy))
        self.assertEqual(both.returncode, 0, both)
        self.assertEqual(run.wait(60), 0, run.text()[-2000:])
        capped = Run(self.lab, self.experiment({"attack": LOAD, "length": "3s"}, {"attack": SLOW, "length": "3s"}),
                     flags=["--policy", str(policy)])
        self.addCleanup(capped.end)
        self.assertEqual(capped.wait(60), 0, capped.text()[-2000:])
        other = self.experiment({"attack": LOAD, "length": "3s"}, {
            "attack": {"type": "pause"}, "length": "3s",
            "target": {"type": "process", "name": "sleep", "cgroup": self.lab.victim_cgroup.path}})
        Path(run.file).write_text(json.dumps(other))
        more = self.ordeal(run, "plan", run.file, "--policy", str(policy))
        self.assertEqual(more.returncode, 3, more)
        self.assertIn("caps.max_targets is 1", more.stdout)

    def test_nobody_is_killed_when_a_later_kill_cannot_be(self):
        other = start(["tail", "-f", "/dev/null"], [self.lab.victim_cgroup], self.lab.victim_ns)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        path = f"/proc/{other.pid}/comm"
        self.assertIsNotNone(wait_until(lambda: read(path).strip() == "tail", 2))
        where = {"type": "process", "cgroup": self.lab.victim_cgroup.path}
        run = self.start(self.experiment(
            {"attack": {"type": "process_killer", "args": {"process": "sleep"}}, "length": "2s", "target": {**where, "name": "sleep"}},
            {"name": "later", "attack": {"type": "process_killer", "args": {"process": "tail"}}, "at": "3s", "length": "2s",
             "target": {**where, "name": "tail"}}, baseline="2s"))
        self.assertIsNotNone(wait_until(lambda: run.event("phase", phase="before"), 20), run.text()[-2000:])
        other.kill()
        other.wait()
        self.assertNotEqual(run.wait(60), 0, run.text()[-2000:])
        self.assertEqual(self.lab.victim.alive(), [True, True], "nobody was killed")
        self.assertTrue(run.event("inject_failed", part="later"), run.text()[-2000:])
        self.assertIsNone(run.event("inject"))

    def test_bad_files_name_the_field(self):
        for change, words in (({"attack": LOAD}, 'attack: "attack" stands in each of the attacks'),
                              ({"attacks": [{"attack": {"type": "cpuu"}}]}, "attacks[0].attack.type"),
                              ({"attacks": [{"attack": LOAD, "at": "5s"}]}, "attacks: the first one starts at 5s"),
                              ({"attacks": [{"attack": LOAD, "length": "2s", "pulse": {"on": "1s"}}]},
                               'attacks[0].pulse: "off" is missing'),
                              ({"attacks": [{"attack": LOAD, "ramp": {"argument": "percent", "to": 200}}]}, "ramp.to: expected a number from 0.1 to 100")):
            file = Path(self.lab.folder, "bad.json")
            file.write_text(json.dumps({**self.experiment({"attack": LOAD}), **change}))
            plan = self.lab.command("plan", str(file), "--state-dir", self.lab.folder + "/bad")
            self.assertEqual(plan.returncode, 2, plan)
            self.assertIn(words, plan.stderr)


def run_each():
    """Each test in a process and a container of its own, a few of them at once: they wait for most of their time."""
    names = unittest.defaultTestLoader.getTestCaseNames(Combined)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = list(pool.map(lambda name: subprocess.run(
            [sys.executable, "-B", __file__, BUILD + "/ordeal", "Combined." + name], capture_output=True, text=True), reversed(names)))
    failed = [one for one in ended if one.returncode != 0]
    print("".join(one.stdout + one.stderr for one in failed), f"{len(ended)} tests, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit(77)
    if not sys.argv[2:]:
        sys.exit(run_each())
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
