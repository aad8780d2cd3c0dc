"""Many runs at once (--count, 50 in soak), half of which scrape a hostile page, while one that answers queries is flooded:
one `ordeal halt` ends them all, the last within 500 ms, and each of them says that it was halted."""
import http.server
import json
import multiprocessing
import signal
import socket
import tempfile

from lab import Run, kill, now, read, start, wait_until
from lab.report import millis

BAR = 0.5


class Hostile(http.server.BaseHTTPRequestHandler):
    """A page that never ends: broken lines, endless labels, numbers that are none."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        line = b'a{b="' + b"\xff\x1b[31m" * 500 + b'"} NaN 99999999999999999999\n# TYPE a a a\n' + b"{" * 500 + b"\n"
        try:
            while True:
                self.wfile.write(line * 20)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # whoever has enough of it goes


def serve(port):
    server = Server(("127.0.0.1", 0), Hostile)
    port.value = server.server_address[1]
    server.serve_forever()


def flood(address, made, stopping):
    """Connections that ask, never read, and are thrown away."""
    held = []
    while not stopping.value:
        try:
            connection = socket.create_connection(address, 0.5)
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20)
            held.append(connection)
            made.value += 1
        except OSError:
            pass
        if len(held) > 100:
            held.pop(0).close()


class Flood:
    """In a process of its own: the test measures."""

    def __init__(self, address):
        self.made, self.stopping = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
        self.process = multiprocessing.Process(target=flood, args=(address, self.made, self.stopping), daemon=True)
        self.process.start()

    def stop(self):
        self.stopping.value = 1
        self.process.join()


def experiment(number, port):
    made = {"name": f"many {number}", "target": {"type": "process", "pattern": f"^sleep {number}$"}, "baseline": "0s",
            "recovery": "100ms", "length": "5m", "attack": {"type": "pause"}}
    if number % 2:
        made["sources"] = {"scrape": [{"url": f"http://127.0.0.1:{port}/metrics"}]}
        made["expect"] = [{"name": "something", "query": "sum(a)", "condition": "result < 1", "when": ["during"],
                           "no_data": "pass"}]
    return made


def listening(run):
    for word in run.text().replace('"', " ").split():
        if word.startswith("http://127.0.0.1:"):
            host, port = word[len("http://"):].rstrip("/").split(":")
            return host, int(port)
    return None


def run_suite(lab, report, options):
    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    server.start()
    wait_until(lambda: port.value, 5)
    numbers = [200000 + n for n in range(options.count)]
    victims = [start(["sleep", str(n)]) for n in numbers]
    state = tempfile.mkdtemp(prefix="state-", dir=lab.folder)
    runs = []
    for n in numbers:
        runs.append(Run(lab, experiment(n, port.value), state=state,
                        flags=["--listen", "127.0.0.1:0"] if n == numbers[0] else []))
        wait_until(lambda: sum(not run.injected() and run.process.poll() is None for run in runs) < 4, 30, 0.02)
    wait_until(lambda: all(run.injected() or run.process.poll() is not None for run in runs), 60, 0.05)
    injected = sum(run.injected() for run in runs)
    problems = [] if injected == len(runs) else [f"{injected} of {len(runs)} came into force: " + next(
        run.text()[-300:] for run in runs if not run.injected())]
    flooding = Flood(listening(runs[0])) if listening(runs[0]) else None
    problems += [] if flooding else ["it is not said where queries are answered"]
    wait_until(lambda: flooding and flooding.made.value > 200, 5)
    begin = now()
    done = lab.command("halt", "--json", "--state-dir", state, timeout=60)
    codes = [run.wait(30) for run in runs]
    if flooding:
        flooding.stop()
    took = [run.event("reverted")["data"]["reverted_boot_ns"] / 1e9 - begin for run in runs if run.event("reverted")]
    problems += [] if done.returncode == 0 else [f"halt: exit {done.returncode}: {done.stdout}{done.stderr}"]
    problems += [] if took and max(took) <= BAR else [f"the last was reverted after {max(took, default=9):.3f} s, bar {BAR} s"]
    problems += [f"exit code {code}, expected 5: {run.text()[-900:]}" for code, run in zip(codes, runs) if code != 5]
    stopped = [v.pid for v in victims if "\nState:\tT" in read(f"/proc/{v.pid}/status")]
    problems += [f"{len(stopped)} victims stand still"] if stopped else []
    said = json.loads(done.stdout)["took_ms"] if done.returncode == 0 else 0
    report.case(f"{len(runs)} runs, one halt", problems,
                f"reverted after {millis(took)}; halt says {said:.0f} ms; {flooding.made.value if flooding else 0} connections")
    for run in runs:
        run.end()
    for victim in victims:
        kill(victim.pid, signal.SIGCONT)
        victim.kill()
        victim.wait()
    server.terminate()
