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


def cpu_of(pid):
    """Seconds that a process of ours has used."""
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server, probe, url, *options):
    """Seconds of the fastest of three, and the least CPU of both sides."""
    times = []
    for _ in range(3):
        before = cpu_of(server.pid) + sum(os.times()[2:4])
        done = subprocess.run([probe, "get", url, *options], capture_output=True, text=True, check=True)
        used = cpu_of(server.pid) + sum(os.times()[2:4]) - before
        times.append((float(done.stdout.split()[-1]), used))
    return [min(column) for column in zip(*times)]


def main():
    probe, mebibytes = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    lines = 200_000
    with tempfile.TemporaryDirectory() as folder:
        files = make_certificate(folder)
        for scheme, words, trust in (("http", [], []), ("https", files, ["--ca", files[0]])):
            server = subprocess.Popen([probe, "serve", *words], stdout=subprocess.PIPE, text=True)
            base = f"{scheme}://127.0.0.1:{int(server.stdout.readline())}"
            for what, amount, unit, path, options in (("down", mebibytes, "MiB", f"/bytes?{mebibytes}", []),
                                                      ("up", mebibytes, "MiB", "/sink", ["--upload", str(mebibytes)]),
                                                      ("lines", lines, "lines", f"/lines?{lines}", ["--lines"])):
                seconds, cpu = measure(server, probe, base + path, *trust, *options)
                print(f"{scheme:5} {what:5} {amount / seconds:8.0f} {unit}/s   {amount / cpu:8.0f} {unit} per CPU second "
                      "of both sides", flush=True)
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main()
