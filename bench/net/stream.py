#!/usr/bin/env python3
"""Throughput of a stream over loopback, our server to our client and back, each a process, with and without TLS.

    stream.py HTTP_PROBE [MIB]        HTTP_PROBE is build/release/bin/http_probe; 1024 MiB by default; best of three
"""
import os
import signal
import subprocess
import sys
import tempfile


def make_certificate(folder):
    files = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    os.chmod(files[1], 0o600)
    return files


def measure(probe, url, *options):
    """Seconds of the fastest of three."""
    times = []
    for _ in range(3):
        done = subprocess.run([probe, "get", url, *options], capture_output=True, text=True, check=True)
        times.append(float(done.stdout.split()[-1]))
    return min(times)


def main():
    probe, mebibytes = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    with tempfile.TemporaryDirectory() as folder:
        files = make_certificate(folder)
        for scheme, words, trust in (("http", [], []), ("https", files, ["--ca", files[0]])):
            server = subprocess.Popen([probe, "serve", *words], stdout=subprocess.PIPE, text=True)
            base = f"{scheme}://127.0.0.1:{int(server.stdout.readline())}"
            lines = 1_000_000
            down = measure(probe, f"{base}/bytes?{mebibytes}", *trust)
            up = measure(probe, f"{base}/sink", *trust, "--upload", str(mebibytes))
            line = measure(probe, f"{base}/lines?{lines}", *trust, "--lines")
            print(f"{scheme:5}  down {mebibytes / down:7.0f} MiB/s   up {mebibytes / up:7.0f} MiB/s   "
                  f"one line a write {lines / line:9.0f} lines/s")
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main()
