#!/usr/bin/env python3
"""Our client and server against those of others, over loopback: curl, openssl s_client and s_server, Python's ssl and
http.server. argv: http_probe. Needs the program openssl; curl is used where it is installed."""
import http.client
import http.server
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

PROBE = sys.argv.pop(1)


def run(*words, text=None, timeout=30):
    return subprocess.run([str(w) for w in words], input=text, capture_output=True, text=True, timeout=timeout)


def openssl(*words):
    done = run("openssl", *words)
    if done.returncode:
        raise RuntimeError(done.stderr)


class Authority:
    """An authority in a folder, and certificates of it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca = self.folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=Test authority", "-keyout", self.folder / "ca.key", "-out", self.ca)

    def issue(self, name, names="DNS:localhost,IP:127.0.0.1"):
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-days", "1",
                "-CAcreateserial", "-extfile", extensions, "-out", certificate)
        key.chmod(0o600)
        return certificate, key


class Served:
    """http_probe serve, for the length of a with."""

    def __init__(self, *words):
        self.process = subprocess.Popen([PROBE, "serve", *map(str, words)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)
        self.process.stdout.close()

    def resident_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = f"{self.headers.get('Authorization')} {self.request.getpeercert() if self.tls() else 'plain'}".encode()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (body[:5], body[5:], b"\nlast\n"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(0.02)
        self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        size = 0
        while (length := int(self.rfile.readline(), 16)):
            size += len(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        answer = b"%d\n" % size
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def tls(self):
        return isinstance(self.request, ssl.SSLSocket)


class PythonServer:
    def __init__(self, context=None):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        self.server.handle_error = lambda *_: None
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Foreign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.authority = Authority(cls.folder.name)
        cls.files = cls.authority.issue("good")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def get(self, url, *options):
        return run(PROBE, "get", url, *options)

    def client_context(self):
        return ssl.create_default_context(cafile=self.authority.ca)

    def server_context(self, client_certificate=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files)
        if client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority.ca)
        return context

    # Our server, clients of others.

    def test_python_reads_a_stream_over_tls(self):
        with Served(*self.files) as server:
            connection = http.client.HTTPSConnection("localhost", server.port, context=self.client_context(), timeout=20)
            connection.request("GET", "/lines?5000")
            lines = connection.getresponse().read().splitlines()
            self.assertEqual(lines[-1], b'{"line": 4999}')
            self.assertEqual(len(lines), 5000)
            connection.request("GET", "/")
            self.assertEqual(connection.getresponse().read(), b"hello\n")
            connection.close()

    def test_openssl_sees_the_chain_and_tls_1_1_is_refused(self):
        with Served(*self.files) as server:
            words = ["s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", self.authority.ca,
                     "-verify_return_error", "-quiet", "-ign_eof"]
            asked = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
            self.assertIn("hello", run("openssl", *words, "-verify_ip", "127.0.0.1", text=asked).stdout)
            self.assertIn("hello", run("openssl", *words, "-tls1_2", text=asked).stdout)
            self.assertNotIn("hello", run("openssl", *words, "-verify_ip", "127.0.0.2", text=asked).stdout)
            self.assertNotIn("hello", run("openssl", *words, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", text=asked).stdout)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl_streams_in_both_directions(self):
        with Served(*self.files) as server:
            curl = ["curl", "-sS", "--cacert", self.authority.ca]
            base = f"https://localhost:{server.port}"
            self.assertEqual(run(*curl, f"{base}/bytes?20", "-o", "/dev/null", "-w", "%{size_download}").stdout,
                             str(20 << 20))
            big = Path(self.folder.name) / "big"
            big.write_bytes(b"x" * (5 << 20))
            self.assertEqual(run(*curl, "-T", big, "-X", "POST", f"{base}/sink").stdout, f"whole {5 << 20}\n")
            events = run(*curl, "-N", "--max-time", "1", f"{base}/events").stdout
            self.assertRegex(events, r"^retry: 2000\n\nid: 0:1\nevent: tick\ndata: 0\n\nid: 0:2\n")

    def test_a_client_that_closes_its_side_of_tls_gets_its_answer(self):
        with Served(*self.files) as server:
            with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
                with self.client_context().wrap_socket(plain, server_hostname="localhost") as tls:
                    tls.sendall(b"GET /lines?3 HTTP/1.1\r\nConnection: close\r\n\r\n")
                    plain_shutdown = socket.socket.shutdown
                    plain_shutdown(tls, socket.SHUT_WR)
                    answer = b""
                    try:
                        while piece := tls.recv(65536):
                            answer += piece
                    except ssl.SSLError:
                        pass
                    self.assertIn(b'{"line": 2}', answer)

    def test_readers_that_stall_take_a_bounded_amount_of_memory(self):
        if b"__asan_init" in Path(PROBE).read_bytes():
            self.skipTest("AddressSanitizer keeps what was freed")
        with Served(*self.files) as server:
            run(PROBE, "get", f"https://127.0.0.1:{server.port}/bytes?50", "--ca", self.authority.ca)
            before = server.resident_kib()
            stalled = []
            for _ in range(20):
                plain = socket.create_connection(("127.0.0.1", server.port), 10)
                tls = self.client_context().wrap_socket(plain, server_hostname="localhost")
                tls.sendall(b"GET /bytes?1000 HTTP/1.1\r\n\r\n")
                stalled.append(tls)
            time.sleep(1)
            grown = server.resident_kib() - before
            for tls in stalled:
                tls.close()
            self.assertLess(grown, 20 * 512, "KiB for 20 readers")

    # Our client, servers of others.

    def test_the_client_shows_its_certificate_and_token(self):
        token = Path(self.folder.name) / "token"
        token.write_text("abc\n")
        with PythonServer(self.server_context(client_certificate=True)) as server:
            url = f"https://localhost:{server.port}/"
            ca = ["--ca", self.authority.ca]
            certificate, key = self.authority.issue("me")
            told = self.get(url, *ca, "--certificate", certificate, "--key", key, "--token", token, "--lines")
            self.assertEqual(told.returncode, 0, told.stdout)
            self.assertIn("Bearer abc", told.stdout)
            self.assertIn("(('commonName', 'me'),)", told.stdout)
            self.assertIn("\nlast\n", told.stdout)
            none = self.get(url, *ca)
            self.assertEqual(none.returncode, 1)
            # "certificate required", or a reset that came before it could be read.
            self.assertRegex(none.stdout, "^failed: ")
            other_key = self.get(url, *ca, "--certificate", certificate, "--key", self.files[1])
            self.assertRegex(other_key.stdout, "failed: ")
            self.assertNotIn("head", other_key.stdout)

    def test_the_client_takes_no_certificate_of_others_unless_told(self):
        with PythonServer(self.server_context()) as server:
            url = f"https://127.0.0.1:{server.port}/"
            self.assertRegex(self.get(url).stdout, "failed: .*certificate")
            self.assertIn("head 200", self.get(url, "--insecure").stdout)
            self.assertIn("head 200", self.get(url, "--ca", self.authority.ca).stdout)

    def test_s_server_with_a_certificate_for_another_name_is_refused(self):
        certificate, key = self.authority.issue("elsewhere", "DNS:elsewhere.invalid")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key",
                                   key, "-www", "-quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                told = self.get(f"https://localhost:{port}/", "--ca", self.authority.ca).stdout
                if "Failed to connect" not in told:
                    break
                time.sleep(0.05)
            self.assertRegex(told, "failed: .*certificate subject name")
            self.assertIn("head 200", self.get(f"https://localhost:{port}/", "--insecure").stdout)
        finally:
            server.kill()
            server.wait()

    def test_pythons_server_takes_a_body_in_chunks(self):
        for context, scheme in ((None, "http"), (self.server_context(), "https")):
            with PythonServer(context) as server:
                told = self.get(f"{scheme}://localhost:{server.port}/", "--ca", self.authority.ca, "--upload", "9",
                                "--lines")
                self.assertIn(f"\n{9 << 20}\n", told.stdout)

    def test_a_peer_that_cuts_a_tls_stream_is_a_failure(self):
        def talk(listening):
            plain, _ = listening.accept()
            with self.server_context().wrap_socket(plain, server_side=True) as tls:
                tls.recv(4096)
                tls.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\none\ntwo\n\r\n")
                os.close(os.dup(tls.fileno()))
                socket.socket.shutdown(tls, socket.SHUT_RDWR)

        with socket.create_server(("127.0.0.1", 0)) as listening:
            threading.Thread(target=talk, args=(listening,), daemon=True).start()
            told = self.get(f"https://localhost:{listening.getsockname()[1]}/", "--ca", self.authority.ca, "--lines")
            self.assertRegex(told.stdout, r"^head 200\none\ntwo\nfailed: ")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
