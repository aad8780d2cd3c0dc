"""How long certificates last, seen on real TLS servers of the test's own: valid, expired, soon to expire, an expired link in the
chain, another name, none at all. At most four runs at a time, as each must answer within 5 s; only one needs root."""
import concurrent.futures
import contextlib
import datetime
import json
import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import unittest

from program import ENVIRONMENT, ORDEAL, Case, main

CONFIGURATION = """
[ca]
default_ca=here
[here]
database={folder}/index.txt
new_certs_dir={folder}
rand_serial=yes
default_md=sha256
policy=any
email_in_dn=no
unique_subject=no
[any]
commonName=supplied
[req]
distinguished_name=dn
[dn]
"""
AUTHORITY = "basicConstraints=critical,CA:TRUE"
SERVER = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"


class Authority:
    """Certificates with any dates, by `openssl ca`; hours are from now."""

    def __init__(self, folder):
        self.folder = folder
        self.configuration = f"{folder}/openssl.cnf"
        with open(self.configuration, "w") as file:
            file.write(CONFIGURATION.format(folder=folder))
        open(f"{folder}/index.txt", "w").close()

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30)

    def issue(self, name, hours, begin=-48, by=None, extensions=SERVER):
        path = f"{self.folder}/{name}"
        self.openssl("req", "-config", self.configuration, "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-subj", f"/CN={name}", "-keyout", path + ".key", "-out", path + ".csr")
        with open(path + ".ext", "w") as file:
            file.write(extensions + "\n")
        signer = ["-selfsign", "-keyfile", path + ".key"] if by is None else \
            ["-cert", f"{self.folder}/{by}.crt", "-keyfile", f"{self.folder}/{by}.key"]
        now = datetime.datetime.now(datetime.timezone.utc)
        dates = [(now + datetime.timedelta(hours=h)).strftime("%Y%m%d%H%M%SZ") for h in (begin, hours)]
        self.openssl("ca", "-batch", "-notext", "-config", self.configuration, *signer, "-startdate", dates[0], "-enddate", dates[1],
                     "-in", path + ".csr", "-out", path + ".crt", "-extfile", path + ".ext")
        return name

    def chain(self, *names):
        """A file with all of them, and the key of the first."""
        path = f"{self.folder}/{'-'.join(names)}.chain"
        with open(path, "w") as file:
            for name in names:
                with open(f"{self.folder}/{name}.crt") as part:
                    file.write(part.read())
        return path, f"{self.folder}/{names[0]}.key"


class Server(threading.Thread):
    """Serves one chain; without one it speaks plain HTTP (a word is sent) or nothing at all."""

    def __init__(self, chain=None, plain=b"", host="127.0.0.1"):
        super().__init__(daemon=True)
        self.asked_for = []
        self.context = None
        self.plain = plain
        if chain:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*chain)
            self.context.sni_callback = lambda _, name, __: self.asked_for.append(name)
        self.socket = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        kept = []
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            connection.settimeout(5)
            if self.context:
                threading.Thread(target=self.shake_hands, args=(connection,), daemon=True).start()
            elif self.plain:
                connection.sendall(self.plain)
                connection.close()
            else:
                kept.append(connection)


    def shake_hands(self, connection):
        with contextlib.suppress(OSError), self.context.wrap_socket(connection, server_side=True) as done:
            done.recv(1)


