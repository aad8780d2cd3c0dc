"""The certificates of one cluster, made by the openssl command: two authorities (clients and servers; the aggregator's
front), what they signed, and the key of the service accounts. Each is NAME.crt and NAME.key in one folder."""
import os
import subprocess

from .programs import program

# Without a section of extensions: openssl's own file would make an authority of each.
CONFIGURATION = "[req]\ndistinguished_name=dn\n[dn]\n"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, mode=0o700)
        self.configuration = f"{folder}/openssl.cnf"
        with open(self.configuration, "w") as file:
            file.write(CONFIGURATION)
        self.authority("ca")
        self.authority("front")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key("accounts"))
        self.openssl("pkey", "-in", self.key("accounts"), "-pubout", "-out", f"{folder}/accounts.pub")

    def crt(self, name):
        return f"{self.folder}/{name}.crt"

    def key(self, name):
        return f"{self.folder}/{name}.key"

    def authority(self, name):
        self.request(name, f"/CN=ordeal-test-{name}",
                     ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"])

    def client(self, name, user, group=None, signer="ca"):
        """One that the API server knows as this user of this group."""
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        self.request(name, subject, ["basicConstraints=CA:FALSE", "extendedKeyUsage=clientAuth"], signer)

    def server(self, name, *hosts):
        """`hosts` as openssl names them: IP:127.0.0.1, DNS:localhost."""
        self.request(name, f"/CN={name}", ["basicConstraints=CA:FALSE", "extendedKeyUsage=serverAuth",
                                           "subjectAltName=" + ",".join(hosts)], "ca")

    def request(self, name, subject, extensions, signer=None):
        signed = ["-CA", self.crt(signer), "-CAkey", self.key(signer)] if signer else []
        added = [word for extension in extensions for word in ("-addext", extension)]
        self.openssl("req", "-x509", "-config", self.configuration, *KEY, "-keyout", self.key(name), "-out", self.crt(name),
                     "-subj", subject, "-days", "30", *added, *signed)

    def openssl(self, *words):
        done = subprocess.run([program("openssl"), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {' '.join(words)}: {done.stderr.strip()}")
