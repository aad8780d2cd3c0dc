"""A page and a Prometheus' API on an address that a controller asks (it asks nothing of its own loopback), over TLS with clients
that have to show a certificate."""
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from .certificates import Certificates


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("192.0.2.1", 9))  # sends nothing
        return one.getsockname()[0]


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(urlsplit(self.path).query)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def answer(self, query):
        path = urlsplit(self.path).path
        self.server.asked.append((path, parse_qs(query), self.common_name()))
        data = {"/api/v1/status/buildinfo": {"version": "3.1.0"}, "/api/v1/targets": {"activeTargets": []}}.get(path)
        value = [time.time(), str(time.time()) if "timestamp(" in query else "1"]
        body = json.dumps({"status": "success", "data": data or {
            "resultType": "vector", "result": [{"metric": {"__name__": "up"}, "value": value}]}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def common_name(self):
        subject = dict(pair for part in self.connection.getpeercert()["subject"] for pair in part)
        return subject["commonName"]

    def log_message(self, *_):
        pass


class Guarded(ThreadingHTTPServer):
    """A Prometheus in which every series is 1, for those whose certificate is signed by its authority `ca`. The authority
    `front` is one that it does not know."""
    daemon_threads = True

    def __init__(self, folder):
        self.pki, self.asked = Certificates(folder), []
        super().__init__((own_address(), 0), Answers)
        self.pki.server("prometheus", f"IP:{own_address()}")
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.pki.crt("ca"))
        self.tls.load_cert_chain(self.pki.crt("prometheus"), self.pki.key("prometheus"))
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.url = f"https://{own_address()}:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(10)
        return self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_):
        """Of clients that it refuses."""

    def close(self):
        self.shutdown()
        self.server_close()
