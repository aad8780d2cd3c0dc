"""What `init` writes can be planned as it stands: on a process of the test's own, for every attack there is."""
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from program import EVIL, ORDEAL, Case, main

PAGE = ("# TYPE http_request_duration_seconds histogram\n"
        + "".join(f'http_request_duration_seconds_bucket{{le="{le}"}} {n}\n' for le, n in (("0.1", 90), ("0.5", 100), ("1", 100), ("+Inf", 100)))
        + '# TYPE http_requests_total counter\nhttp_requests_total{code="200"} 100\n')


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/metrics" else 404)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(PAGE.encode() if self.path == "/metrics" else b"")

    def log_message(self, *_):
        pass


LISTED = [json.loads(line) for line in
          subprocess.run([ORDEAL, "attacks", "--json"], stdout=subprocess.PIPE, check=True, timeout=20).stdout.splitlines()]
ATTACKS = [attack["type"] for attack in LISTED]
LOOKS = [attack["type"] for attack in LISTED if attack["only_looks"]]  # they hit nobody


class Init(Case):
    def init(self, *words, code=0):
        done = self.run_ordeal("init", *words, state=False)
        self.assertEqual(done.returncode, code, done)
        return (done.stdout if code == 0 else done.stderr).decode()

    def plan(self, text, *words):
        done = self.run_ordeal("plan", "--json", self.file("e.yaml", text), *words)
        self.assertNotEqual(done.returncode, 2, done)
        return json.loads(done.stdout)

    def serve(self, handler):
        server = HTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def test_every_attack_on_something_that_is_here(self):
        self.assertGreaterEqual(len(ATTACKS), 6)
        child = self.process("t-init-victim")
        self.process("t-init-peer")
        for attack in (attack for attack in ATTACKS if attack not in LOOKS):
            with self.subTest(attack):
                words = ["--set", 'attack.args.peer={"type": "process", "name": "t-init-peer"}'] if attack == "partition" else []
                plan = self.plan(self.init("t-init-victim", "--attack", attack), *words)
                self.assertEqual(plan["experiment"]["attack"]["type"], attack)
                self.assertEqual([victim["victim"]["processes"][0]["pid"] for victim in plan["victims"]], [child.pid])

    def test_every_attack_by_its_name_alone(self):
        for attack in ATTACKS:
            with self.subTest(attack):
                text = self.init("--attack", attack)
                done = self.run_ordeal("lint", self.file("e.yaml", text), state=False)
                self.assertEqual(done.returncode, 0, done)
                self.assertIn("# Only an example", text)

    def test_names_of_others_steer_nothing_and_are_read_back(self):
        child = self.process(EVIL[:15])
        listed = self.run_ordeal("targets", "--json", state=False).stdout.splitlines()
        name = next(entry["name"] for entry in map(json.loads, listed) if entry["type"] == "process" and "owned" in entry["name"])
        text = self.init(name, "--attack", "pause")
        self.assertNotRegex(text.replace("\n", ""), r"[\x00-\x1f\x7f]")
        self.assertEqual([victim["victim"]["processes"][0]["pid"] for victim in self.plan(text)["victims"]], [child.pid])

    def test_one_of_several_is_taken(self):
        for _ in range(3):
            self.process("t-init-several")
        text = self.init("t-init-several")
        self.assertIn("target: {type: process, name: t-init-several, count: 1}", text)
        self.assertIn("# One of the 3 that match here", text)
        self.assertEqual(len(self.plan(text)["victims"]), 1)

    def listener(self, name, port=0):
        code = ("import ctypes, os, socket, sys, time; ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[1])); s = socket.socket(); "
                "s.bind(('127.0.0.1', int(sys.argv[2]))); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(600)")
        child = subprocess.Popen(["/usr/bin/env", "python3", "-c", code, name, str(port)], stdout=subprocess.PIPE)
        self.children.append(child)
        return int(child.stdout.readline())

    def test_a_listener_is_probed_and_check_reads_it(self):
        port = self.listener("t-init-listen")
        text = self.init("t-init-listen", "--attack", "pause")
        self.assertIn(f'probe: {{http: {{url: "http://127.0.0.1:{port}/", result: latency}}}}', text)
        self.assertIn("no_data: breach", text)
        # It takes connections and answers none: the probe is right, and there is no value.
        done = self.run_ordeal("check", self.file("e.yaml", text), state=False)
        self.assertEqual(done.returncode, 4, done)

    def test_what_is_asked_over_loopback_is_hit_there(self):
        port = self.listener("t-init-lo")
        text = self.init("t-init-lo", "--attack", "latency")
        self.assertRegex(text, r"\n    device: \"lo\" .*\n")
        self.assertRegex(text, rf"\n    port: {port} ")
        self.assertFalse([w for w in self.plan(text)["warnings"] if "loopback" in w])
        narrowed = self.plan(text.replace('device: "lo"', '# device: "lo"'))
        warnings = [w for w in narrowed["warnings"] if "loopback" in w]
        if narrowed["victims"][0]["victim"]["processes"]:
            self.assertEqual(warnings, [f"t-init-lo listens on 127.0.0.1:{port} only, and loopback is left alone: none of its packets "
                                        "would be hit. Write `device: lo` in attack.args to hit it"])

    def test_expectations_from_a_page(self):
        self.process("t-init-page")
        url = f"http://127.0.0.1:{self.serve(Metrics)}/metrics"
        text = self.init("t-init-page", "--metrics", url)
        self.assertIn("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5s])))", text)
        self.assertIn("sum(rate(http_requests_total{code=~\"5..\"}[5s])) / sum(rate(http_requests_total[5s]))", text)
        plan = self.plan(text)
        self.assertEqual(len(plan["readings"]), 3)
        self.assertEqual([r["reading"] for r in plan["readings"] if r["expectation"].startswith("the page")], ["holds"])
        for bad in (url + "x", "http://127.0.0.1:1/metrics", "127.0.0.1:1"):
            self.assertIn("--metrics", self.init("t-init-page", "--metrics", bad, code=2))

    def test_a_secret_of_the_page_is_in_no_file_that_others_read(self):
        self.process("t-init-secret")
        url = f"http://me:hunter2hunter2@127.0.0.1:{self.serve(Metrics)}/metrics"
        path, link = self.folder + "/secret.yaml", self.folder + "/stdout"
        os.symlink("/dev/stdout", link)
        for words in ((), ("-o", "-"), ("-o", "/dev/stdout"), ("-o", link)):
            text = self.init("t-init-secret", "--metrics", url, *words)
            self.assertNotIn("hunter2", text)
            self.assertIn(f'url: "{url.replace("hunter2hunter2", "***")}"', text)
            self.assertIn("# Replace *** with the secret", text)
        self.file("secret.yaml", "mine")
        os.chmod(path, 0o644)
        done = self.run_ordeal("init", "t-init-secret", "--metrics", url, "-o", path, "--force", state=False)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(f"only you can read {path} (mode 600)", done.stderr.decode())
        self.assertNotIn("hunter2", (done.stdout + done.stderr).decode())
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        text = open(path).read()
        self.assertIn(url, text)
        self.assertIn("# The URL holds a secret", text)
        self.assertEqual(self.run_ordeal("lint", path, state=False).returncode, 0)
        # Without one it is a file like any other.
        self.init("t-init-secret", "--metrics", url.replace("me:hunter2hunter2@", ""), "-o", path + "2")
        self.assertNotEqual(os.stat(path + "2").st_mode & 0o044, 0)
        self.assertNotIn("secret,", open(path + "2").read())

    def test_a_host_is_narrowed_to_a_port(self):
        self.assertRegex(self.init("host", "--attack", "latency"), r"\n    port: 8080 ")

    def test_nothing_is_overwritten_unless_forced(self):
        self.process("t-init-file")
        path = self.folder + "/new.yaml"
        self.assertEqual(self.init("t-init-file", "-o", path), f"Wrote {path}. Now `ordeal check {path}`, then `ordeal plan {path}`.\n")
        written = open(path).read()
        self.assertIn(f"ordeal check {path}", written)
        self.file("new.yaml", "mine")
        self.assertIn("is there already", self.init("t-init-file", "-o", path, code=2))
        self.assertEqual(open(path).read(), "mine")
        self.init("t-init-file", "-o", path, "--force")
        self.assertEqual(open(path).read(), written)

    def test_what_is_not_here(self):
        self.assertIn("what is it to be about?", self.init(code=2))
        self.assertIn('no target here matches "t-init-none"', self.init("t-init-none", code=2))
        self.assertIn("latency", self.init("--attack", "latnecy", code=2))


if __name__ == "__main__":
    main()
