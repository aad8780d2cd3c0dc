"""A service that breaks its own promise at a known instant: it counts requests at a rate of its own, fails a share of
them from the moment it is told to, and remembers when each was counted. Times are CLOCK_BOOTTIME in seconds, as in
Ordeal's events."""
import http.server
import random
import threading
import time

STEP = 0.002  # seconds between two increments of the counters


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Service:
    """/metrics with r_total{code} (every status from the start) and the gauge broken."""

    def __init__(self, rate, usual=0.01, seed=1):
        self.rate, self.share, self.random = rate, usual, random.Random(seed)
        self.lock, self.stopping = threading.Lock(), False
        self.good = self.bad = 0
        self.broken, self.broke_at = 0, None
        self.more = ""  # lines of the page besides
        self.log = []  # (time, good, bad) after each increment
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                body = service.page().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # a client that went away
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/metrics"
        self.threads = [threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}),
                        threading.Thread(target=self.count)]
        for thread in self.threads:
            thread.start()

    def page(self):
        with self.lock:
            return (f'# TYPE r_total counter\nr_total{{code="200"}} {self.good}\nr_total{{code="500"}} {self.bad}\n'
                    f"# TYPE broken gauge\nbroken {self.broken}\n{self.more}")

    def count(self):
        next_request = now()
        while not self.stopping:
            time.sleep(STEP)
            at = now()
            with self.lock:
                while next_request <= at:
                    next_request += self.random.expovariate(self.rate)
                    if self.random.random() < self.share:
                        self.bad += 1
                    else:
                        self.good += 1
                self.log.append((at, self.good, self.bad))

    def break_promise(self, share):
        with self.lock:
            self.share, self.broken, self.broke_at = share, 1, now()

    def ratio_crossed(self, window, limit):
        """When the share of bad requests of the last `window` seconds first exceeded `limit` after the promise was
        broken: what the expression as written would say with scrapes of no interval."""
        first = 0
        for at, good, bad in self.log:
            while self.log[first][0] < at - window:
                first += 1
            _, good_then, bad_then = self.log[first]
            events = good + bad - good_then - bad_then
            if at >= self.broke_at and events and (bad - bad_then) / events >= limit:
                return at
        return None

    def stop(self):
        self.stopping = True
        self.server.shutdown()
        self.server.server_close()
        for thread in self.threads:
            thread.join()
