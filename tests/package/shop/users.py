"""Users: 40 requests a second through nginx, each on a connection of its own; what they saw on 127.0.0.1:9100/metrics."""
import http.client
import http.server
import random
import threading
import time

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
lock = threading.Lock()
seen = {"ok": 0, "failed": 0, "sum": 0.0}
counts = {bucket: 0 for bucket in BUCKETS}


def ask():
    begin = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=2)
    try:
        connection.request("GET", f"/items/{random.randint(1, 1000)}")
        ok = connection.getresponse().status == 200
    except OSError:
        ok = False
    finally:
        connection.close()
    took = time.monotonic() - begin
    with lock:
        seen["ok" if ok else "failed"] += 1
        seen["sum"] += took
        for bucket in BUCKETS:
            counts[bucket] += took <= bucket


class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with lock:
            count = seen["ok"] + seen["failed"]
            lines = ["# TYPE user_requests_total counter", f'user_requests_total{{outcome="ok"}} {seen["ok"]}',
                     f'user_requests_total{{outcome="failed"}} {seen["failed"]}', "# TYPE user_seconds histogram",
                     *[f'user_seconds_bucket{{le="{bucket}"}} {counted}' for bucket, counted in counts.items()],
                     f'user_seconds_bucket{{le="+Inf"}} {count}', f'user_seconds_sum {seen["sum"]}', f"user_seconds_count {count}"]
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", 9100), Metrics).serve_forever, daemon=True).start()
due = time.monotonic()
while True:
    threading.Thread(target=ask, daemon=True).start()
    due += 0.025
    time.sleep(max(0, due - time.monotonic()))
