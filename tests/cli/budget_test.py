"""`ordeal budget` against a source that knows less than the window: Ordeal's own scraper, which has just begun."""
import http.server
import json
import re
import subprocess
import threading
import time

from program import ENVIRONMENT, ORDEAL, Case, main

SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout}
spec:
  service: shop
  indicator:
    metadata: {name: errors}
    spec:
      ratioMetric:
        good: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(requests_total{code="200"}[5m]))'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(requests_total[5m]))'}}}
  timeWindow: [{duration: WINDOW, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.5}]
"""


class Page(http.server.BaseHTTPRequestHandler):
    """Each look finds ten more requests, of which one failed."""
    looks = 0

    def do_GET(self):
        Page.looks += 1
        body = f'requests_total{{code="200"}} {9 * self.looks}\nrequests_total{{code="500"}} {self.looks}\n'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Budget(Case):
    def setUp(self):
        super().setUp()
        self.pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self.pages.serve_forever, daemon=True).start()
        self.source = subprocess.Popen([ORDEAL, "scrape", f"http://127.0.0.1:{self.pages.server_port}/", "--interval", "100ms",
                                        "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.children.append(self.source)
        self.url = re.search(r"at (http://\S+)", self.source.stdout.readline())[1]
        time.sleep(2)

    def tearDown(self):
        super().tearDown()
        self.source.stdout.close()
        self.pages.shutdown()
        self.pages.server_close()

    def budget(self, window, *flags):
        file = self.file("slo.yaml", SLO.replace("WINDOW", window))
        return self.run_ordeal("budget", file, "--prometheus", self.url, *flags, state=False)

    def test_a_history_that_is_shorter_than_the_window_is_said(self):
        done = self.budget("28d")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout.decode(), r"80\.0 % left of .* \(50 % over 28d\)\n"
                         r"  the source has only the last \d+s of the window of 28d: what happened before is not counted\n")
        self.assertIn("is read as the counter sum(requests_total)", done.stderr.decode())
        said = json.loads(self.budget("28d", "--json").stdout)
        self.assertGreater(said["missing_history_s"], 27 * 86400)

    def test_a_window_that_may_be_whole_says_nothing(self):
        done = self.budget("5m")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("the source has only", done.stdout.decode())
        self.assertIsNone(json.loads(self.budget("5m", "--json").stdout)["missing_history_s"])


main()
