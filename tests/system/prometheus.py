"""A real Prometheus on a free port of loopback, which scrapes one application every second."""
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import urllib.parse
import urllib.request

from lab import NORMAL, now

# A slow job beside it, so that there is something to warn of.
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - job_name: app
    static_configs: [{{targets: ["127.0.0.1:{app}"]}}]
  - job_name: nodes
    scrape_interval: 15s
    static_configs: [{{targets: ["127.0.0.1:{app}"]}}]
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class App:
    """/metrics of a service: its requests are the round trips of a stream; a slow or lost one is a 503. As in many
    client libraries, a status that never occurred has no series."""
    SETTLED = 0.5  # seconds after which a round trip has its result

    def __init__(self, stream):
        self.stream, self.counted, self.counts = stream, 0, {}
        self.down = False  # then its page is none, to a scrape
        answer = lambda request: self.serve(request)
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,),
                       {"do_GET": answer, "do_POST": answer, "log_message": lambda *_: None})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def page(self):
        with self.lock:
            last = int((now() - self.SETTLED - self.stream.begin) * self.stream.RATE)
            for number in range(self.counted, max(self.counted, last)):
                took = self.stream.answers.get(number)
                status = "200" if took is not None and took < NORMAL else "503"
                self.counts[status] = self.counts.get(status, 0) + 1
            self.counted = max(self.counted, last)
            return "".join(f'http_requests_total{{status="{status}"}} {n}\n' for status, n in self.counts.items())

    def serve(self, request):
        body = self.page().encode() if request.path == "/metrics" else b"<html>an application</html>"
        request.send_response(404 if request.path != "/metrics" else 503 if self.down else 200)
        request.send_header("Content-Type", "text/plain" if request.path == "/metrics" else "text/html")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Prometheus:
    def __init__(self, folder, app_port, name="prometheus"):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.config = self.folder + "/config.yml"
        with open(self.config, "w") as file:
            file.write(CONFIG.format(app=app_port))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = None

    def ensure(self):
        if self.process:
            return
        argv = [shutil.which("prometheus"), "--config.file=" + self.config, "--storage.tsdb.path=" + self.folder + "/data",
                "--web.listen-address=" + self.url.removeprefix("http://"), "--log.level=warn"]
        with open(self.folder + "/log", "a") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def query(self, text):
        """The values that it gives now; None when it does not answer."""
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
                return [float(element["value"][1]) for element in json.load(answer)["data"]["result"]]
        except OSError:
            return None

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
