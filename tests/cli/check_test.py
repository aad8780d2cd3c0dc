"""`check` says what each expectation is now, and `plan` says it too: from a server of the test's own, without rights."""
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from program import EVIL, Case, main


def rights_of_ordeal():
    """What the program that asks now could do, as the kernel says: (capabilities, whether it can never gain any)."""
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            status = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if status["Name"] == "ordeal" and status["PPid"] == str(os.getpid()):
            return int(status["CapEff"], 16), status["NoNewPrivs"] == "1"
    return None


class Page(BaseHTTPRequestHandler):
    asked = []
    rights = []

    def do_GET(self):
        Page.asked.append(self.command)
        if self.path == "/rights":
            Page.rights.append(rights_of_ordeal())
        good = f'requests_total{{code="200"}} {10 * len(Page.asked)}\n' + f'requests_total{{code="500"}} {len(Page.asked)}\nqueue 7\n'
        body = good.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


ERRORS = 'sum(rate(requests_total{code=~"5.."}[5s])) / sum(rate(requests_total[5s]))'


class Check(Case):
    def setUp(self):
        super().setUp()
        Page.asked, Page.rights = [], []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        super().tearDown()

    def written(self, *expect, sources=None, **more):
        experiment = {"name": "x", "target": {"type": "process", "name": "nobody-there"}, "attack": {"type": "pause"},
                      "sources": sources or {"scrape": [{"url": self.url + "/metrics", "job": "shop"}]}, "expect": expect, **more}
        return self.file("e.yaml", experiment)

    def check(self, file, *words):
        done = self.run_ordeal("check", file, *words, state=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_all_hold_and_the_target_need_not_be_there(self):
        file = self.written({"name": "errors", "query": ERRORS, "condition": "result < 0.2"},
                            {"name": "page", "probe": {"http": self.url}, "condition": "result == 200"})
        code, out, err = self.check(file)
        self.assertEqual((code, err), (0, ""), out)
        self.assertRegex(out, r"Now         errors: 9\.\d+ % \(limit: below 20 %\), holds\n")
        self.assertIn("Now         page: 200 (expected 200), holds\n", out)
        self.assertTrue(out.endswith("2 expectations hold now\n"), out)

    def test_the_form_of_a_custom_resource_needs_no_cluster(self):
        expect = [{"name": "page", "probe": {"http": self.url}, "condition": "result == 200"}]
        spec = {"target": {"type": "kubernetes", "selector": "app in (a,b)", "ready": True}, "attack": {"type": "kill"},
                "expect": expect}
        resource = {"apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "x", "namespace": "shop"},
                    "spec": spec}
        self.assertEqual(self.check(self.file("e.yaml", resource))[:2],
                         (0, "Now         page: 200 (expected 200), holds\n1 expectation holds now\n"))
        spec["sources"] = {"pods": {"port": "metrics"}}
        code, _, err = self.check(self.file("e.yaml", resource))
        self.assertEqual(code, 2)
        self.assertIn("sources.pods: read by a cluster's controller only\n  `ordeal run --cluster` asks them", err)

    def test_one_that_does_not_hold(self):
        file = self.written({"name": "errors", "query": ERRORS, "condition": "result < 0.01"},
                            {"name": "none", "query": "queeu", "condition": "result < 1"})
        code, out, _ = self.check(file)
        self.assertEqual(code, 1, out)
        self.assertIn("(limit: below 1 %), does not hold\n", out)
        self.assertIn("1 of 2 expectations does not hold now: a run would stop before its attack", out)

    def test_neither_programs_nor_answers_meet_any_right(self):
        powerless = "grep -q 'CapEff:.0*$' /proc/self/status && grep -q 'NoNewPrivs:.1$' /proc/self/status"
        file = self.written({"name": "program", "probe": {"command": ["/bin/sh", "-c", powerless]}, "condition": "result == 0"},
                            {"name": "page", "probe": {"http": self.url + "/rights"}, "condition": "result == 200"})
        code, out, _ = self.check(file)
        self.assertEqual(code, 0, out)
        self.assertEqual(set(Page.rights), {(0, True)})

    def test_no_data_is_4_and_says_what_to_do(self):
        file = self.written({"name": "none", "query": "queeu", "condition": "result < 1"},
                            {"name": "port", "probe": {"tcp": "127.0.0.1:1"}, "condition": "result < 1"})
        code, out, _ = self.check(file)
        self.assertEqual(code, 4, out)
        self.assertIn("none: no data (limit: below 1): there is no metric queeu; the nearest is queue", out)
        self.assertIn("            Fix the query", out)
        self.assertIn("            Start the service, or fix the probe's address", out)
        self.assertTrue(out.endswith("2 of 2 expectations have no data now\n"), out)

    def test_a_source_that_is_down_is_named(self):
        file = self.written({"query": "up", "condition": "result == 1"},
                            sources={"scrape": [{"url": "http://127.0.0.1:1/metrics"}]})
        code, out, _ = self.check(file)
        # Its `up` is 0, which is a value.
        self.assertEqual(code, 1, out)
        file = self.written({"query": "queue", "condition": "result == 1"},
                            sources={"scrape": [{"url": "http://127.0.0.1:1/metrics"}]})
        code, out, _ = self.check(file)
        self.assertEqual(code, 4, out)
        self.assertIn("http://127.0.0.1:1/metrics cannot be scraped", out)
        code, out, _ = self.check(file, "--prometheus", "http://127.0.0.1:1")
        self.assertEqual(code, 4, out)

    def test_json_says_the_same(self):
        file = self.written({"name": "queue", "query": "queue", "condition": "result < 5"},
                            {"name": "none", "query": "queeu", "condition": "result < 1"})
        code, out, _ = self.check(file, "--json")
        first, second = (json.loads(line) for line in out.splitlines())
        self.assertEqual(code, 1)
        self.assertEqual((first["expectation"], first["reading"], first["value"], first["limit"]), ("queue", "breached", 7, "limit: below 5"))
        self.assertEqual((second["reading"], second["value"]), ("no_data", None))
        self.assertIn("nearest", second["why"])

    def test_bad_input(self):
        for file in (self.written(), self.written({"query": "up", "condition": "result <"}),
                     self.written({"query": "up[1m]", "condition": "result < 1"}), self.folder + "/none"):
            code, out, err = self.check(file)
            self.assertEqual((code, out), (2, ""), err)
            self.assertTrue(err.startswith("ordeal: "), err)

    def test_what_others_say_steers_nothing(self):
        code, out, _ = self.check(self.written({"name": EVIL, "probe": {"http": self.url}, "condition": "result == 200"}))
        self.assertEqual(code, 0)
        self.assertNotRegex(out.replace("\n", ""), r"[\x00-\x1f\x7f]")

    def test_whoever_waits_is_told(self):
        import socket
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            probe = {"http": {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/", "timeout": "2500ms"}}
            code, out, err = self.check(self.written({"name": "slow", "probe": probe, "condition": "result == 200"}))
        self.assertEqual(code, 4, out)
        self.assertEqual(err, "ordeal: waiting for the first value of slow …\n")

    def plan(self, *expect, attack=None, **more):
        victims = [self.process("t-plan-victim") for _ in range(3)]
        file = self.written(*expect, **{"target": {"type": "process", "name": "t-plan-victim"},
                                        **({"attack": attack} if attack else {}), **more})
        done = self.run_ordeal("plan", file)
        data = json.loads(self.run_ordeal("plan", file, "--json").stdout)
        return victims, done.stdout.decode(), data

    def test_plan_ends_with_the_values_and_what_they_decide(self):
        mark = self.folder + "/mark"
        _, out, data = self.plan({"name": "queue", "query": "queue", "condition": "result < 5"},
                                 {"name": "own", "probe": {"command": ["/usr/bin/touch", mark]}, "condition": "result == 0"},
                                 {"name": "posted", "probe": {"http": {"url": self.url, "method": "POST"}}, "condition": "result == 200"})
        self.assertIn("Now         queue: 7 (limit: below 5), does not hold\n", out)
        self.assertIn("Now         own: not asked (expected 0): it starts a program\n", out)
        self.assertFalse(os.path.exists(mark))
        self.assertNotIn("POST", Page.asked)
        self.assertEqual([reading["reading"] for reading in data["readings"]], ["breached", "not_asked", "not_asked"])
        if data["would_start"]:
            self.assertIn("`ordeal run` would stop before its attack: \"queue\" does not hold now.", out)

    def test_plan_asks_without_any_right(self):
        _, out, _ = self.plan({"name": "page", "probe": {"http": self.url + "/rights"}, "condition": "result == 200"})
        self.assertIn("Now         page: 200 (expected 200), holds\n", out)
        self.assertEqual(set(Page.rights), {(0, True)})

    def test_plan_says_once_what_is_the_same(self):
        victims, out, data = self.plan()
        self.assertEqual(len(data["victims"]), 3)
        for victim in victims:
            self.assertIn(f"t-plan-victim:{victim.pid}", out)
        self.assertIn("    on each of these 3 victims:\n", out)
        self.assertEqual(out.count("    do    "), 1, out)
        self.assertEqual(out.count("    undo  "), 1, out)

    def test_plan_adds_up_what_all_are_asked(self):
        there = os.cpu_count()
        _, out, data = self.plan(attack={"type": "cpu", "args": {"cores": 1}})
        # Where they share a cgroup, one of them can be hit.
        asked = sum("refused" not in victim for victim in data["victims"])
        self.assertGreater(asked, 0, out)
        self.assertEqual(data["together"], [{"of": "CPUs", "unit": "", "asked": asked, "there": there}])
        self.assertIn(f"Together    {asked} of {there} CPUs", out)
        self.assertEqual("more than there is" in out, there < asked)


if __name__ == "__main__":
    main()
