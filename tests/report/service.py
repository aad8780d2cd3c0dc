"""A small service for real runs: it answers its own steady traffic (40 requests a second) with the help of workers, tries
the next worker when one does not answer, and says on a metrics page how that went.

    service.py page PORT SOCKET...     the service, with a worker behind each socket
    service.py worker NAME SOCKET      a worker; NAME is its process name
"""
import ctypes
import http.server
import os
import socket
import sys
import threading
import time

BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]
WAIT = 0.12  # for a worker


def work(name, path):
    ctypes.CDLL(None).prctl(15, name.encode())
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(64)
        while True:
            connection, _ = server.accept()
            with connection:
                try:
                    if connection.recv(16):
                        connection.sendall(b"done")
                except OSError:
                    pass  # whoever asked did not wait


def ask(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(WAIT)
        client.connect(path)
        client.sendall(b"work")
        return client.recv(16) == b"done"


class Counters:
    def __init__(self):
        self.lock = threading.Lock()
        self.codes = {"200": 0, "500": 0}
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, ok, took):
        with self.lock:
            self.codes["200" if ok else "500"] += 1
            self.seconds += took
            for i, bound in enumerate([*BOUNDS, float("inf")]):
                self.buckets[i] += took <= bound

    def page(self):
        with self.lock:
            lines = ["# TYPE requests_total counter"]
            lines += [f'requests_total{{code="{code}"}} {count}' for code, count in self.codes.items()]
            lines += ["# TYPE request_seconds histogram"]
            lines += [f'request_seconds_bucket{{le="{bound:g}"}} {count}' for bound, count in zip(BOUNDS, self.buckets)]
            lines += [f'request_seconds_bucket{{le="+Inf"}} {self.buckets[-1]}', f"request_seconds_sum {self.seconds:.6f}",
                      f"request_seconds_count {self.buckets[-1]}"]
        return ("\n".join(lines) + "\n").encode()


def one_request(counters, paths):
    begin, ok = time.monotonic(), False
    for path in paths:
        try:
            ok = ask(path)
        except OSError:
            ok = False
        if ok:
            break
    counters.add(ok, time.monotonic() - begin)


def serve(port, paths):
    counters = Counters()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = counters.page()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever, daemon=True).start()
    print("ready", flush=True)
    following = time.monotonic()
    while True:
        threading.Thread(target=one_request, args=(counters, paths), daemon=True).start()
        following += 0.025
        time.sleep(max(0.0, following - time.monotonic()))


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        work(sys.argv[2], sys.argv[3])
    else:
        serve(int(sys.argv[2]), sys.argv[3:])
