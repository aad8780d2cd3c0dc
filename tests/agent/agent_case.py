"""What tests of the agent share: a node of their own, and what must be so after each of them."""
import os
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import accounts, skip_without  # noqa: E402
from lab.victim import DELAY  # noqa: E402
from node_lab import Agent, NodeLab, Run, now, read  # noqa: E402

BUILD = "build/release"
SLACK = 0.6  # of the observer and of the machine, which others use too


class AgentCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = NodeLab(os.path.realpath(BUILD))

    @classmethod
    def tearDownClass(cls):
        refused = accounts.Asked(cls.lab.cluster).refused
        cls.lab.close()
        assert not refused, refused[:10]

    def setUp(self):
        self.lab.set_policy("caps: {max_targets: 10}")
        self.lab.victim.ensure()
        self.agents, self.runs = [], []

    def tearDown(self):
        for run in self.runs:
            run.silence()
        try:
            for run in self.runs:
                run.close()
        except AssertionError:
            print(*(read(agent.log) for agent in self.agents))
            raise
        finally:
            for agent in self.agents:
                agent.stop()
        self.lab.close_stream()
        self.assertEqual(self.lab.ordeal_processes(), [], "something of Ordeal still runs")
        self.assertFalse(self.lab.victim_cgroup.frozen())
        self.assertEqual([folder for folder in map(str, Path("/sys/fs/cgroup").glob("**/ordeal-reaper-*"))], [])

    def agent(self, **options):
        self.agents.append(Agent(self.lab, **options))
        return self.agents[-1].start()

    def run_of(self, *arguments, **options):
        run = Run(self.lab, *arguments, **options)
        self.runs.append(run)
        return run

    def slow(self):
        """Whether packets are delayed right now."""
        stream = self.lab.open_stream()
        at = now()
        time.sleep(DELAY + 0.1)
        window = stream.sent_between(at - 0.05, at + 0.05)
        return any(took is None or took > DELAY * 0.9 for _, took in window)

    def in_force(self, **options):
        """An agent, and a run of it that is in force."""
        self.lab.open_stream()
        agent = self.agent(**{key: options.pop(key) for key in ("kubeconfig", "in_pod") if key in options})
        run = self.run_of(**options)
        run.becomes("injected")
        self.assertEqual(run.impact()["state"], "injected", run.impact())
        return agent, run

    def normal_within(self, since, limit):
        at = self.lab.stream.normal_since(since, limit + SLACK)
        self.assertIsNotNone(at, f"not normal {limit + SLACK} s after")
        self.assertLessEqual(at - since, limit + SLACK)
        return at - since

    def ends(self, run, by, why):
        run.becomes("reverted")
        status = run.status()
        self.assertEqual(status.get("haltedBy", ""), by, status)
        self.assertIn(why, status.get("why", ""))
        self.assertIsNotNone(run.released())
        return status


def main():
    global BUILD
    words = sys.argv[1:]
    if "--build" in words:
        at = words.index("--build")
        BUILD = words[at + 1]
        del words[at:at + 2]
    if os.geteuid() != 0:
        print("skipped: it needs root for namespaces and cgroups")
        sys.exit(77)
    skip_without("kubectl")
    unittest.main(argv=[sys.argv[0], "-v", *words])