class Look:
    """A run; `args` are those of the attack."""

    def __init__(self, folder, name, around=(), more=None, **args):
        self.name, self.state = name, f"{folder}/{name}.state"
        path = f"{folder}/{name}.json"
        with open(path, "w") as file:
            json.dump({"name": name, "target": {"type": "host"}, "baseline": "0s",
                       "attack": {"type": "certificate_expiry", "args": args, "length": "20s"}, **(more or {})}, file)
        self.argv = [*around, ORDEAL, "run", path, "--state-dir", self.state]

    def run(self):
        done = subprocess.run(self.argv, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.returncode, " ".join(done.stdout.split())


def run_all(looks):
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(Look.run, looks))


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="ordeal-cert-")
        made = cls.made = Authority(cls.folder)
        made.issue("root", 24 * 3650, extensions=AUTHORITY)
        made.issue("inner", 24 * 365, by="root", extensions=AUTHORITY)
        made.issue("inner-gone", -2, by="root", extensions=AUTHORITY)
        made.issue("good", 24 * 90, by="inner")
        made.issue("soon", 10.5, by="inner")
        made.issue("gone", -5, by="inner")
        made.issue("early", 24 * 90, begin=5, by="inner")
        made.issue("over-gone", 24 * 90, by="inner-gone")
        made.issue("alone", 24 * 90)
        made.issue("other", 24 * 90, by="inner", extensions="subjectAltName=DNS:other.example")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def serve(self, *names, **more):
        server = Server(self.made.chain(*names) if names else None, **more)
        self.addCleanup(server.socket.close)
        return server

    def look(self, name, server, **args):
        args = {"hosts": "127.0.0.1", "port": server if isinstance(server, int) else server.port, **args}
        return Look(self.folder, name, **{key: value for key, value in args.items() if value is not None})

    def test_each_chain_is_judged_by_the_first_to_expire(self):
        good, soon = self.serve("good", "inner"), self.serve("soon", "inner")
        alone, other, named = self.serve("alone"), self.serve("other", "inner"), self.serve("good", "inner")
        with socket.create_server(("127.0.0.1", 0)) as free:
            closed = free.getsockname()[1]
        mute = self.serve()
        cases = [
            (self.look("good", good), 0, ["1 expectation held; nothing was injected"], ["self-signed", "not for the name"]),
            (self.look("soon-for-a-month", soon), 1, ["soon (1 of 2), until", "fell to 10."], []),
            (self.look("soon-for-nine-hours", soon, hours=9), 0, [], []),
            (self.look("soon-for-eleven-hours", soon, hours=11), 1, [], []),
            (self.look("expired", self.serve("gone", "inner"), hours=0), 1, ["gone (1 of 2), until"], []),
            (self.look("expired-link", self.serve("over-gone", "inner-gone"), hours=0), 1, ["inner-gone (2 of 2), until"], []),
            (self.look("not-yet", self.serve("early", "inner")), 1, ["early (1 of 2) is not valid before"], []),
            (self.look("self-signed", alone), 0, ["self-signed by alone"], []),
            # Nobody was asked for by name at a bare address; else it is the certificate of somebody else.
            (self.look("other-name", other), 0, ["not for the name 127.0.0.1: it is for other"], []),
            (self.look("other-host", other, hosts="localhost", family="ipv4"), 1,
             ["the certificate is not for the name localhost: it is for other"], []),
            (self.look("other-name-asked-for-in-vain", good, server_name="shop.example"), 1,
             ["the certificate is not for the name shop.example: it is for good"], []),
            (self.look("plain-name", named, hosts="localhost", family="ipv4"), 0, [], []),
            (self.look("other-name-asked-for", other, server_name="other.example"), 0, [], ["not for the name"]),
            (self.look("both", good, hosts=["127.0.0.1", "localhost"], family="ipv4"), 0, ["2 expectations held"], []),
            (self.look("plain", self.serve(plain=b"HTTP/1.1 400 Bad Request\r\n\r\n")), 1, ["no TLS with 127.0.0.1"], []),
            (self.look("mute", mute), 1, ["no TLS with 127.0.0.1", "no response within 5000 ms"], []),
            (self.look("closed", closed), 1, ["no TLS with 127.0.0.1"], []),
            (self.look("no-such-name", good, hosts="no-such-name.invalid"), 4, ["could not be watched"], []),
        ]
        results = run_all(case[0] for case in cases)
        for (look, code, texts, absent), (got, output) in zip(cases, results):
            with self.subTest(look.name):
                self.assertEqual(got, code, output)
                for text in texts:
                    self.assertIn(text, output)
                for text in absent:
                    self.assertNotIn(text, output)
        self.assertEqual({name for name in other.asked_for}, {None, "localhost", "other.example"})
        self.assertEqual(set(named.asked_for), {"localhost"})

    @unittest.skipUnless(os.geteuid() == 0, "another /etc/resolv.conf needs root")
    def test_a_name_server_that_says_nothing_is_no_deviation(self):
        resolver = f"{self.folder}/resolv.conf"
        with open(resolver, "w") as file:
            file.write("nameserver 192.0.2.1\n")  # a route, and nobody there
        silent = ["unshare", "--mount", "--net", "sh", "-c",
                  f'ip link set lo up && ip route add 192.0.2.1 dev lo && mount --bind {resolver} /etc/resolv.conf && exec "$@"', "sh"]
        got, output = Look(self.folder, "silent-names", around=silent, hosts="shop.example").run()
        self.assertEqual(got, 4, output)
        self.assertIn("its name was not resolved within 5000 ms", output)

    def test_what_a_look_does_not_do_is_said(self):
        looked = self.look("more", self.serve("good", "inner"), more={
            "expect": [{"name": "mine", "probe": {"command": ["true"]}, "condition": "result == 0", "when": "before"}],
            "budget": {"slo": f"{self.folder}/none.yaml"}})
        _, output = looked.run()
        self.assertIn('"mine" is watched during the look', output)
        self.assertIn("no error budget is weighed for a look", output)

    def test_over_either_ip(self):
        try:
            wide = self.serve("good", "inner", host="::1")
        except OSError:
            self.skipTest("no IPv6 here")
        cases = [(self.look("v6", wide, hosts=None, ips="::1"), 0), (self.look("v6-by-name", wide, hosts="localhost", family="ipv6"), 0),
                 (self.look("v4-only", wide, hosts="localhost", family="ipv4"), 1)]
        for (look, code), (got, output) in zip(cases, run_all(case[0] for case in cases)):
            with self.subTest(look.name):
                self.assertEqual(got, code, output)

    def test_a_look_has_no_guard_and_no_victim(self):
        look = self.look("recorded", self.serve("good", "inner"))
        look.run()
        kept = sqlite3.connect(f"file:{look.state}/runs.sqlite?mode=ro", uri=True)
        types = [json.loads(line)["type"] for (line,) in kept.execute("SELECT json FROM event ORDER BY seq")]
        self.assertEqual(kept.execute("SELECT verdict, exit FROM run").fetchall(), [("held", 0)])
        kept.close()
        self.assertIn("reading", types)
        self.assertEqual([kind for kind in types if kind in ("inject", "reverted", "proof")], [])


class Probe(Case):
    """The same as an expectation beside any attack."""

    def test_check_reads_the_hours(self):
        folder = self.folder
        made = Authority(folder)
        made.issue("alone", 100)
        server = Server(made.chain("alone"))
        self.addCleanup(server.socket.close)
        probe = {"certificate": {"host": "127.0.0.1", "port": server.port}}
        for hours, code in ((99, 0), (101, 1)):
            path = self.file("e.yaml", {"name": "x", "target": {"type": "host"}, "attack": {"type": "cpu"},
                                        "expect": [{"name": "tls", "probe": probe, "condition": f"result >= {hours}"}]})
            done = self.run_ordeal("check", path, state=False)
            self.assertEqual(done.returncode, code, done)
            self.assertIn("self-signed by alone", done.stdout.decode())


if __name__ == "__main__":
    main()
